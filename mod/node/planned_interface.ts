/**
 * A pod's interface as its allocation wants it: what ADD makes, and what a check holds the real one
 * against. Pure.
 *
 * @module
 */

import { type PodInterface, type PodRoute, sourceTableOf } from "../host/pod_plan.ts";
import { type Family, formatAddress } from "../ip/address.ts";
import { formatInterfaceAddress, parsePrefix } from "../ip/prefix.ts";
import type { Allocation } from "../ipam/allocation.ts";

/** The interface; the network's routes of families that it has no address of are left out. */
export function plannedInterface(
  allocation: Pick<Allocation, "network" | "mtu" | "addresses" | "mac">,
  options: Pick<PodInterface, "ifname" | "defaultRoute">,
): PodInterface {
  const { ifname, defaultRoute } = options;
  const gateways = new Map<Family, string>();
  for (const { address, gateway } of allocation.addresses) {
    if (gateway !== undefined) gateways.set(address.family, formatAddress(gateway));
  }
  const families = new Set(allocation.addresses.map(({ address }) => address.family));
  const routes = (allocation.network.spec.routes ?? []).flatMap(({ to, via }): PodRoute[] => {
    const { family } = parsePrefix(to);
    if (!families.has(family)) return [];
    const gateway = via ?? gateways.get(family);
    return [{ destination: to, ...(gateway === undefined ? {} : { gateway }) }];
  });
  return {
    ifname,
    mac: allocation.mac,
    mtu: allocation.mtu,
    addresses: allocation.addresses.map(formatInterfaceAddress),
    gateways: [...gateways.values()],
    defaultRoute,
    routes,
    sourceTable: sourceTableOf(ifname),
  };
}
