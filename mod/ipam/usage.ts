/**
 * How full a network is, from counts alone: no record is read.
 *
 * @module
 */

import type { Operation, Store } from "../etcd/store.ts";
import type { Family } from "../ip/address.ts";
import { formatPrefix, lastOf } from "../ip/prefix.ts";
import { type Range, totalSize } from "../ip/range.ts";
import type { Network } from "../model/network.ts";
import { MAX_OPERATIONS } from "./free.ts";
import { addressPrefix, coolingPrefix, keysOfRange, reservedPrefix } from "./keys.ts";
import { networkPools, type SubnetPool } from "./pool.ts";

/** Where the addresses of a subnet are. */
export interface SubnetUsage {
  /** Its CIDR. */
  readonly subnet: string;
  readonly family: Family;
  /** Addresses that it hands out unasked. */
  readonly capacity: bigint;
  /** With a holder or an owner, also such as were asked for outside the ranges. */
  readonly used: number;
  readonly reserved: number;
  /** Released a moment ago. */
  readonly cooling: number;
}

/** The same, with what is left of the capacity. */
export interface SubnetFree extends SubnetUsage {
  /** Of the capacity: without a record and not cooling. */
  readonly free: bigint;
}

/** Counts per subnet, in the order of the spec; `family` leaves the other one out. */
export async function networkUsage(
  store: Store,
  network: Network,
  options: { readonly family?: Family } = {},
): Promise<readonly SubnetUsage[]> {
  const { family } = options;
  const name = network.metadata.name;
  const pools = networkPools(network.spec).filter(({ prefix }) =>
    family === undefined || prefix.family === family
  );
  const counts = await countAll(
    store,
    pools.flatMap(({ prefix }) => {
      const whole = { family: prefix.family, first: prefix.base, last: lastOf(prefix).value };
      return [
        keysOfRange(addressPrefix(name, prefix.family), whole),
        keysOfRange(reservedPrefix(name, prefix.family), whole),
        keysOfRange(coolingPrefix(name, prefix.family), whole),
      ];
    }),
  );
  return pools.map((pool, index) => {
    const [taken = 0, reserved = 0, cooling = 0] = counts.slice(3 * index);
    return {
      subnet: formatPrefix(pool.prefix),
      family: pool.prefix.family,
      capacity: totalSize(pool.free),
      used: taken - reserved,
      reserved,
      cooling,
    };
  });
}

/** As {@linkcode networkUsage}, and what is free, counted where addresses are handed out. */
export async function networkFree(
  store: Store,
  network: Network,
): Promise<readonly SubnetFree[]> {
  const pools = networkPools(network.spec);
  const usage = await networkUsage(store, network);
  const free = await Promise.all(pools.map((pool) => countFree(store, network, pool)));
  return usage.map((subnet, index) => ({ ...subnet, free: free[index] ?? 0n }));
}

async function countFree(store: Store, network: Network, pool: SubnetPool): Promise<bigint> {
  const name = network.metadata.name;
  const keys = (range: Range) => [
    keysOfRange(addressPrefix(name, range.family), range),
    keysOfRange(coolingPrefix(name, range.family), range),
  ];
  const counts = await countAll(store, pool.free.flatMap(keys));
  const gone = counts.reduce((sum, count) => sum + count, 0);
  const left = totalSize(pool.free) - BigInt(gone);
  // An owner may have its own address back while it cools: counted twice.
  return left < 0n ? 0n : left;
}

async function countAll(
  store: Store,
  ranges: readonly { readonly key: string; readonly end: string }[],
): Promise<readonly number[]> {
  const counts: number[] = [];
  for (let i = 0; i < ranges.length; i += MAX_OPERATIONS) {
    const success = ranges.slice(i, i + MAX_OPERATIONS).map((range): Operation => ({
      range: { ...range, countOnly: true },
    }));
    const read = await store.txn({ success });
    for (const result of read.results) {
      counts.push(result.kind === "range" ? result.response.count : 0);
    }
  }
  return counts;
}
