/**
 * MAC addresses: text form and the ones that belong to an IP address.
 *
 * @module
 */

import { fnv1a } from "../fnv.ts";
import { FabricError } from "../error.ts";
import type { Address } from "./address.ts";

/**
 * Parses `0a:58:0a:00:00:05` (also with `-`), answers lower case with colons.
 *
 * @throws {FabricError} `invalid`: not six octets, multicast, all zero.
 */
export function parseMac(text: string): string {
  const fault = (why: string, remedy: string): FabricError =>
    new FabricError("invalid", `Cannot parse MAC address "${text}": ${why}`, {
      value: text,
      remedy,
    });
  const mac = text.toLowerCase().replaceAll("-", ":");
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) {
    throw fault(
      "it is not six octets of two hexadecimal digits",
      "write it like 0a:58:0a:00:00:05",
    );
  }
  if ((parseInt(mac.slice(0, 2), 16) & 1) === 1) {
    throw fault("it is a multicast address", "the lowest bit of the first octet must be 0");
  }
  if (mac === "00:00:00:00:00:00") throw fault("it is all zero", "leave it out to have one chosen");
  return mac;
}

/**
 * The MAC of a pod that has this address: locally administered, `0a:58` and the four octets of an
 * IPv4 address, which makes it unique where the address is. For IPv6 `0a:5a` and a 32-bit FNV-1a
 * hash of the address; `attempt` gives further ones should the first be taken in the segment.
 */
export function macOfAddress(address: Address, attempt = 0): string {
  if (address.family === 4 && attempt === 0) return octets(0x0a58, Number(address.value));
  return octets(0x0a5a, fnv1a(`${address.value.toString(16)}/${attempt}`));
}

function octets(high: number, low: number): string {
  const hex = high.toString(16).padStart(4, "0") + low.toString(16).padStart(8, "0");
  return hex.match(/../g)?.join(":") ?? "";
}
