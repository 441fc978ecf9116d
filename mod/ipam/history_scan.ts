/**
 * Reading the history of a whole store: millions of keys, over a key space that is empty for the
 * most part. A range with a limit costs etcd what it covers, not what it returns, and one with a
 * bound on revisions is read whole, so the space is walked in windows that hold about a thousand
 * keys each: neither side ever holds more.
 *
 * @module
 */

import { isCompacted, readPages } from "../etcd/pages.ts";
import type { KeyRange, KeyValue, RangeRequest, Store } from "../etcd/store.ts";
import { addressToHex, bits, type Family, maxValue } from "../ip/address.ts";
import { historyPrefix, PREFIXES } from "./keys.ts";

export interface ScanOptions {
  /** Only what changed after this revision; default 0. */
  readonly after?: number;
  /** Read as it was at this revision; nothing newer is given in any case. */
  readonly through: number;
  /** Keys that a window should hold; default 1,000. */
  readonly windowSize?: number;
  readonly signal?: AbortSignal;
}

const WINDOW_SIZE = 1000;

/**
 * The `history/` keys whose last change lies in `after < revision <= through`, in no order of
 * revisions. All are read as they were at `through`. Where etcd compacts that revision away
 * meanwhile, what was not read yet is read as it is: a record that changed after `through` is then
 * left to the next scan.
 */
export async function* scanHistory(
  store: Store,
  options: ScanOptions,
): AsyncGenerator<readonly KeyValue[]> {
  const scan: Scan = { store, options, revision: options.through };
  for (const family of [4, 6] as const) yield* scanFamily(scan, family);
}

interface Scan {
  readonly store: Store;
  readonly options: ScanOptions;
  /** Undefined once the revision is compacted. */
  revision: number | undefined;
}

/** One range, at the scan's revision as long as that exists. */
async function readRange(scan: Scan, request: RangeRequest): Promise<{
  readonly kvs: readonly KeyValue[];
  readonly count: number;
}> {
  const { signal } = scan.options;
  const call = signal === undefined ? {} : { signal };
  if (scan.revision !== undefined) {
    try {
      return await scan.store.range({ ...request, revision: scan.revision }, call);
    } catch (error) {
      if (!isCompacted(error)) throw error;
      scan.revision = undefined;
    }
  }
  return await scan.store.range(request, call);
}

/** The keys of the addresses `first` to `last`. */
function window(family: Family, first: bigint, last: bigint): Required<KeyRange> {
  const end = last >= maxValue(family)
    // "g" follows every hexadecimal digit.
    ? `${PREFIXES.history}${family}/g`
    : historyPrefix({ family, value: last + 1n });
  return { key: `${PREFIXES.history}${family}/${addressToHex({ family, value: first })}`, end };
}

async function* scanFamily(scan: Scan, family: Family): AsyncGenerator<readonly KeyValue[]> {
  const size = scan.options.windowSize ?? WINDOW_SIZE;
  const top = maxValue(family);
  let width = 1n << BigInt(bits(family));
  for (let first = 0n; first <= top;) {
    const last = first + width - 1n < top ? first + width - 1n : top;
    const range = window(family, first, last);
    const { count } = await readRange(scan, { ...range, countOnly: true });
    if (count > 2 * size && width > 1n) {
      // Keys are never spread evenly: halve at least, aim at the size at most.
      const aimed = (width * BigInt(size)) / BigInt(count);
      width = aimed < 1n ? 1n : aimed > width / 2n ? width / 2n : aimed;
      continue;
    }
    if (count > 2 * size) yield* scanAddress(scan, range);
    else if (count > 0) {
      const { after = 0, through } = scan.options;
      const { kvs } = await readRange(scan, {
        ...range,
        minModRevision: after + 1,
        maxModRevision: through,
      });
      if (kvs.length > 0) yield kvs;
    }
    first = last + 1n;
    if (count < size / 2) width *= 4n;
  }
}

/** One address with more intervals than a window should hold. */
async function* scanAddress(
  scan: Scan,
  range: Required<KeyRange>,
): AsyncGenerator<readonly KeyValue[]> {
  const { after = 0, through, windowSize = WINDOW_SIZE, signal } = scan.options;
  const pages = readPages(scan.store, range, {
    size: windowSize,
    ...(scan.revision === undefined ? {} : { revision: scan.revision }),
    ...(signal === undefined ? {} : { signal }),
  });
  for await (const kvs of pages) {
    const changed = kvs.filter((kv) => kv.modRevision > after && kv.modRevision <= through);
    if (changed.length > 0) yield changed;
  }
}
