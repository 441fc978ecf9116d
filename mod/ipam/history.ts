/**
 * Who had an address, and which addresses somebody had: answered by ranges of exactly the keys
 * concerned, also long after the network is gone.
 *
 * Order is by etcd revision, which no clock can disturb; the times are the clocks of the nodes that
 * wrote them and say so. So an interval may start "before" its predecessor ended: it is kept and
 * marked, and a question about that time names both.
 *
 * @module
 */

import * as v from "valibot";
import { readPages } from "../etcd/pages.ts";
import { type KeyValue, type Store, underPrefix } from "../etcd/store.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import type { OwnerRef } from "../model/identity.ts";
import { type HistoryRecord, HistoryRecordSchema } from "../model/records.ts";
import { historyByWorkloadPrefix, historyKey, historyPrefix } from "./keys.ts";
import { decodeRecord } from "./stored.ts";

/** One interval in which a holder had an address. */
export interface Interval {
  readonly record: HistoryRecord;
  /** Revision of the ADD that began it: the order of intervals. */
  readonly startRevision: number;
  /** Revision of what ended it; undefined while it lasts. */
  readonly endRevision: number | undefined;
  /**
   * Its start lies before the end of its predecessor in the same network, by the clocks of the two
   * nodes: one of these clocks was wrong by at least this, in milliseconds. 0: it does not.
   */
  readonly startsEarlyMs: number;
}

/** An interval that a question about a time names. */
export interface Holding extends Interval {
  /** False where the time is so near a limit of the interval that clocks may deceive. */
  readonly certain: boolean;
}

/** How far clocks of nodes may differ unless told otherwise. */
export const DEFAULT_SKEW_MS = 5_000;

/** The interval that a `history/` key holds; not yet compared with its predecessor. */
export function intervalOf(kv: KeyValue): Interval {
  const record = decodeRecord(HistoryRecordSchema, kv);
  return {
    record,
    startRevision: kv.createRevision,
    endRevision: record.end === undefined ? undefined : kv.modRevision,
    startsEarlyMs: 0,
  };
}

/** Sorts by revision and marks what starts before its predecessor in the same network ended. */
export function orderIntervals(intervals: readonly Interval[]): readonly Interval[] {
  const sorted = [...intervals].sort((a, b) =>
    a.startRevision - b.startRevision ||
    (a.record.address < b.record.address ? -1 : a.record.address > b.record.address ? 1 : 0)
  );
  // Networks may overlap on purpose: there, intervals of two networks run side by side.
  const latestEnd = new Map<string, number>();
  return sorted.map((interval) => {
    const { network, address, start, end } = interval.record;
    const segment = `${network.uid} ${address}`;
    const before = latestEnd.get(segment) ?? -Infinity;
    const early = before - Date.parse(start);
    const endMs = end === undefined ? -Infinity : Date.parse(end);
    latestEnd.set(segment, Math.max(before, endMs));
    return { ...interval, startsEarlyMs: early > 0 ? early : 0 };
  });
}

/**
 * All intervals of the address, in whatever network, ordered by etcd revision.
 *
 * @throws {FabricError} those of the store, and `schema` or `internal` for an unreadable record.
 */
export async function historyOf(store: Store, address: Address): Promise<readonly Interval[]> {
  const intervals: Interval[] = [];
  for await (const kvs of readPages(store, underPrefix(historyPrefix(address)))) {
    for (const kv of kvs) intervals.push(intervalOf(kv));
  }
  return orderIntervals(intervals);
}

/** Milliseconds of its start, and of its end (Infinity while it lasts). */
function limits(interval: Interval): { readonly start: number; readonly end: number } {
  const { start, end } = interval.record;
  return { start: Date.parse(start), end: end === undefined ? Infinity : Date.parse(end) };
}

/**
 * Who had the address at the time (milliseconds since the epoch). More than one holder is named
 * where the time is within the skew of a hand-over, and where the clocks contradict the order of
 * revisions; none of them is `certain` then. Networks that overlap are told apart by `network`.
 */
export async function whoHeld(
  store: Store,
  address: Address,
  time: number,
  options: { readonly skewMs?: number; readonly network?: string } = {},
): Promise<readonly Holding[]> {
  const { skewMs = DEFAULT_SKEW_MS, network } = options;
  const intervals = (await historyOf(store, address))
    .filter((interval) => network === undefined || interval.record.network.name === network);
  const named = intervals.filter((interval) => {
    const { start, end } = limits(interval);
    return start - skewMs <= time && time <= end + skewMs;
  });
  return named.map((interval) => {
    const { start, end } = limits(interval);
    const inside = start + skewMs <= time && time <= end - skewMs;
    const rivals = named.some((other) =>
      other !== interval && other.record.network.uid === interval.record.network.uid
    );
    return { ...interval, certain: inside && !rivals };
  });
}

/** A workload of one cluster; slot and interface narrow it. */
export interface WorkloadQuery
  extends Pick<OwnerRef, "cluster" | "group" | "kind" | "namespace" | "name"> {
  readonly slot?: string;
  readonly ifname?: string;
}

const PointerSchema = v.looseObject({
  v: v.number(),
  address: v.string(),
  network: v.optional(v.unknown()),
});

/** Keys read in one transaction. */
const BATCH = 100;

/**
 * All intervals of the workload, of both families and over every reuse, ordered by etcd revision.
 * An ephemeral pod is kind `Pod` of the core group, a bare container kind `Container` without
 * namespace (see `historyIdentity`).
 */
export async function addressesOf(
  store: Store,
  workload: WorkloadQuery,
): Promise<readonly Interval[]> {
  const intervals: Interval[] = [];
  for await (const kvs of readPages(store, underPrefix(historyByWorkloadPrefix(workload)))) {
    const keys = kvs.map(recordKeyOf);
    for (let i = 0; i < keys.length; i += BATCH) {
      intervals.push(...await readIntervals(store, keys.slice(i, i + BATCH)));
    }
  }
  const { slot, ifname } = workload;
  const wanted = intervals.filter(({ record }) =>
    (slot === undefined || (record.owner?.slot ?? "0") === slot) &&
    (ifname === undefined || (record.owner ?? record.holder).ifname === ifname)
  );
  return orderIntervals(wanted);
}

/** The newest intervals, at most so many, under a prefix of `history-by-owner/`. */
export async function newestIntervals(
  store: Store,
  prefix: string,
  limit: number,
): Promise<readonly Interval[]> {
  const sort = { by: "create", order: "descend" } as const;
  const { kvs } = await store.range({ ...underPrefix(prefix), limit, sort });
  return kvs.length === 0 ? [] : await readIntervals(store, kvs.map(recordKeyOf));
}

/** The `history/` key that an entry of `history-by-owner/` points to. */
function recordKeyOf(kv: KeyValue): string {
  const { address } = decodeRecord(PointerSchema, kv);
  return historyKey(parseAddress(address), kv.key.slice(kv.key.lastIndexOf("/") + 1));
}

async function readIntervals(store: Store, keys: readonly string[]): Promise<readonly Interval[]> {
  const read = await store.txn({ success: keys.map((key) => ({ range: { key } })) });
  // A record that is missing was trimmed between the two reads.
  return read.results.flatMap((result) =>
    result.kind === "range" ? result.response.kvs.map(intervalOf) : []
  );
}
