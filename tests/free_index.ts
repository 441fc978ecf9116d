/**
 * What must hold of a network's free index whenever nobody writes: every address that the network
 * hands out and nobody has is covered by an entry.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { readPages } from "../mod/etcd/pages.ts";
import { type Store, underPrefix } from "../mod/etcd/store.ts";
import { mergeRanges, type Range, rangeOf, subtractRanges } from "../mod/ip/range.ts";
import { parseFreeEntry } from "../mod/ipam/free.ts";
import { addressPrefix, freePrefix, freeSizeKey, parseAddressKey } from "../mod/ipam/keys.ts";
import { getResource } from "../mod/ipam/kinds.ts";
import { allocatable } from "../mod/ipam/pool.ts";

export interface IndexOptions {
  /** Also that no entry offers what the network does not hand out. Default true. */
  readonly clean?: boolean;
}

/** The ranges that the entries of the index cover. */
export async function coveredRanges(
  store: Store,
  network: string,
  family: 4 | 6,
): Promise<readonly Range[]> {
  const covered: Range[] = [];
  for await (const page of readPages(store, underPrefix(freePrefix(network, family)))) {
    for (const kv of page) {
      const entry = parseFreeEntry(kv);
      assert(entry !== undefined, `nonsense in the index: ${kv.key}`);
      covered.push({ family, first: entry.next.value, last: entry.end.value });
    }
  }
  return mergeRanges(covered);
}

/** Fails where a free address of the network cannot be found. */
export async function assertIndexed(
  store: Store,
  network: string,
  { clean = true }: IndexOptions = {},
): Promise<void> {
  const { spec } = await getResource(store, { kind: "Network", name: network });
  for (const family of [4, 6] as const) {
    const pool = allocatable(spec, family);
    const covered = await coveredRanges(store, network, family);
    const taken: Range[] = [];
    const range = underPrefix(addressPrefix(network, family));
    for await (const page of readPages(store, range, { keysOnly: true })) {
      for (const { key } of page) taken.push(rangeOf(parseAddressKey(key).address));
    }
    assertEquals(subtractRanges(subtractRanges(pool, taken), covered), [], "lost free addresses");
    if (clean) assertEquals(subtractRanges(covered, pool), [], "left over in the index");
    const large = pool.reduce((sum, { first, last }) => sum + last - first + 1n, 0n) > 256n;
    const { count } = await store.range({ key: freeSizeKey(network, family) });
    assertEquals(count > 0, large, "mark of a large family");
  }
}
