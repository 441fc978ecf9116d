/**
 * `<error>` of RFC 7047, 3.1, and where a transaction's result carries it (4.1.3): in the place of
 * the operation that failed, with `null` for those behind it; or, when all of them passed and the
 * commit failed, as one further element at the end.
 *
 * @module
 */

import * as v from "valibot";
import { type ErrorKind, FabricError } from "../error.ts";

const ErrorObject = v.object({ error: v.string(), details: v.optional(v.string()) });

/** RFC 7047, 3.1 and 5.2, and what ovsdb-server adds; any other is a fault of ours. */
const KIND_OF: ReadonlyMap<string, ErrorKind> = new Map([
  ["timed out", "conflict"],
  ["constraint violation", "conflict"],
  ["referential integrity violation", "conflict"],
  ["duplicate uuid", "conflict"],
  ["not allowed", "forbidden"],
  ["permission error", "forbidden"],
  ["resources exhausted", "unavailable"],
  ["I/O error", "unavailable"],
  ["canceled", "unavailable"],
  ["not leader", "unavailable"],
]);

/** An error of the server as ours; `details.reason` is the RFC's string. */
export function ovsdbError(value: unknown, operation?: number): FabricError {
  const parsed = v.safeParse(ErrorObject, value);
  const reason = parsed.success ? parsed.output.error : JSON.stringify(value);
  const text = parsed.success ? parsed.output.details : undefined;
  return new FabricError(
    KIND_OF.get(reason) ?? "internal",
    `ovsdb-server refused: ${text === undefined ? reason : `${reason}: ${text}`}`,
    { details: { reason, ...(operation === undefined ? {} : { operation }) } },
  );
}

/**
 * The results of a transaction that was carried out.
 *
 * @param count How many operations were asked.
 * @throws {FabricError} With `details.reason` and `details.operation`, the index of the one that
 * failed; `count` itself when the commit did. A `wait` that did not hold is `conflict` with the
 * reason `timed out`.
 */
export function checkResults(results: readonly unknown[], count: number): readonly unknown[] {
  for (const [index, result] of results.entries()) {
    if (v.is(ErrorObject, result)) throw ovsdbError(result, index);
  }
  if (results.length !== count) {
    throw new FabricError(
      "internal",
      `ovsdb-server answered ${results.length} results to ${count} operations`,
    );
  }
  return results;
}

/** The index of the operation whose `wait` did not hold, if that is what `error` says. */
export function failedWait(error: unknown): number | undefined {
  if (!(error instanceof FabricError) || error.details["reason"] !== "timed out") return undefined;
  const operation = error.details["operation"];
  return typeof operation === "number" ? operation : undefined;
}
