/**
 * Reading the audit, checking its chain, trimming what is old.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { readPages } from "../etcd/pages.ts";
import { type Store, underPrefix } from "../etcd/store.ts";
import { decodeRecord, encodeRecord } from "../ipam/stored.ts";
import { appendAudit, readHead } from "./append.ts";
import {
  AUDIT_ENTRIES,
  AUDIT_FLOOR,
  type AuditEntry,
  AuditEntrySchema,
  type AuditEvent,
  auditKey,
  type AuditMark,
  AuditMarkSchema,
  GENESIS,
  hashEntry,
} from "./record.ts";

/** The last entry that was trimmed; {@linkcode GENESIS} where none was. */
export async function readFloor(store: Store): Promise<AuditMark> {
  const { kvs: [kv] } = await store.range({ key: AUDIT_FLOOR });
  return kv === undefined ? GENESIS : decodeRecord(AuditMarkSchema, kv);
}

/** All entries, oldest first. */
export async function* readAudit(store: Store): AsyncGenerator<AuditEntry> {
  for await (const page of readPages(store, underPrefix(AUDIT_ENTRIES))) {
    for (const kv of page) yield decodeRecord(AuditEntrySchema, kv);
  }
}

/** A fault of the chain. */
export interface AuditFault {
  readonly seq: number;
  readonly what: "missing" | "changed" | "unlinked" | "unreadable" | "surplus";
  readonly detail: string;
}

/** What a look at the whole chain gave. */
export interface AuditVerdict {
  readonly entries: number;
  readonly first: number;
  readonly last: number;
  readonly faults: readonly AuditFault[];
}

/** No more faults than these are told. */
const MAX_FAULTS = 100;

/** Checks every entry and every link, from the last that was trimmed to the newest. */
export async function verifyAudit(store: Store): Promise<AuditVerdict> {
  // The head first: entries that come meanwhile are behind it, and are checked too.
  const { head } = await readHead(store);
  const floor = await readFloor(store);
  const faults: AuditFault[] = [];
  let expected = floor;
  let entries = 0;
  const tell = (seq: number, what: AuditFault["what"], detail: string): void => {
    if (faults.length < MAX_FAULTS) faults.push({ seq, what, detail });
  };
  for await (const page of readPages(store, underPrefix(AUDIT_ENTRIES))) {
    for (const kv of page) {
      const seq = Number(kv.key.slice(AUDIT_ENTRIES.length));
      let entry: AuditEntry;
      try {
        entry = decodeRecord(AuditEntrySchema, kv);
      } catch (error) {
        tell(seq, "unreadable", error instanceof Error ? error.message : String(error));
        continue;
      }
      entries++;
      if (seq <= floor.seq) tell(seq, "surplus", `everything up to ${floor.seq} was trimmed`);
      else if (seq !== expected.seq + 1) {
        tell(expected.seq + 1, "missing", `entry ${seq} follows ${expected.seq}`);
      } else if (entry.previous !== expected.hash) {
        tell(seq, "unlinked", `it does not follow entry ${expected.seq} as that stands`);
      }
      if (await hashEntry(entry) !== entry.hash || entry.seq !== seq) {
        tell(seq, "changed", "its content is not what was written");
      }
      expected = { v: 1, seq, hash: entry.hash };
    }
  }
  if (expected.seq < head.seq) tell(head.seq, "missing", `the newest is ${expected.seq}`);
  return { entries, first: floor.seq + 1, last: expected.seq, faults };
}

/** What is kept. */
export interface AuditRetention {
  readonly maxAgeMs?: number | undefined;
  readonly maxEntries?: number | undefined;
}

/**
 * Trims what is too old and too much, and says so in the audit itself: the new beginning of the
 * chain stands in an entry of it.
 *
 * @returns how many entries went.
 */
export async function trimAudit(
  store: Store,
  options: AuditRetention & { readonly now: number; readonly by: AuditEvent },
): Promise<number> {
  const { maxAgeMs, maxEntries, now, by } = options;
  const [{ head }, floor] = await Promise.all([readHead(store), readFloor(store)]);
  const surplus = maxEntries === undefined ? 0 : head.seq - floor.seq - maxEntries;
  let through: AuditEntry | undefined;
  for await (const entry of readAudit(store)) {
    const tooOld = maxAgeMs !== undefined && now - Date.parse(entry.at) > maxAgeMs;
    const tooMany = entry.seq - floor.seq <= surplus;
    if (!tooOld && !tooMany) break;
    through = entry;
  }
  if (through === undefined) return 0;
  const { seq, hash } = through;
  await appendAudit(store, [{ ...by, after: { trimmedThrough: seq, hash } }]);
  const response = await store.txn({
    compare: [
      floor.seq === 0
        ? { key: AUDIT_FLOOR, target: "create", op: "=", revision: 0 }
        : { key: AUDIT_FLOOR, target: "value", op: "=", value: encodeRecord(floor) },
    ],
    success: [
      { put: AUDIT_FLOOR, value: encodeRecord({ v: 1, seq, hash }) },
      { delete: { key: AUDIT_ENTRIES, end: auditKey(seq + 1) } },
    ],
  });
  if (!response.succeeded) {
    throw new FabricError("try-again", "The audit is being trimmed by somebody else");
  }
  return seq - floor.seq;
}
