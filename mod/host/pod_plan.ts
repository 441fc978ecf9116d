/**
 * What is set up inside a pod's namespace, as lines for `ip -batch`. Pure: plain data in, text out.
 *
 * @module
 */

import { fnv1a } from "../fnv.ts";
import { type Family, formatAddress, parseAddress } from "../ip/address.ts";
import {
  formatInterfaceAddress,
  formatPrefix,
  parseInterfaceAddress,
  parsePrefix,
  type Prefix,
  prefixContains,
} from "../ip/prefix.ts";
import { SERVICE_HOP, SERVICE_HOP_MAC } from "./service_names.ts";

/** A route of a pod. */
export interface PodRoute {
  /** CIDR. */
  readonly destination: string;
  /** Default: the destination is on the link. */
  readonly gateway?: string;
}

/** One interface of a pod, as it shall be. */
export interface PodInterface {
  readonly ifname: string;
  readonly mac: string;
  /** Default: as it was made. */
  readonly mtu?: number;
  /** Each with the length of its subnet, as in `10.0.0.5/24`; of one family or of both. */
  readonly addresses: readonly string[];
  /** Of each family at most one; may lie outside the subnet. */
  readonly gateways: readonly string[];
  /**
   * Whether the pod's default routes go through this interface; `first`: when they go through no
   * other one yet.
   */
  readonly defaultRoute: boolean | "first";
  /** Further routes. */
  readonly routes: readonly PodRoute[];
  /**
   * Routing table for what is sent from this interface's addresses, when it does not have the
   * default route: answers leave where the question came in. See {@linkcode sourceTableOf}.
   */
  readonly sourceTable?: number;
  /**
   * Ranges and addresses that are reached by the node beside the wire: Services and the node itself.
   * They count where the interface has the default routes.
   */
  readonly services?: readonly string[];
}

/** Above the tables that people number by hand. */
const FIRST_SOURCE_TABLE = 100_000;
const SOURCE_TABLES = 900_000;

/** The routing table of an interface, the same for the same name (32-bit FNV-1a). */
export function sourceTableOf(ifname: string): number {
  return FIRST_SOURCE_TABLE + fnv1a(ifname) % SOURCE_TABLES;
}

/**
 * The addresses that have a rule for the interface's table; none without such a table. The rules
 * are not among the lines, because `ip` without `-6` makes IPv4 rules only.
 */
export function sourceAddresses(pod: PodInterface): readonly string[] {
  if (pod.sourceTable === undefined) return [];
  return pod.addresses.map((text) => formatAddress(parseInterfaceAddress(text).address));
}

/** True when the interface has an address of the family. */
export function hasFamily(pod: PodInterface, family: Family): boolean {
  return pod.addresses.some((text) => parseInterfaceAddress(text).address.family === family);
}

/**
 * The lines that set it up, with the default route or without. The interface goes up first, because
 * the kernel takes IPv6 routes only for one that is.
 *
 * @throws {FabricError} `invalid` for text that is no address.
 */
export function podLines(
  pod: PodInterface,
  options: { readonly defaultRoute: boolean },
): readonly string[] {
  const mtu = pod.mtu === undefined ? "" : ` mtu ${pod.mtu}`;
  const routing = options.defaultRoute
    ? [...pod.gateways.map((gateway) => defaultLine(pod, gateway)), ...serviceLines(pod)]
    : pod.sourceTable === undefined
    ? []
    : sourceLines(pod, pod.sourceTable);
  return [
    "link set lo up",
    `link set dev ${pod.ifname} address ${pod.mac}${mtu} up`,
    ...pod.addresses.map((text) => addressLine(pod.ifname, text)),
    ...pod.routes.map((route) => routeLine(pod, route)),
    ...routing,
  ];
}

/**
 * The line that tells the segment where the addresses are now. Setting the MAC that the interface
 * has already makes the kernel send a gratuitous ARP and an unsolicited neighbour advertisement of
 * every address (with the settings arp_notify and ndisc_notify), and needs no further program. Said
 * twice, because a first frame can be lost while switches learn. The kernel forgets all neighbours by
 * that, so the next hop to Services is told after it.
 */
export function announcementLines(pod: PodInterface): readonly string[] {
  const line = `link set dev ${pod.ifname} address ${pod.mac}`;
  return [line, line, ...hopLines(pod)];
}

function addressLine(ifname: string, text: string): string {
  const value = parseInterfaceAddress(text);
  const how = value.address.family === 6 ? " nodad" : value.length < 31 ? " brd +" : "";
  return `addr add ${formatInterfaceAddress(value)}${how} dev ${ifname}`;
}

function defaultLine(pod: PodInterface, gateway: string, suffix = ""): string {
  const { family } = parseAddress(gateway);
  return `route add ${family === 4 ? "0.0.0.0/0" : "::/0"}${via(pod, gateway)}${suffix}`;
}

function routeLine(pod: PodInterface, route: PodRoute, suffix = ""): string {
  const destination = formatPrefix(parsePrefix(route.destination));
  const hop = route.gateway === undefined ? ` dev ${pod.ifname}` : via(pod, route.gateway);
  return `route add ${destination}${hop}${suffix}`;
}

/** The kernel has no route to a gateway outside the subnet, and must be told that it is there. */
function via(pod: PodInterface, text: string): string {
  const gateway = parseAddress(text);
  const onLink = pod.addresses.some((own) => prefixContains(subnetOf(own), gateway));
  return ` via ${formatAddress(gateway)} dev ${pod.ifname}${onLink ? "" : " onlink"}`;
}

/** What goes to Services, and by which next hop. */
function serviceLines(pod: PodInterface): readonly string[] {
  const { ifname, services = [] } = pod;
  return ([4, 6] as const).flatMap((family) => {
    const own = services.filter((to) => to.includes(":") === (family === 6));
    if (own.length === 0 || !hasFamily(pod, family)) return [];
    return own.map((to) => `route add ${to} via ${SERVICE_HOP[family]} dev ${ifname} onlink`);
  });
}

/** Where the next hop to Services is. */
function hopLines(pod: PodInterface): readonly string[] {
  if (pod.services === undefined) return [];
  return ([4, 6] as const).filter((family) => hasFamily(pod, family)).map((family) =>
    `neigh replace ${SERVICE_HOP[family]} lladdr ${SERVICE_HOP_MAC} dev ${pod.ifname} nud permanent`
  );
}

function sourceLines(pod: PodInterface, table: number): readonly string[] {
  const suffix = ` table ${table}`;
  const lines: string[] = [];
  for (const text of pod.addresses) {
    const { address } = parseInterfaceAddress(text);
    const own = formatAddress(address);
    const subnet = formatPrefix(subnetOf(text));
    lines.push(`route add ${subnet} dev ${pod.ifname} src ${own}${suffix}`);
    const gateway = pod.gateways.find((it) => parseAddress(it).family === address.family);
    lines.push(
      gateway !== undefined
        ? defaultLine(pod, gateway, suffix)
        // Not through another interface's gateway, which would see a foreign source.
        : `route add unreachable ${address.family === 4 ? "0.0.0.0/0" : "::/0"}${suffix}`,
    );
  }
  return [...lines, ...pod.routes.map((route) => routeLine(pod, route, suffix))];
}

function subnetOf(text: string): Prefix {
  const { address, length } = parseInterfaceAddress(text);
  const host = BigInt((address.family === 4 ? 32 : 128) - length);
  return { family: address.family, base: (address.value >> host) << host, length };
}
