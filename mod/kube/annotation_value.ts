/**
 * What the values of our annotations may be. Pure: text in, value out; the error says why not, and
 * what would be right.
 *
 * @module
 */

import { parseAddress } from "../ip/address.ts";
import { parseMac } from "../ip/mac.ts";
import { parseRange, type Range, rangeOf, rangeSize } from "../ip/range.ts";

/** Why a value cannot be used, and what would be right. */
export class ValueFault extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Names of networks, separated by commas. */
export function parseNetworks(text: string): readonly string[] {
  const names = words(text);
  if (names.length === 0) throw new ValueFault("it names no network", "name a network");
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) {
    throw new ValueFault(`"${wrong}" is no name of a network`, "write it like pods or pods,dmz");
  }
  return names;
}

/** Of one list: so many slots can it have. */
const MAX_LISTED = 65_536n;

/** Addresses of both families, in the order of their slots. */
export interface AddressList {
  readonly 4: readonly Range[];
  readonly 6: readonly Range[];
}

/** Addresses and ranges, separated by commas, of one or both families. */
export function parseAddressList(text: string): AddressList {
  const remedy = "write it like 10.0.0.5, or 10.0.0.5-10.0.0.9,fd00::5-fd00::9";
  const ranges = words(text).map((word) => {
    try {
      if (word.includes("/")) throw new ValueFault("", "");
      return word.includes("-") ? parseRange(word) : rangeOf(parseAddress(word));
    } catch {
      throw new ValueFault(`"${word}" is neither an address nor a range`, remedy);
    }
  });
  if (ranges.length === 0) throw new ValueFault("it lists no address", remedy);
  const of = (family: 4 | 6): readonly Range[] => ranges.filter((it) => it.family === family);
  const list = { 4: of(4), 6: of(6) };
  const sizes = [sizeOf(list[4]), sizeOf(list[6])] as const;
  if (sizes.some((size) => size > MAX_LISTED)) {
    throw new ValueFault(`it lists more than ${MAX_LISTED} addresses`, remedy);
  }
  if (sizes[0] > 0n && sizes[1] > 0n && sizes[0] !== sizes[1]) {
    throw new ValueFault(
      `it lists ${sizes[0]} IPv4 and ${sizes[1]} IPv6 addresses`,
      "list as many of one family as of the other: a slot has one of each",
    );
  }
  const all = ranges.toSorted((a, b) =>
    a.family - b.family || (a.first < b.first ? -1 : a.first > b.first ? 1 : 0)
  );
  for (const [i, range] of all.entries()) {
    const before = all[i - 1];
    if (before?.family === range.family && before.last >= range.first) {
      throw new ValueFault("it lists an address twice", remedy);
    }
  }
  return list;
}

function sizeOf(ranges: readonly Range[]): bigint {
  return ranges.reduce((sum, range) => sum + rangeSize(range), 0n);
}

/** How many slots the list has addresses for. */
export function listSize(list: AddressList): number {
  const four = sizeOf(list[4]);
  return Number(four > 0n ? four : sizeOf(list[6]));
}

export function parseFlag(text: string): boolean {
  if (text === "true") return true;
  if (text === "false") return false;
  throw new ValueFault("it is neither true nor false", 'write "true" or "false"');
}

export function parseMacValue(text: string): string {
  try {
    return parseMac(text);
  } catch (cause) {
    throw new ValueFault(
      cause instanceof Error ? cause.message : "it is no MAC address",
      "write a unicast address like 02:00:00:00:00:05",
    );
  }
}

/** Factors of Kubernetes' quantities (`resource.Quantity`) as powers of ten or of 1024. */
const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** Bits per second: a quantity of 1k to 1P. */
export function parseRate(text: string): number {
  const remedy = "write a quantity of 1k to 1P in bit/s, like 500k, 10M or 1.5G";
  const [, number, suffix = ""] =
    /^(\d{1,18}(?:\.\d{0,9})?|\.\d{1,9})(?:(k|[MGTP]|[KMGTP]i)|[eE](\d{1,2}))?$/.exec(text) ?? [];
  const exponent = /[eE](\d{1,2})$/.exec(text)?.[1];
  const factor = exponent === undefined ? FACTORS[suffix] : 10 ** Number(exponent);
  if (number === undefined || factor === undefined) {
    throw new ValueFault("it is no quantity", remedy);
  }
  const rate = Math.round(Number(number) * factor);
  if (rate < 1e3 || rate > 1e15) throw new ValueFault("it is out of bounds", remedy);
  return rate;
}

/** How long an ownership outlives its workload, in seconds; `never`: for ever. */
export type Reclaim = number | "never";

export const DEFAULT_RECLAIM_SECONDS = 600;

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

export function parseReclaim(text: string): Reclaim {
  if (text === "never") return "never";
  if (text === "immediately") return 0;
  const [, number, unit = ""] = /^after=(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (number !== undefined) return Number(number) * (SECONDS[unit] ?? 1);
  throw new ValueFault(
    "it is none of immediately, never and after=DURATION",
    "write it like after=10m (units s, m, h, d)",
  );
}

/** What a Pod does when all addresses of its workload are held. */
export const ON_EXHAUSTED = ["wait", "borrow"] as const;
export type OnExhausted = typeof ON_EXHAUSTED[number];

export function parseOnExhausted(text: string): OnExhausted {
  const found = ON_EXHAUSTED.find((word) => word === text);
  if (found !== undefined) return found;
  throw new ValueFault("it is neither wait nor borrow", 'write "wait" or "borrow"');
}

function words(text: string): readonly string[] {
  return text.split(",").map((word) => word.trim()).filter((word) => word !== "");
}
