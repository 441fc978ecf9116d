/**
 * The history: every interval is found by its owner, and no two of one address overlap. It grows
 * for years, so nothing of it is held: both parts are summed up, and only what does not add up is
 * read once more.
 *
 * @module
 */

import type { KeyValue } from "../../etcd/store.ts";
import { PREFIXES } from "../keys.ts";
import { HintSampler, historyHints } from "./hints.ts";
import { Balance, bucketOf, Ledger } from "./ledger.ts";
import {
  inspectHistory,
  intervalPair,
  pointerKeyOf,
  pointerPairOf,
  type ReadInterval,
} from "./pairs.ts";
import type { Inspected, Scan } from "./scan.ts";
import { hashText } from "./text_hash.ts";

/** Entries of the unbalanced buckets that are read once more. */
const MAX_ENTRIES = 2_000_000;

/** Reads the history and its index by owner; `4/<hex>` of addresses with overlapping intervals. */
export async function scanPast(scan: Scan): Promise<readonly string[]> {
  const balance = new Balance();
  const pointers = new HintSampler();
  const overlaps = new OverlapFinder();
  const hints = historyHints(scan.world);
  for await (const page of scan.section(PREFIXES.history, { inspect: inspectHistory, hints })) {
    for (const { kv, record } of page) {
      if (record === undefined) continue;
      balance.enter(hashText(intervalPair(record)), 1);
      pointers.offer(record.id, () => pointerKeyOf(record));
      overlaps.take(kv, record);
    }
  }
  for await (
    const page of scan.section(PREFIXES.historyByOwner, { hints: pointers.hints() })
  ) {
    for (const { kv } of page) {
      const pair = pointerPairOf(kv);
      if (pair === undefined) scan.suspect(kv.key);
      else balance.enter(hashText(pair), -1);
    }
  }
  await pursuePointers(scan, balance, pointers.hints());
  return overlaps.finish();
}

/** Reads both parts again for the buckets that do not add up, and suspects what stays alone. */
async function pursuePointers(
  scan: Scan,
  balance: Balance,
  pointerHints: readonly string[],
): Promise<void> {
  const { buckets, all } = balance.unbalanced(MAX_ENTRIES);
  if (!all) scan.truncated = true;
  if (buckets.size === 0) return;
  const alone = new Ledger();
  const keys: string[] = [];
  const sections = [
    [PREFIXES.history, historyHints(scan.world)],
    [PREFIXES.historyByOwner, pointerHints],
  ] as const;
  for (const [prefix, hints] of sections) {
    for await (const page of scan.section(prefix, { hints })) {
      for (const { key, hash } of inBuckets(page, buckets)) {
        alone.enter(hash, keys.push(key) - 1);
      }
    }
  }
  for (const number of alone.pages()) scan.suspect(keys[number] ?? "");
}

function* inBuckets(page: readonly Inspected<unknown>[], buckets: ReadonlySet<number>) {
  for (const { kv } of page) {
    const pair = pointerPairOf(kv);
    if (pair === undefined) continue;
    const hash = hashText(pair);
    if (buckets.has(bucketOf(hash))) yield { key: kv.key, hash };
  }
}

/** An interval by the revisions in which it began and ended. */
export interface RevisionInterval {
  readonly key: string;
  readonly id: string;
  readonly network: string;
  readonly start: number;
  /** Infinity while it lasts. */
  readonly end: number;
}

/**
 * By revisions; undefined where they tell nothing: the record is disputed already, or was written
 * whole, by an import or a restore.
 */
export function revisionInterval(
  kv: KeyValue,
  record: ReadInterval,
): RevisionInterval | undefined {
  if (record.disputed || (record.ended && kv.createRevision === kv.modRevision)) return undefined;
  return {
    key: kv.key,
    id: record.id,
    network: record.network.uid,
    start: kv.createRevision,
    end: record.ended ? kv.modRevision : Infinity,
  };
}

/**
 * Pairs of ended intervals of one network that overlap. What is still open must be that of the
 * address as it is, which others check.
 */
export function overlapping(
  intervals: readonly RevisionInterval[],
): readonly (readonly [RevisionInterval, RevisionInterval])[] {
  const pairs: (readonly [RevisionInterval, RevisionInterval])[] = [];
  const latest = new Map<string, RevisionInterval>();
  for (const interval of [...intervals].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const before = latest.get(interval.network);
    if (before !== undefined && before.end !== Infinity && before.end > interval.start) {
      pairs.push([before, interval]);
    }
    if (before === undefined || interval.end > before.end) latest.set(interval.network, interval);
  }
  return pairs;
}

/** Intervals come ordered by address. */
class OverlapFinder {
  #place = "";
  #intervals: RevisionInterval[] = [];
  readonly #found: string[] = [];

  take(kv: KeyValue, record: ReadInterval): void {
    if (record.place !== this.#place) this.#close(record.place);
    const interval = revisionInterval(kv, record);
    if (interval !== undefined) this.#intervals.push(interval);
  }

  finish(): readonly string[] {
    this.#close("");
    return this.#found;
  }

  #close(next: string): void {
    if (this.#intervals.length > 1 && overlapping(this.#intervals).length > 0) {
      this.#found.push(this.#place);
    }
    this.#place = next;
    this.#intervals = [];
  }
}
