/**
 * Takes back what a repair did: each of its transactions, the last one first, and only where nobody
 * changed the keys since.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import type { Compare, Operation } from "../../etcd/store.ts";
import type { IpamContext } from "../context.ts";
import { META_ERA } from "../keys.ts";
import type { ChangedKey, JournalEntry } from "./journal.ts";

/** What became of one entry of the undo file. */
export interface Undone {
  readonly code: string;
  readonly object: string;
  /**
   * `changed`: somebody changed one of the keys since, or the repair did not do it. `manual`: it is
   * not a matter of the store; `steps` say what to do.
   */
  readonly outcome: "done" | "changed" | "manual" | "nothing";
  readonly steps: readonly string[];
}

/**
 * Undoes the entries.
 *
 * @throws {FabricError} `invalid`: they are of another store.
 */
export async function* undoRepair(
  context: IpamContext,
  entries: readonly JournalEntry[],
): AsyncGenerator<Undone> {
  const [head] = entries;
  const { header } = await context.store.range({ key: META_ERA });
  if (head?.kind === "repair" && head.clusterId !== header.clusterId) {
    throw new FabricError("invalid", "The undo file is of another etcd cluster", {
      field: "--undo",
      value: head.clusterId,
      remedy: "name the etcd that was repaired with --endpoints",
    });
  }
  for (const entry of entries.toReversed()) {
    if (entry.kind === "repair") continue;
    const { code, object } = entry;
    if (entry.kind === "other") {
      const outcome = entry.undo.length === 0 ? "nothing" : "manual";
      yield { code, object, outcome, steps: entry.undo };
      continue;
    }
    const changes = entry.changes.filter(canUndo);
    const steps = changes.map(({ key, before }) =>
      before === null ? `remove ${key}` : `write ${key} as it was`
    );
    if (changes.length === 0) {
      yield { code, object, outcome: "nothing", steps };
      continue;
    }
    const { succeeded } = await context.store.txn({
      compare: changes.map(isAsRepaired),
      success: changes.map(putBack),
    });
    yield { code, object, outcome: succeeded ? "done" : "changed", steps };
  }
}

/** What had a lease ends by itself, and what was no text cannot be written. */
function canUndo({ leased, before }: ChangedKey): boolean {
  return leased !== true && before !== undefined;
}

function isAsRepaired({ key, after }: ChangedKey): Compare {
  return after === null
    ? { key, target: "create", op: "=", revision: 0 }
    : { key, target: "value", op: "=", value: after };
}

function putBack({ key, before }: ChangedKey): Operation {
  return typeof before === "string" ? { put: key, value: before } : { delete: { key } };
}
