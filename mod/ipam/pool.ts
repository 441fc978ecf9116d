/**
 * Which addresses a network hands out: pure arithmetic over its spec.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Address, type Family, formatAddress, parseAddress } from "../ip/address.ts";
import { hostRange, parsePrefix, type Prefix, prefixContains } from "../ip/prefix.ts";
import {
  intersectRanges,
  parseRange,
  type Range,
  rangeContains,
  rangeOf,
  subtractRanges,
} from "../ip/range.ts";
import type { NetworkSpec, Subnet } from "../model/network.ts";

export interface SubnetPool {
  readonly prefix: Prefix;
  readonly gateway: Address | undefined;
  /** What a host may have: all less exclusions, gateways, network and broadcast address. */
  readonly usable: readonly Range[];
  /** What is handed out unasked: the usable part of the ranges. */
  readonly free: readonly Range[];
}

/** The subnet with its text parsed. A stored network was validated before, so nothing throws. */
export function subnetPool(spec: NetworkSpec, subnet: Subnet): SubnetPool {
  const prefix = parsePrefix(subnet.cidr);
  const host: Range = { family: prefix.family, ...hostRange(prefix) };
  const gateways = spec.subnets.flatMap((s) => s.gateway === undefined ? [] : [s.gateway]);
  const taken = [
    ...(subnet.exclude ?? []).map(parseRange),
    ...gateways.map((text) => rangeOf(parseAddress(text))),
  ];
  const usable = subtractRanges([host], taken);
  return {
    prefix,
    gateway: subnet.gateway === undefined ? undefined : parseAddress(subnet.gateway),
    usable,
    free: subnet.ranges === undefined
      ? usable
      : intersectRanges(subnet.ranges.map(parseRange), usable),
  };
}

/** All subnets of the network, parsed. */
export function networkPools(spec: NetworkSpec): readonly SubnetPool[] {
  return spec.subnets.map((subnet) => subnetPool(spec, subnet));
}

/** What the network hands out of one family; sorted, disjoint. */
export function allocatable(spec: NetworkSpec, family: Family): readonly Range[] {
  return networkPools(spec).flatMap((pool) => pool.free.filter((r) => r.family === family));
}

/** The families that the network has a subnet of. */
export function familiesOf(spec: NetworkSpec): readonly Family[] {
  const families = new Set(networkPools(spec).map((pool) => pool.prefix.family));
  return ([4, 6] as const).filter((family) => families.has(family));
}

/**
 * The subnet that holds the address.
 *
 * @throws {FabricError} `invalid` where none does.
 */
export function poolOf(name: string, pools: readonly SubnetPool[], address: Address): SubnetPool {
  const pool = pools.find((candidate) => prefixContains(candidate.prefix, address));
  if (pool === undefined) {
    const text = formatAddress(address);
    throw new FabricError("invalid", `Address ${text} is in no subnet of network ${name}`, {
      value: text,
      remedy: "choose an address of one of the network's subnets",
    });
  }
  return pool;
}

/** True where the network hands the address out unasked. */
export function isAllocatable(pools: readonly SubnetPool[], address: Address): boolean {
  return pools.some((pool) => pool.free.some((range) => rangeContains(range, address)));
}
