/**
 * IP addresses as plain values: a family and a number. Text is parsed strictly, since an address
 * here is an identity: `010.0.0.1`, `::ffff:10.0.0.1` and `fe80::1%eth0` are refused with the
 * reason instead of being guessed at.
 *
 * @module
 */

import { FabricError } from "../error.ts";

export type Family = 4 | 6;

export interface Address {
  readonly family: Family;
  /** 0 … 2^32-1 or 0 … 2^128-1. */
  readonly value: bigint;
}

/** Bits of an address of the family. */
export function bits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The largest value of an address of the family. */
export function maxValue(family: Family): bigint {
  return family === 4 ? 0xffff_ffffn : (1n << 128n) - 1n;
}

/**
 * Parses an address in canonical or any unambiguous text form.
 *
 * @throws {FabricError} `invalid`, with value and remedy.
 */
export function parseAddress(text: string): Address {
  if (text === "") throw invalid(text, "value is empty", "write an address such as 10.0.0.5");
  if (text.includes("%")) {
    throw invalid(text, "an address with a zone is not an identity", "leave out what follows %");
  }
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

/** Like {@linkcode parseAddress}, undefined where the text is no address. */
export function tryParseAddress(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}

function invalid(text: string, why: string, remedy: string): FabricError {
  return new FabricError("invalid", `Cannot parse address "${text}": ${why}`, {
    value: text,
    remedy,
  });
}

/** The dotted part of `text` that stands behind `head` (empty for an IPv4 address). */
function parseV4(text: string, head = ""): Address {
  const parts = text.slice(head.length).split(".");
  if (parts.length !== 4) {
    throw invalid(text, `${parts.length} part(s) where 4 are needed`, "write it like 10.0.0.5");
  }
  let value = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part)) {
      throw invalid(text, `"${part}" is not a decimal number`, "write it like 10.0.0.5");
    }
    if (part.length > 1 && part.startsWith("0")) {
      throw invalid(
        text,
        `"${part}" has a leading zero, which some programs read as octal`,
        `did you mean ${head}${parts.map((p) => p.replace(/^0+(?=.)/, "")).join(".")}`,
      );
    }
    const octet = Number(part);
    if (octet > 255) throw invalid(text, `"${part}" is over 255`, "each part is 0 to 255");
    value = (value << 8n) | BigInt(octet);
  }
  return { family: 4, value };
}

function parseV6(text: string): Address {
  const remedy = "write it like 2001:db8::5";
  let source = text;
  if (text.lastIndexOf(".") > text.lastIndexOf(":")) {
    const head = text.slice(0, text.lastIndexOf(":") + 1);
    const v4 = parseV4(text, head).value;
    source = `${head}${(v4 >> 16n).toString(16)}:${(v4 & 0xffffn).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) throw invalid(text, `"::" stands more than once`, remedy);
  const groups = (half: string): string[] => half === "" ? [] : half.split(":");
  const head = groups(halves[0] ?? "");
  const tail = groups(halves[1] ?? "");
  const gap = 8 - head.length - tail.length;
  if (halves.length === 1 ? gap !== 0 : gap < 1) {
    throw invalid(text, `it has ${head.length + tail.length} groups`, remedy);
  }
  let value = 0n;
  for (const group of [...head, ...new Array<string>(gap).fill("0"), ...tail]) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) {
      throw invalid(text, `"${group}" is not a group of 1 to 4 hexadecimal digits`, remedy);
    }
    value = (value << 16n) | BigInt(parseInt(group, 16));
  }
  if (value >> 32n === 0xffffn) {
    const v4 = formatAddress({ family: 4, value: value & 0xffff_ffffn });
    throw invalid(text, "it is an IPv4-mapped address", `write the IPv4 address ${v4}`);
  }
  return { family: 6, value };
}

/** Canonical text: dotted decimal, or RFC 5952 for IPv6. */
export function formatAddress(address: Address): string {
  const { family, value } = address;
  if (family === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
  }
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  // The longest run of at least two zero groups is shortened, the first of equals (RFC 5952, 4.2).
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = (part: readonly number[]): string => part.map((g) => g.toString(16)).join(":");
  if (best.start < 0) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}

/** Fixed-width lower-case hexadecimal (8 or 32 digits): sorts like the addresses do. */
export function addressToHex(address: Address): string {
  return address.value.toString(16).padStart(bits(address.family) / 4, "0");
}

/** The inverse of {@linkcode addressToHex}; the width tells the family. */
export function addressFromHex(hex: string): Address {
  if (/^[0-9a-f]{8}$/.test(hex)) return { family: 4, value: BigInt(`0x${hex}`) };
  if (/^[0-9a-f]{32}$/.test(hex)) return { family: 6, value: BigInt(`0x${hex}`) };
  throw new FabricError("internal", `Cannot parse address key "${hex}": not 8 or 32 hex digits`);
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.value === b.value;
}

/** Order: IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** True for addresses that no interface may have: multicast, unspecified, loopback, broadcast. */
export function isUnusable(address: Address): boolean {
  const { family, value } = address;
  if (family === 4) {
    const first = value >> 24n;
    return first === 0n || first === 127n || first >= 224n;
  }
  return value <= 1n || value >> 120n === 0xffn;
}
