/**
 * Packets that do not exist, described for `ofproto/trace` (ovs-fields(7)).
 *
 * @module
 */

import { addressToHex, type Family, parseAddress } from "../ip/address.ts";
import { formatAddress } from "../ip/address.ts";

/** What a packet is. */
export type Content =
  /** ARP request or neighbour solicitation for the destination. */
  | "ask"
  | "ping"
  | "answer"
  | { readonly protocol: "tcp" | "udp"; readonly from: number; readonly to: number };

export interface Packet {
  readonly content: Content;
  readonly family: Family;
  readonly source: { readonly mac: string; readonly address: string };
  /** Of a question, the MAC follows from the address. */
  readonly destination: { readonly mac: string; readonly address: string };
  /** OpenFlow number of the port that it comes in by. */
  readonly inPort: number;
  /** VLAN of its tag; undefined: untagged. */
  readonly vlan: number | undefined;
}

/** The packet as flow syntax. */
export function flowText(packet: Packet): string {
  const { inPort, vlan, source, destination, content } = packet;
  const mac = content === "ask" ? groupMac(packet) : destination.mac;
  return [
    `in_port=${inPort}`,
    ...(vlan === undefined ? [] : [`dl_vlan=${vlan}`]),
    `dl_src=${source.mac}`,
    `dl_dst=${mac}`,
    ...contentFields(packet),
  ].join(",");
}

function contentFields({ content, family, source, destination }: Packet): readonly string[] {
  const from = source.address;
  const to = destination.address;
  const addresses = family === 4
    ? [`nw_src=${from}`, `nw_dst=${to}`, "nw_ttl=64"]
    : [`ipv6_src=${from}`, `ipv6_dst=${to}`, "nw_ttl=64"];
  if (typeof content === "object") {
    const { protocol } = content;
    const kind = family === 4 ? protocol : `${protocol}6`;
    const ports = [`${protocol}_src=${content.from}`, `${protocol}_dst=${content.to}`];
    return [kind, ...addresses, ...ports];
  }
  if (content === "ask") {
    return family === 4
      ? ["arp", "arp_op=1", `arp_spa=${from}`, `arp_tpa=${to}`, `arp_sha=${source.mac}`]
      : [
        "icmp6",
        `ipv6_src=${from}`,
        `ipv6_dst=${groupAddress(to)}`,
        "nw_ttl=255",
        "icmpv6_type=135",
        "icmpv6_code=0",
        `nd_target=${to}`,
        `nd_sll=${source.mac}`,
      ];
  }
  const asking = content === "ping";
  return family === 4
    ? ["icmp", ...addresses, `icmp_type=${asking ? 8 : 0}`, "icmp_code=0"]
    : ["icmp6", ...addresses, `icmpv6_type=${asking ? 128 : 129}`, "icmpv6_code=0"];
}

/** The last 24 bits of an IPv6 address in hexadecimal, which its groups have too (RFC 4291, 2.7.1). */
function lastBits(address: string): string {
  return addressToHex(parseAddress(address)).slice(-6);
}

function groupMac({ family, destination }: Packet): string {
  if (family === 4) return "ff:ff:ff:ff:ff:ff";
  return ["33:33:ff", ...lastBits(destination.address).match(/../g) ?? []].join(":");
}

function groupAddress(address: string): string {
  const prefix = 0xff02_0000_0000_0000_0000_0001_ff00_0000n;
  return formatAddress({ family: 6, value: prefix | BigInt(`0x${lastBits(address)}`) });
}
