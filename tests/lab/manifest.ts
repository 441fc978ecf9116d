/**
 * The objects that describe a lab to our executable, as an administrator would write them.
 *
 * @module
 */

import { formatAddress } from "../../mod/ip/address.ts";
import { firstOf, formatPrefix, parseInterfaceAddress, type Prefix } from "../../mod/ip/prefix.ts";
import { API_VERSION } from "../../mod/model/resource.ts";
import type { LabPlan, VlanPlan } from "./options.ts";

export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/**
 * The physical networks, zones and one Network `vlan<id>` for each VLAN with a leg of the router.
 * The first 20 addresses of a subnet are kept out, for the router and servers.
 */
export function manifest(plan: LabPlan): readonly ManifestObject[] {
  const zones = [...new Set(plan.hosts.map(({ zone }) => zone))];
  return [
    ...plan.physicalNetworks.map(({ name, mtu }) => object("PhysicalNetwork", name, { mtu })),
    ...zones.map((zone) => {
      const hosts = plan.hosts.filter((host) => host.zone === zone);
      const names = hosts.flatMap((host) => host.physicalNetworks.map(({ name }) => name));
      return object("Zone", zone, { physicalNetworks: [...new Set(names)] });
    }),
    ...plan.vlans.map((vlan) =>
      object("Network", networkName(plan, vlan), {
        physicalNetwork: vlan.physicalNetwork.name,
        vlan: vlan.vlan,
        subnets: vlan.router.map(subnet),
      })
    ),
  ];
}

/** `vlan100`; in another than the first physical network `dmz-vlan100`. */
function networkName(plan: LabPlan, { vlan, physicalNetwork }: VlanPlan): string {
  const prefix = physicalNetwork === plan.physicalNetworks[0] ? "" : `${physicalNetwork.name}-`;
  return `${prefix}vlan${vlan}`;
}

function subnet(router: string): Readonly<Record<string, unknown>> {
  const { address, length } = parseInterfaceAddress(router);
  const { family, value } = address;
  const shift = BigInt((family === 4 ? 32 : 128) - length);
  const prefix: Prefix = { family, base: (value >> shift) << shift, length };
  const at = (offset: bigint) => formatAddress({ family, value: firstOf(prefix).value + offset });
  return {
    cidr: formatPrefix(prefix),
    gateway: formatAddress(address),
    ...(shift > 5n ? { exclude: [`${at(1n)}-${at(19n)}`] } : {}),
  };
}

function object(kind: string, name: string, spec: ManifestObject["spec"]): ManifestObject {
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec };
}
