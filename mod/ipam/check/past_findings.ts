/**
 * Intervals of an address that overlap, looked at a second time.
 *
 * @module
 */

import type { KeyValue } from "../../etcd/store.ts";
import { prefixEnd } from "../../etcd/store.ts";
import { addressFromHex, formatAddress } from "../../ip/address.ts";
import { type HistoryRecord, HistoryRecordSchema } from "../../model/records.ts";
import { PREFIXES } from "../keys.ts";
import { ORDER } from "../repair/action.ts";
import { storeAction } from "../repair/store_action.ts";
import { rewrite, together } from "../repair/rebuild.ts";
import { decodeRecord } from "../stored.ts";
import type { Finding } from "./finding.ts";
import { seen } from "./judge.ts";
import { HISTORY_KINDS } from "./kinds/history.ts";
import { readInterval } from "./pairs.ts";
import { overlapping, revisionInterval } from "./scan_past.ts";
import { scanWindows, type Snapshot } from "./windows.ts";

/** `places`: `4/<hex>` of addresses. */
export async function overlapFindings(
  snapshot: Snapshot,
  places: readonly string[],
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const place of places) {
    const prefix = `${PREFIXES.history}${place}/`;
    const kvs = new Map<string, KeyValue>();
    const intervals = [];
    for await (const page of scanWindows(snapshot, { key: prefix, end: prefixEnd(prefix) })) {
      for (const kv of page) {
        const record = readInterval(kv);
        const interval = record === undefined ? undefined : revisionInterval(kv, record);
        if (interval === undefined) continue;
        kvs.set(kv.key, kv);
        intervals.push(interval);
      }
    }
    for (const [before, after] of overlapping(intervals)) {
      const [one, other] = [kvs.get(before.key), kvs.get(after.key)];
      if (one === undefined || other === undefined) continue;
      findings.push(overlapFinding(place, one, other));
    }
  }
  return findings;
}

function overlapFinding(place: string, one: KeyValue, other: KeyValue): Finding {
  const kind = HISTORY_KINDS.overlap;
  const [a, b] = [decodeRecord(HistoryRecordSchema, one), decodeRecord(HistoryRecordSchema, other)];
  const object = `history of ${formatAddress(addressFromHex(place.slice(2)))}`;
  return {
    kind,
    object,
    detail: `the interval that began at revision ${one.createRevision} was last changed at ` +
      `${one.modRevision}, after the next began at ${other.createRevision}`,
    evidence: [
      seen({ key: one.key, kv: one }, `${a.start} to ${a.end ?? "now"}`),
      seen({ key: other.key, kv: other }, `${b.start} to ${b.end ?? "now"}`),
    ],
    action: storeAction({
      subject: { code: kind.code, object },
      ...together(
        rewrite({ key: one.key, kv: one }, dispute(a, b)),
        // What is still open is ended by its DEL, at a revision that counts.
        ...b.end === undefined ? [] : [rewrite({ key: other.key, kv: other }, dispute(b, a))],
      ),
      steps: ["mark both intervals as disputed"],
      order: ORDER.derived,
    }),
  };
}

function dispute(record: HistoryRecord, other: HistoryRecord): HistoryRecord {
  return { ...record, disputed: [...record.disputed ?? [], other.id] };
}
