/**
 * Whether an address lies where its network may have a record.
 *
 * @module
 */

import type { Address } from "../../ip/address.ts";
import { hostRange, prefixContains } from "../../ip/prefix.ts";
import { parseRange, rangeContains } from "../../ip/range.ts";
import type { AddressState } from "../../model/records.ts";
import type { KnownNetwork } from "./world.ts";

/** Why the address may not have a record in that state. */
export type Misplacement = "outside" | "gateway" | "ofSubnet" | "excluded";

/**
 * Undefined where it may. A reservation may lie on everything of a subnet but its gateways: it is
 * for things outside.
 */
export function misplacement(
  known: KnownNetwork,
  address: Address,
  state: AddressState,
): Misplacement | undefined {
  if (known.pools.some(({ usable }) => usable.some((range) => rangeContains(range, address)))) {
    return undefined;
  }
  const index = known.pools.findIndex(({ prefix }) => prefixContains(prefix, address));
  const pool = known.pools[index];
  const subnet = known.network.spec.subnets[index];
  if (pool === undefined || subnet === undefined) return "outside";
  const isGateway = known.pools.some(({ gateway }) =>
    gateway !== undefined && gateway.family === address.family && gateway.value === address.value
  );
  if (isGateway) return "gateway";
  if (state === "reserved") return undefined;
  const { first, last } = hostRange(pool.prefix);
  if (address.value < first || address.value > last) return "ofSubnet";
  const excluded = (subnet.exclude ?? []).some((text) => rangeContains(parseRange(text), address));
  return excluded ? "excluded" : undefined;
}
