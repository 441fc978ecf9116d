/**
 * A change of a command, written down: begun before it is made, and ended with what came of it.
 *
 * @module
 */

import { asFabricError, type FabricError, isKind } from "../error.ts";
import { appendAudit, type AuditContext, beginAudit } from "./append.ts";
import type { AuditEvent, AuditHead, Outcome } from "./record.ts";

/** Who does what. */
export type AuditSubject = Pick<AuditHead, "who" | "way" | "from" | "action" | "object">;

/** What is told of a change beside. */
export interface AuditDone<T> {
  readonly value: T;
  readonly told: { readonly before?: unknown; readonly after?: unknown };
}

/** What an error says of the change that it ended. */
export function outcomeOf(error: FabricError): Outcome {
  if (isKind(error, "unknown-outcome")) return "unknown";
  return isKind(error, "unavailable", "internal", "host", "store-changed") ? "failed" : "refused";
}

/** Runs the change; what it throws is thrown on, when it is written down. */
export async function audited<T>(
  context: AuditContext,
  subject: AuditSubject,
  run: () => Promise<AuditDone<T>>,
): Promise<T> {
  const head = {
    at: new Date(context.now()).toISOString(),
    requestId: context.newId(),
    ...subject,
  };
  const inbox = await beginAudit(context, head);
  const end = async (rest: Pick<AuditEvent, "outcome" | "detail" | "before" | "after">) => {
    await appendAudit(context.store, [{ event: { ...head, ...rest }, inbox }]);
  };
  let done: AuditDone<T>;
  try {
    done = await run();
  } catch (cause) {
    const error = asFabricError(cause);
    // What is begun stays so where this fails, too, and the error of the change is what counts.
    await end({ outcome: outcomeOf(error), detail: error.message.slice(0, 500) }).catch(() => {});
    throw error;
  }
  await end({ outcome: "done", ...done.told });
  return done.value;
}
