/**
 * The node's own half of the service path: its table of nftables, its rules and routes. Pure. See
 * ARCHITECTURE.md, "Services".
 *
 * @module
 */

import {
  AS_POD,
  AS_POD_MARK,
  POD_PORTS,
  POD_TABLE,
  RULE_PREFERENCES,
  SERVICE_DEVICE_PREFIX,
  type ServiceDevices,
} from "../../host/service_names.ts";
import { type Family, formatAddress, parseAddress } from "../../ip/address.ts";
import { parsePrefix } from "../../ip/prefix.ts";

/** Our table in nftables, of family inet. */
export const SERVICE_NFT_TABLE = "fabric_services";

/** Marks of kube-proxy (0x4000) and of the reference plugin portmap (0x2000): to be masqueraded. */
const MASQUERADE = "0x6000";
/** In the connection's mark: it came in from a pod; it is masqueraded. */
const FROM_POD = 0x40_0000;
const MASQUERADED = 0x20_0000;

/** The first source port of connections by the node. */
const FIRST_PORT = POD_PORTS.last + 1;

/**
 * The text for `nft -f -` that puts the table in place of itself, at once.
 *
 * Translation by kube-proxy and portmap is at priority -100, their masquerading at 100. What they mark
 * for it gets the node's address here before; what they masquerade without a mark (a pod that reaches
 * itself) is left to them.
 */
export function serviceTableText(nodeAddresses: readonly string[]): string {
  const device = `"${SERVICE_DEVICE_PREFIX}*"`;
  const mark = (value: number): string => `0x${value.toString(16)}`;
  const asNode = ([[4, "ip"], [6, "ip6"]] as const).flatMap(([family, word]) => {
    const address = ofFamily(nodeAddresses, family);
    return address === undefined
      ? []
      : [`oifname ${device} meta mark & ${MASQUERADE} != 0 snat ${word} to ${address}`];
  });
  return `add table inet ${SERVICE_NFT_TABLE}
delete table inet ${SERVICE_NFT_TABLE}
table inet ${SERVICE_NFT_TABLE} {
  chain prerouting {
    type filter hook prerouting priority -99; policy accept;
    iifname != ${device} return
    ct direction != original return
    ct mark set ct mark or ${mark(FROM_POD)}
    meta mark & ${MASQUERADE} != 0 ct mark set ct mark or ${mark(MASQUERADED)}
    ct mark & ${mark(MASQUERADED)} != 0 return
    ct status & dnat == dnat meta mark set meta mark or ${mark(AS_POD)}
  }
  chain forward {
    type filter hook forward priority 10; policy accept;
    ct direction != original return
    ct status & dnat == dnat return
    iifname ${device} counter drop
    oifname ${device} counter drop
  }
  chain as_node {
    type nat hook postrouting priority 90; policy accept;
    ${asNode.join("\n    ")}
  }
  chain postrouting {
    type nat hook postrouting priority 110; policy accept;
    oifname ${device} fib saddr type local return
    oifname ${device} meta nfproto ipv4 meta l4proto { tcp, udp, sctp } \
snat ip to ip saddr:${FIRST_PORT}-65535
    oifname ${device} meta nfproto ipv6 meta l4proto { tcp, udp, sctp } \
snat ip6 to ip6 saddr:${FIRST_PORT}-65535
    oifname ${device} return
    ct mark & ${mark(FROM_POD)} != 0 masquerade
  }
}
`;
}

/** A range as the kernel shows it, which leaves out the length of a single address. */
export function asShown(cidr: string): string {
  return cidr.replace(cidr.includes(":") ? /\/128$/ : /\/32$/, "");
}

/** A network as its routes need it. */
export interface RoutedNetwork {
  readonly devices: ServiceDevices;
  readonly subnets: readonly { readonly cidr: string; readonly gateway?: string | undefined }[];
}

/** Lines for `ip -batch`, each of which may be carried out again: the network's own table. */
export function networkRoutes({ devices, subnets }: RoutedNetwork, family: Family): string[] {
  const { host, table } = devices;
  const own = subnets.filter(({ cidr }) => parsePrefix(cidr).family === family);
  const gateway = own.find((subnet) => subnet.gateway !== undefined)?.gateway;
  const onLink = own.map(({ cidr }) => `route replace ${asShown(cidr)} dev ${host} table ${table}`);
  if (gateway === undefined) return onLink;
  const via = formatAddress(parseAddress(gateway));
  return [
    ...onLink,
    `route replace default via ${via} dev ${host} onlink table ${table}`,
  ];
}

/** Where the node itself has a better way than by the pods' gateways. */
export interface NodeWays {
  /** Ranges that the configuration sends by the node. */
  readonly viaNode: readonly string[];
  /** Ranges of IPv6 that the node has routes to, the default route left out. */
  readonly prefixes: readonly string[];
}

/**
 * Rules of one family, as `ip rule` takes them. Those that are there already stay.
 *
 * Routes of the node are better than the pod's gateway, except its default route. In IPv6 they have to
 * be named: what the kernel learns of the path to one destination behind the default route (its MTU) is
 * a route of length 128 to it, which `suppress_prefixlength` does not suppress.
 */
export function serviceRules(
  { host, table }: ServiceDevices,
  { viaNode, prefixes }: NodeWays,
  family: Family,
): string[] {
  const { onLink, node, gateway, pods } = RULE_PREFERENCES;
  const marked = `fwmark ${AS_POD_MARK}`;
  const named = [
    ...viaNode.filter((cidr) => parsePrefix(cidr).family === family),
    ...(family === 6 ? prefixes : []),
  ];
  return [
    `rule add pref ${onLink} iif ${host} ${marked} lookup ${table} suppress_prefixlength 0`,
    ...(family === 4
      ? [`rule add pref ${node} ${marked} lookup main suppress_prefixlength 0`]
      : []),
    ...[...new Set(named.map(asShown))].map((cidr) =>
      `rule add pref ${node} to ${cidr} ${marked} lookup main`
    ),
    `rule add pref ${gateway} iif ${host} ${marked} lookup ${table}`,
    `rule add pref ${pods} not ${marked} lookup ${POD_TABLE}`,
  ];
}

/** A pod as the node's stack has to know it. */
export interface RoutedPod {
  /** The node's device of its network. */
  readonly device: string;
  readonly mac: string;
  /** Without prefix length. */
  readonly addresses: readonly string[];
}

/** Lines for `ip -batch` that make the pod's host routes and neighbours. */
export function podRoutes(pod: RoutedPod, nodeAddresses: readonly string[]): readonly string[] {
  const { device, mac, addresses } = pod;
  return addresses.flatMap((address) => {
    const own = ofFamily(nodeAddresses, parseAddress(address).family);
    // What the node itself sends to its pods has an address that they answer to by this way.
    const source = own === undefined ? "" : ` src ${own}`;
    return [
      `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`,
      `route replace ${address} dev ${device}${source} table ${POD_TABLE}`,
    ];
  });
}

/** Lines for `ip -force -batch` that take them away again, but for addresses that others have now. */
export function podRoutesGone(
  { device, addresses }: RoutedPod,
  kept: readonly string[],
): readonly string[] {
  return addresses.filter((address) => !kept.includes(address)).flatMap((address) => [
    `route del ${address} dev ${device} table ${POD_TABLE}`,
    `neigh del ${address} dev ${device}`,
  ]);
}

/** The first of a family. */
function ofFamily(addresses: readonly string[], family: Family): string | undefined {
  return addresses.find((text) => parseAddress(text).family === family);
}
