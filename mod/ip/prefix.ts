/**
 * Prefixes (CIDR) and interface addresses.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Address, bits, type Family, formatAddress, parseAddress } from "./address.ts";

/** A network prefix; `base` has no bits set beyond `length`. */
export interface Prefix {
  readonly family: Family;
  readonly base: bigint;
  readonly length: number;
}

function hostMask(family: Family, length: number): bigint {
  return (1n << BigInt(bits(family) - length)) - 1n;
}

function split(text: string, what: string): { address: Address; length: number } {
  const slash = text.indexOf("/");
  const fault = (why: string, remedy: string): FabricError =>
    new FabricError("invalid", `Cannot parse ${what} "${text}": ${why}`, { value: text, remedy });
  if (slash < 0) throw fault("the prefix length is missing", "write it like 10.0.0.0/24");
  const address = parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) {
    throw fault(
      `"${digits}" is not a prefix length`,
      "write the number of bits after /, not a mask",
    );
  }
  const length = Number(digits);
  if (length > bits(address.family)) {
    throw fault(
      `/${length} is over /${bits(address.family)}`,
      `use /0 to /${bits(address.family)}`,
    );
  }
  return { address, length };
}

/**
 * Parses a CIDR whose host bits must be zero.
 *
 * @throws {FabricError} `invalid`; for `10.0.0.5/24` the remedy is `did you mean 10.0.0.0/24`.
 */
export function parsePrefix(text: string): Prefix {
  const { address, length } = split(text, "CIDR");
  const base = address.value & ~hostMask(address.family, length);
  const prefix = { family: address.family, base, length };
  if (base !== address.value) {
    throw new FabricError("invalid", `Cannot parse CIDR "${text}": host bits are set`, {
      value: text,
      remedy: `did you mean ${formatPrefix(prefix)}`,
    });
  }
  return prefix;
}

/** An address with the length of its subnet, as in `10.0.0.5/24`. */
export interface InterfaceAddress {
  readonly address: Address;
  readonly length: number;
}

export function parseInterfaceAddress(text: string): InterfaceAddress {
  return split(text, "interface address");
}

export function formatInterfaceAddress(value: InterfaceAddress): string {
  return `${formatAddress(value.address)}/${value.length}`;
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress({ family: prefix.family, value: prefix.base })}/${prefix.length}`;
}

/** The last address of the prefix (for IPv4 up to /30: the broadcast address). */
export function lastOf(prefix: Prefix): Address {
  return {
    family: prefix.family,
    value: prefix.base | hostMask(prefix.family, prefix.length),
  };
}

export function firstOf(prefix: Prefix): Address {
  return { family: prefix.family, value: prefix.base };
}

export function prefixContains(prefix: Prefix, address: Address): boolean {
  return prefix.family === address.family &&
    (address.value & ~hostMask(prefix.family, prefix.length)) === prefix.base;
}

export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return prefixContains(a, firstOf(b)) || prefixContains(b, firstOf(a));
}

/**
 * The addresses of the prefix that a host can have. IPv4 up to /30 loses network and broadcast
 * address, IPv6 up to /126 the subnet-router anycast address (RFC 4291, 2.6.1); /31 and /127 (RFC
 * 3021, RFC 6164), /32 and /128 lose nothing.
 */
export function hostRange(prefix: Prefix): { readonly first: bigint; readonly last: bigint } {
  const last = lastOf(prefix).value;
  const small = prefix.length >= bits(prefix.family) - 1;
  if (small) return { first: prefix.base, last };
  return { first: prefix.base + 1n, last: prefix.family === 4 ? last - 1n : last };
}
