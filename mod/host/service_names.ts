/**
 * Names and numbers of the second way that pods have to Services and to their node: what host, switch
 * and pods have to agree on. See ARCHITECTURE.md, "Services".
 *
 * @module
 */

import { fnv1a } from "../fnv.ts";
import type { Family } from "../ip/address.ts";
import { BASE32 } from "./ifname.ts";

/** In front of the node's devices of the service path; kube-proxy's `interfaceNamePrefix`. */
export const SERVICE_DEVICE_PREFIX = "svc";

/** The same of the switch's ends. */
export const SERVICE_PORT_PREFIX = "svp";

/** The pods' next hop to Services and to their node. */
export const SERVICE_HOP: Readonly<Record<Family, string>> = {
  4: "169.254.1.1",
  6: "fe80::fab:1",
};

/**
 * MAC of the pods' next hop: one that no bridge forwards (IEEE 802.1Q, 8.6.3, reserved and unused),
 * so that such a frame stays on the node also when the switch has no flows.
 */
export const SERVICE_HOP_MAC = "01:80:c2:00:00:0f";

/** MAC of the node's devices, the same everywhere; it is never on the wire. */
export const SERVICE_DEVICE_MAC = "0e:fa:b0:00:00:01";

/** Ports that pods use of themselves; those above are what connections by the node get. */
export const POD_PORTS = { first: 32_768, last: 49_151 } as const;

/** The pair of devices of one network on a node, and the numbers that belong to it. */
export interface ServiceDevices {
  /** The node's end, `svc100-k3fa`. */
  readonly host: string;
  /** The switch's end, a port of the bridge. */
  readonly port: string;
  /** Routing table of what pods of the network send to Services. */
  readonly table: number;
  /** Mark of its connections in the switch: 32 bits, not 0. */
  readonly mark: number;
}

/** Routing table of the node that has all pods. */
export const POD_TABLE = 2_000_000;
/** In front of the networks' own: so many bits of the physical network, and its VLAN. */
const NETWORK_TABLES = 2 ** 31;
const TABLE_BITS = 19;
const VLANS = 4096;

/** Mark of packets that go on in their pod's own name. */
export const AS_POD = 0x10_0000;
/** The same with its mask, as `ip rule` takes and shows it: all rules of ours have it. */
export const AS_POD_MARK = `0x${AS_POD.toString(16)}/0x${AS_POD.toString(16)}`;

/** Where the rules stand among others, all before the table `main`. */
export const RULE_PREFERENCES = {
  onLink: 10_100,
  node: 10_101,
  gateway: 10_102,
  pods: 10_103,
} as const;

/**
 * The devices of a network, the same for the same network: a VLAN of a physical network. VLANs of one
 * physical network never share anything; two physical networks of a node whose names hash to the same
 * would, and the table tells.
 */
export function serviceDevices(
  network: { readonly physicalNetwork: string; readonly vlan: number },
): ServiceDevices {
  const { physicalNetwork, vlan } = network;
  const hash = fnv1a(physicalNetwork);
  const suffix = [0, 5, 10, 15].map((shift) => BASE32[(hash >>> shift) & 31]).join("");
  const host = `${SERVICE_DEVICE_PREFIX}${vlan}-${suffix}`;
  const mark = fnv1a(`${physicalNetwork}/${vlan}`) || 1;
  return {
    host,
    port: `${SERVICE_PORT_PREFIX}${vlan}-${suffix}`,
    table: NETWORK_TABLES + (hash % 2 ** TABLE_BITS) * VLANS + vlan,
    mark,
  };
}

/** True for a name of either end. */
export function isServiceDevice(name: string): boolean {
  return /^sv[cp]\d{1,4}-[a-z2-7]{4}$/.test(name);
}
