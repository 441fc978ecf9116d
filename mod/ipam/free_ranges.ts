/**
 * What is free in a network, as ranges: what it hands out, less what has a record or is cooling.
 * Keys are read, no records, a page at a time; nothing of the free index, whose entries are hints.
 *
 * @module
 */

import { readPages } from "../etcd/pages.ts";
import type { Store } from "../etcd/store.ts";
import { formatPrefix } from "../ip/prefix.ts";
import type { Range } from "../ip/range.ts";
import type { Network } from "../model/network.ts";
import { addressPrefix, coolingPrefix, keysOfRange, parseAddressKey } from "./keys.ts";
import { networkPools } from "./pool.ts";

/** A range in which every address is free. */
export interface FreeRange {
  readonly range: Range;
  /** CIDR of its subnet. */
  readonly subnet: string;
}

/** All free ranges, subnet by subnet in the order of the spec, ascending in each. */
export async function* freeRanges(store: Store, network: Network): AsyncGenerator<FreeRange> {
  for (const pool of networkPools(network.spec)) {
    const subnet = formatPrefix(pool.prefix);
    for (const allocatable of pool.free) {
      const { family, first, last } = allocatable;
      let next = first;
      for await (const value of takenIn(store, network.metadata.name, allocatable)) {
        if (value > next) yield { range: { family, first: next, last: value - 1n }, subnet };
        if (value >= next) next = value + 1n;
      }
      if (next <= last) yield { range: { family, first: next, last }, subnet };
    }
  }
}

function valueOf({ key }: { readonly key: string }): bigint {
  return parseAddressKey(key).address.value;
}

/** Values of addresses with a record or cooling, ascending, some of them twice. */
async function* takenIn(store: Store, network: string, range: Range): AsyncGenerator<bigint> {
  const keys = (prefix: string) => keysOfRange(prefix, range);
  const cooling: bigint[] = [];
  const read = await store.range({
    ...keys(coolingPrefix(network, range.family)),
    countOnly: true,
  });
  // Both as they were at one revision: what is released meanwhile is in either of them.
  const options = { keysOnly: true, revision: read.header.revision };
  if (read.count > 0) {
    for await (
      const page of readPages(store, keys(coolingPrefix(network, range.family)), options)
    ) {
      cooling.push(...page.map(valueOf));
    }
  }
  let at = 0;
  for await (const page of readPages(store, keys(addressPrefix(network, range.family)), options)) {
    for (const value of page.map(valueOf)) {
      for (; (cooling[at] ?? value) < value; at++) yield cooling[at] ?? value;
      yield value;
    }
  }
  yield* cooling.slice(at);
}
