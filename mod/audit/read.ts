/**
 * Reading the audit, checking its chain, trimming what is old.
 *
 * @module
 */

import { readPages } from "../etcd/pages.ts";
import { type Store, underPrefix } from "../etcd/store.ts";
import { decodeRecord, encodeRecord } from "../ipam/stored.ts";
import { appendAudit, readHead } from "./append.ts";
import {
  AUDIT_ENTRIES,
  AUDIT_FLOOR,
  AUDIT_HEAD,
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

/** Both ends of the chain as they were at one revision. */
async function readMarks(store: Store) {
  const read = await store.txn({
    success: [{ range: { key: AUDIT_HEAD } }, { range: { key: AUDIT_FLOOR } }],
  });
  const [head, floor] = read.results.map((result) => {
    const kv = result.kind === "range" ? result.response.kvs[0] : undefined;
    return kv === undefined ? GENESIS : decodeRecord(AuditMarkSchema, kv);
  });
  return { head: head ?? GENESIS, floor: floor ?? GENESIS, revision: read.header.revision };
}

/** All entries, oldest first. */
export async function* readAudit(store: Store): AsyncGenerator<AuditEntry> {
  for await (const page of readPages(store, underPrefix(AUDIT_ENTRIES))) {
    for (const kv of page) yield decodeRecord(AuditEntrySchema, kv);
  }
}

/** The action of the entry that says what retention took away. */
export const TRIMMED = "trimAudit";

/** A fault of the chain. */
export interface AuditFault {
  readonly seq: number;
  readonly what: "missing" | "changed" | "unlinked" | "unreadable" | "surplus" | "beginning";
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
  const { head, floor, revision } = await readMarks(store);
  const faults: AuditFault[] = [];
  let expected = floor;
  let entries = 0;
  const tell = (seq: number, what: AuditFault["what"], detail: string): void => {
    if (faults.length < MAX_FAULTS) faults.push({ seq, what, detail });
  };
  let trimmed: unknown = { seq: 0, hash: GENESIS.hash };
  for await (const page of readPages(store, underPrefix(AUDIT_ENTRIES), { revision })) {
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
      if (entry.action === TRIMMED) trimmed = entry.after;
      expected = { v: 1, seq, hash: entry.hash };
    }
  }
  if (expected.seq !== head.seq || expected.hash !== head.hash) {
    tell(head.seq, "missing", `the newest that there is, is ${expected.seq}`);
  }
  if (JSON.stringify(trimmed) !== JSON.stringify({ seq: floor.seq, hash: floor.hash })) {
    tell(floor.seq, "beginning", "no entry says that retention took what is before it");
  }
  return { entries, first: floor.seq + 1, last: expected.seq, faults };
}

/** What is kept. */
export interface AuditRetention {
  readonly maxAgeMs?: number | undefined;
  readonly maxEntries?: number | undefined;
}

/** At most so many entries go in one transaction. */
const TRIM_STEP = 1000;

/**
 * Trims what is too old and too much, and says so in the audit itself, in the same transaction: the
 * new beginning of the chain stands in an entry of it.
 *
 * @returns how many entries went.
 */
export async function trimAudit(
  store: Store,
  options: AuditRetention & { readonly now: number; readonly by: AuditEvent },
): Promise<number> {
  let trimmed = 0;
  while (true) {
    const step = await trimStep(store, options);
    trimmed += step;
    if (step < TRIM_STEP) return trimmed;
  }
}

async function trimStep(
  store: Store,
  { maxAgeMs, maxEntries, now, by }: AuditRetention & {
    readonly now: number;
    readonly by: AuditEvent;
  },
): Promise<number> {
  const [{ head }, floor] = await Promise.all([readHead(store), readFloor(store)]);
  const surplus = maxEntries === undefined ? 0 : head.seq - floor.seq - maxEntries;
  let through: AuditEntry | undefined;
  for await (const entry of readAudit(store)) {
    const tooOld = maxAgeMs !== undefined && now - Date.parse(entry.at) > maxAgeMs;
    const tooMany = entry.seq - floor.seq <= surplus;
    if ((!tooOld && !tooMany) || entry.seq - floor.seq > TRIM_STEP) break;
    through = entry;
  }
  if (through === undefined) return 0;
  const { seq, hash } = through;
  const event = { ...by, action: TRIMMED, before: floor.seq, after: { seq, hash } };
  const written = await appendAudit(store, [{ event }], {
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
  // Another server trims at the same time: it will do.
  return written === undefined ? 0 : seq - floor.seq;
}
