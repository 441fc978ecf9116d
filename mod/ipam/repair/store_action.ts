/**
 * Actions on the store: one transaction under the compare that nothing of what the finding saw has
 * changed since.
 *
 * @module
 */

import { FabricError, isKind } from "../../error.ts";
import type { Compare, KeyValue, Operation, Store } from "../../etcd/store.ts";
import { keysOf } from "../allocate_state.ts";
import { MAX_OPERATIONS } from "../free.ts";
import { withLeases } from "../lease.ts";
import type { Action, Outcome, RepairTools } from "./action.ts";
import type { ChangedKey } from "./journal.ts";

/** A change of one key. */
export type Change =
  | { readonly put: string; readonly value: string; readonly leaseSeconds?: number }
  | { readonly delete: string };

/** What one transaction compares and changes. */
export interface StoreChanges {
  /** What must still be as the finding saw it. */
  readonly compare: readonly Compare[];
  readonly changes: readonly Change[];
}

/** A finding's name in the journal. */
export interface Subject {
  readonly code: string;
  readonly object: string;
}

/** Holds while the key is at the revision; 0: while it does not exist. */
export function ifAt(key: string, revision: number): Compare {
  return revision === 0
    ? { key, target: "create", op: "=", revision: 0 }
    : { key, target: "mod", op: "=", revision };
}

/** Holds while nobody wrote the key since the finding saw it. */
export function ifUnchanged(
  seen: { readonly key: string; readonly kv: KeyValue | undefined },
): Compare {
  return ifAt(seen.key, seen.kv?.modRevision ?? 0);
}

/** An action of one transaction. */
export function storeAction(
  input: StoreChanges & {
    readonly subject: Subject;
    readonly steps: readonly string[];
    readonly order: number;
  },
): Action {
  const { subject, steps, order } = input;
  return { steps, order, apply: (tools) => applyChanges(tools, input, subject) };
}

/** Makes the changes in one transaction, or none of them. */
export async function applyChanges(
  tools: RepairTools,
  { compare, changes }: StoreChanges,
  subject: Subject,
): Promise<Outcome> {
  const { ipam: { store }, journal } = tools;
  const unique = dedupe(changes);
  if (unique.length > MAX_OPERATIONS) {
    throw new FabricError("internal", `Repair of ${subject.object} takes ${unique.length} changes`);
  }
  const before = await readBefore(store, unique.map(keyOf));
  journal.write({
    kind: "store",
    ...subject,
    changes: unique.map((change, index) => changedKey(change, before[index])),
  });
  const seconds = [...new Set(unique.flatMap(leaseOf))];
  const response = await withLeases(tools.ipam, seconds, (leases) =>
    store.txn({
      compare,
      success: unique.map((change): Operation => {
        if ("delete" in change) return { delete: { key: change.delete } };
        const { put, value, leaseSeconds } = change;
        const lease = leaseSeconds === undefined
          ? undefined
          : leases[seconds.indexOf(leaseSeconds)];
        return lease === undefined ? { put, value } : { put, value, lease };
      }),
    }));
  return response.succeeded ? "done" : "changed";
}

function keyOf(change: Change): string {
  return "delete" in change ? change.delete : change.put;
}

function leaseOf(change: Change): readonly number[] {
  return "put" in change && change.leaseSeconds !== undefined ? [change.leaseSeconds] : [];
}

/** etcd allows a transaction one change of a key; the last one counts. */
function dedupe(changes: readonly Change[]): readonly Change[] {
  return [...new Map(changes.map((change) => [keyOf(change), change])).values()];
}

/** Undefined for a key whose value is no text. */
async function readBefore(
  store: Store,
  keys: readonly string[],
): Promise<readonly (KeyValue | null | undefined)[]> {
  try {
    const read = await store.txn({ success: keys.map((key) => ({ range: { key } })) });
    return keys.map((_, index) => keysOf(read.results[index])[0] ?? null);
  } catch (error) {
    if (!isKind(error, "internal")) throw error;
    if (keys.length === 1) return [undefined];
    return (await Promise.all(keys.map((key) => readBefore(store, [key])))).flat();
  }
}

function changedKey(change: Change, before: KeyValue | null | undefined): ChangedKey {
  const leased = leaseOf(change).length > 0 || typeof before?.lease === "string";
  return {
    key: keyOf(change),
    ...(before === undefined ? {} : { before: before === null ? null : before.value }),
    after: "delete" in change ? null : change.value,
    ...(leased ? { leased } : {}),
  };
}
