/**
 * Where a pod's packet goes: from which of its addresses, and to which next hop. Pure.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Address, type Family, formatAddress, parseAddress } from "../ip/address.ts";
import { tryParseAddress } from "../ip/address.ts";
import { parseInterfaceAddress, parsePrefix, prefixContains } from "../ip/prefix.ts";
import type { Network } from "../model/network.ts";
import type { AttachmentRecord } from "../model/records.ts";
import { bare } from "./words.ts";

/** A target as an administrator names it. */
export type Target =
  | { readonly kind: "address"; readonly address: string; readonly port: number | undefined }
  | { readonly kind: "pod"; readonly name: string; readonly port: number | undefined };

/**
 * Reads `10.0.0.5`, `10.0.0.5:80`, `fd00::5`, `[fd00::5]:80`, `NAMESPACE/POD` or `NAMESPACE/POD:80`.
 *
 * @throws {FabricError} `invalid`
 */
export function parseTarget(text: string): Target {
  const [, inside, insidePort] = /^\[([^\]]*)\](?::(\d+))?$/.exec(text) ?? [];
  if (inside !== undefined) {
    return { kind: "address", address: canonical(inside), port: portOf(insidePort, text) };
  }
  if (tryParseAddress(text) !== undefined) {
    return { kind: "address", address: canonical(text), port: undefined };
  }
  const [, head = "", port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  if (/^[\d.]+$/.test(head)) {
    return { kind: "address", address: canonical(head), port: portOf(port, text) };
  }
  if (/^[a-z0-9.-]+\/[a-z0-9.-]+$/i.test(head)) {
    return { kind: "pod", name: head, port: portOf(port, text) };
  }
  throw new FabricError("invalid", `Cannot parse target "${text}"`, {
    field: "--to",
    value: text,
    remedy: "write ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT, NAMESPACE/POD or NAMESPACE/POD:PORT",
  });
}

function canonical(text: string): string {
  return formatAddress(parseAddress(text));
}

function portOf(text: string | undefined, whole: string): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (port >= 1 && port <= 65535) return port;
  throw new FabricError("invalid", `Cannot parse target "${whole}": no port ${text}`, {
    field: "--to",
    value: whole,
    remedy: "a port is 1 to 65535",
  });
}

/** The first step of a packet. */
export interface Way {
  readonly family: Family;
  /** The pod's address that it leaves from, without prefix length. */
  readonly source: string;
  readonly target: string;
  /** Next hop: the target where that is on the link; undefined: there is none. */
  readonly hop: string | undefined;
  readonly onLink: boolean;
}

/** The way from the attachment to the address; undefined where it has no address of that family. */
export function wayTo(
  { record, network }: {
    readonly record: AttachmentRecord;
    readonly network: Network | undefined;
  },
  target: string,
): Way | undefined {
  const address = parseAddress(target);
  const own = record.addresses.find((one) =>
    parseInterfaceAddress(one.address).address.family === address.family
  );
  if (own === undefined) return undefined;
  const { family } = address;
  const source = bare(own.address);
  const onLink = isOnLink(own.address, address) || own.gateway === target;
  const hop = onLink ? target : hopOf(network, address) ?? own.gateway;
  return { family, source, target, hop, onLink };
}

function isOnLink(own: string, address: Address): boolean {
  const { address: { family, value }, length } = parseInterfaceAddress(own);
  const shift = BigInt((family === 4 ? 32 : 128) - length);
  return prefixContains({ family, base: (value >> shift) << shift, length }, address);
}

/** The next hop that the network's own routes name: the longest that contains the target. */
function hopOf(network: Network | undefined, address: Address): string | undefined {
  const routes = (network?.spec.routes ?? [])
    .map(({ to, via }) => ({ prefix: parsePrefix(to), via }))
    .filter(({ prefix }) => prefixContains(prefix, address))
    .sort((a, b) => b.prefix.length - a.prefix.length);
  return routes[0]?.via;
}

/** The ways to the gateways, one for each family that has one. */
export function waysToGateways(record: AttachmentRecord): readonly Way[] {
  return record.addresses.flatMap(({ address, gateway }): Way[] => {
    if (gateway === undefined) return [];
    const { family } = parseInterfaceAddress(address).address;
    return [{ family, source: bare(address), target: gateway, hop: gateway, onLink: true }];
  });
}
