/**
 * How full a network is, as a table.
 *
 * @module
 */

import type { Store } from "../mod/etcd/store.ts";
import { networkFree } from "../mod/ipam/usage.ts";
import type { Network } from "../mod/model/network.ts";
import type { Table } from "./describe_text.ts";

/** The number itself, or its size where nobody would count the digits (an IPv6 subnet). */
export function formatCount(count: bigint): string {
  if (count < 1_000_000_000_000n) return String(count);
  return Number(count).toExponential(1).replace("e+", "e");
}

/** One row per subnet. */
export async function usageTable(store: Store, network: Network): Promise<Table> {
  const subnets = await networkFree(store, network);
  return {
    header: ["SUBNET", "CAPACITY", "USED", "RESERVED", "COOLING", "FREE"],
    rows: subnets.map(({ subnet, capacity, used, reserved, cooling, free }) => [
      subnet,
      formatCount(capacity),
      String(used),
      String(reserved),
      String(cooling),
      formatCount(free),
    ]),
  };
}
