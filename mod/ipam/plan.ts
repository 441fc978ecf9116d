/**
 * Where each address of an ADD comes from: the owner has it, the request names it, or any will do.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Address, type Family, formatAddress, parseAddress } from "../ip/address.ts";
import { rangeContains } from "../ip/range.ts";
import type { Network } from "../model/network.ts";
import type { OwnerRecord } from "../model/records.ts";
import { familiesOf, poolOf, type SubnetPool } from "./pool.ts";

export type Source =
  | { readonly kind: "owned"; readonly address: Address }
  | { readonly kind: "given"; readonly address: Address }
  | { readonly kind: "any"; readonly family: Family };

/** One source per address of the interface, IPv4 first. */
export function planAddresses(
  network: Network,
  pools: readonly SubnetPool[],
  options: {
    readonly given: readonly Address[];
    readonly owner: OwnerRecord | undefined;
  },
): readonly Source[] {
  const owned = (options.owner?.addresses ?? []).filter(({ stage }) => stage !== "leaving")
    .map((a) => parseAddress(a.address));
  const families = familiesOf(network.spec);
  for (const address of options.given) checkGiven(network, pools, address);
  return families.flatMap((family): Source[] => {
    const kept = owned.filter((address) => address.family === family);
    if (kept.length > 0) return kept.map((address) => ({ kind: "owned", address }));
    const given = options.given.filter((address) => address.family === family);
    if (given.length > 0) return given.map((address) => ({ kind: "given", address }));
    return [{ kind: "any", family }];
  });
}

/** An address that somebody asks for must be one that a host of the network can have. */
function checkGiven(network: Network, pools: readonly SubnetPool[], address: Address): void {
  const pool = poolOf(network.metadata.name, pools, address);
  if (pool.usable.some((range) => rangeContains(range, address))) return;
  const text = formatAddress(address);
  throw new FabricError(
    "invalid",
    `Address ${text} of network ${network.metadata.name} is a gateway, excluded, or the subnet's own`,
    { field: "ips", value: text, remedy: "choose an address that a host may have" },
  );
}
