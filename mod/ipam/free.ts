/**
 * The free index: a hint where free addresses are, so that an ADD finds one without reading the
 * network. The truth is in `addresses/`; every commit compares that, so a wrong hint costs a
 * retry, never a duplicate.
 *
 * The allocatable addresses of a family are cut into at most 4,096 intervals, one key each, in the
 * order of a hash; an interval's value says which address of it comes next. An allocation takes
 * `next` and writes the rest back; a released address gets a key of its own. A reader looks at a
 * window of the hash space: as wide as everything while the family is small, 1/256 of it (about
 * 256 keys when every address of a /16 has a key of its own) when it is large, and everything
 * again when that window is empty, which means that few keys are left.
 *
 * @module
 */

import * as v from "valibot";
import type { Compare, KeyValue, Operation, Store } from "../etcd/store.ts";
import { type Address, addressFromHex, addressToHex, type Family } from "../ip/address.ts";
import { type Range, totalSize } from "../ip/range.ts";
import { freePrefix, freeSizeKey } from "./keys.ts";

/** At most so many intervals per network and family. */
export const MAX_INTERVALS = 4096;
/** Up to so many addresses a family counts as small: a window is everything. */
export const SMALL_FAMILY = 256;
/** No transaction has more operations (etcd's default limit). */
export const MAX_OPERATIONS = 128;
/** Keys that one window returns, of each side of its starting point. */
const WINDOW_LIMIT = 16;

/** A key of the free index, parsed. */
export interface FreeEntry {
  readonly key: string;
  readonly modRevision: number;
  readonly next: Address;
  readonly end: Address;
  /** When the address was released (its node's clock, ms); undefined: never used. */
  readonly releasedAt: number | undefined;
}

const FreeValueSchema = v.looseObject({
  /** Next address of the interval (hex); absent: the one in the key. */
  n: v.optional(v.string()),
  /** Last address of the interval (hex); absent: the same as next. */
  e: v.optional(v.string()),
  /** Released at, ms. */
  t: v.optional(v.number()),
});

/** 32 bits, well mixed (the finalizer of MurmurHash3): spreads neighbours over the hash space. */
function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hashOf(address: Address): string {
  let folded = 0;
  for (let value = address.value; value > 0n; value >>= 32n) {
    folded = mix(folded ^ Number(value & 0xffff_ffffn));
  }
  return folded.toString(16).padStart(8, "0");
}

/** The key of a released address, or of an interval of one. */
export function singleKey(network: string, address: Address): string {
  return `${freePrefix(network, address.family)}${hashOf(address)}-${addressToHex(address)}`;
}

/**
 * The key of an interval of several addresses. The tag is unique to the edit that wrote it, so that
 * no edit overwrites what is left of an interval of an earlier one.
 */
function intervalKey(network: string, first: Address, tag: string): string {
  return `${singleKey(network, first)}+${tag}`;
}

function toHex(family: Family, value: bigint): string {
  return addressToHex({ family, value });
}

/** Puts the address into the index; `releasedAt` (ms) is undefined where nobody ever saw it. */
export function putReleased(
  network: string,
  address: Address,
  releasedAt: number | undefined,
): Operation {
  return { put: singleKey(network, address), value: JSON.stringify({ t: releasedAt }) };
}

/** Takes `taken` (and whatever lies before it) out of the entry: the rest is written back. */
export function takeFrom(entry: FreeEntry, taken: Address): Operation {
  if (taken.value >= entry.end.value) return { delete: { key: entry.key } };
  const next = toHex(taken.family, taken.value + 1n);
  return {
    put: entry.key,
    value: JSON.stringify({ n: next, e: addressToHex(entry.end) }),
  };
}

/** Holds while nobody took from the entry. */
export function entryUnchanged(entry: FreeEntry): Compare {
  return { key: entry.key, target: "mod", op: "=", revision: entry.modRevision };
}

/** Parses a key of the index; undefined where somebody wrote nonsense (check finds it). */
export function parseFreeEntry(kv: KeyValue): FreeEntry | undefined {
  const name = kv.key.slice(kv.key.lastIndexOf("/") + 1);
  const match = /^[0-9a-f]{8}-([0-9a-f]{8}|[0-9a-f]{32})(?:\+[0-9a-z-]*)?$/.exec(name);
  if (match?.[1] === undefined) return undefined;
  try {
    const value = v.parse(FreeValueSchema, JSON.parse(kv.value));
    const next = addressFromHex(value.n ?? match[1]);
    const end = value.e === undefined ? next : addressFromHex(value.e);
    return { key: kv.key, modRevision: kv.modRevision, next, end, releasedAt: value.t };
  } catch {
    return undefined;
  }
}

/** Where a reader looks first; `point` is uniform in [0, 1). */
export interface Window {
  readonly compare: readonly Compare[];
  /** Ranges to read when the compares hold, else `wide`. */
  readonly narrow: readonly Operation[];
  readonly wide: readonly Operation[];
}

function hashKey(network: string, family: Family, point: number): string {
  const hash = Math.floor(point * 2 ** 32).toString(16).padStart(8, "0");
  return freePrefix(network, family) + hash;
}

function windowRange(
  network: string,
  family: Family,
  span: { readonly from: number; readonly to: number },
): Operation {
  const end = span.to >= 1
    // "g" follows every hexadecimal digit.
    ? `${freePrefix(network, family)}g`
    : hashKey(network, family, span.to);
  return { range: { key: hashKey(network, family, span.from), end, limit: WINDOW_LIMIT } };
}

/**
 * The window at `point` of the hash space. Its compares hold where the family is large and the
 * narrow window holds at least one key; they cost what the narrow window holds.
 */
export function freeWindow(network: string, family: Family, point: number): Window {
  const narrow = { from: point, to: Math.min(1, point + 1 / 256) };
  return {
    compare: [
      { key: freeSizeKey(network, family), target: "create", op: ">", revision: 0 },
      {
        key: hashKey(network, family, narrow.from),
        end: narrow.to >= 1
          ? `${freePrefix(network, family)}g`
          : hashKey(network, family, narrow.to),
        target: "create",
        op: ">",
        revision: 0,
      },
    ],
    narrow: [windowRange(network, family, narrow)],
    wide: [
      windowRange(network, family, { from: point, to: 1 }),
      windowRange(network, family, { from: 0, to: point }),
    ],
  };
}

/** One window of fixed width: what is read of the second family beside the first. */
export function sideWindow(network: string, family: Family, point: number): Operation {
  const from = Math.min(point, 1 - 1 / 32);
  return windowRange(network, family, { from, to: from + 1 / 32 });
}

/** Everything, from `point` on and around: for a family whose window came back empty. */
export function wholeRing(network: string, family: Family, point: number): readonly Operation[] {
  return freeWindow(network, family, point).wide;
}

/** The intervals that the index of these addresses starts with. */
export function cutIntervals(ranges: readonly Range[]): readonly Range[] {
  const total = totalSize(ranges);
  if (total === 0n) return [];
  const max = BigInt(MAX_INTERVALS - ranges.length);
  const size = max <= 0n || total <= max ? (max <= 0n ? total : 1n) : (total + max - 1n) / max;
  const cut: Range[] = [];
  for (const range of ranges) {
    for (let first = range.first; first <= range.last; first += size) {
      const last = first + size - 1n;
      cut.push({ family: range.family, first, last: last < range.last ? last : range.last });
    }
  }
  return cut;
}

/** The operations that put these addresses into the index; `tag` of a-z, 0-9 and `-`. */
export function indexOperations(
  network: string,
  ranges: readonly Range[],
  tag = "",
): readonly Operation[] {
  return cutIntervals(ranges).map((range) => putInterval(network, range, tag));
}

/** Puts one interval into the index, whole. */
export function putInterval(network: string, range: Range, tag: string): Operation {
  const { family, first, last } = range;
  const start = { family, value: first };
  if (first === last) return { put: singleKey(network, start), value: "{}" };
  return {
    put: intervalKey(network, start, tag),
    value: JSON.stringify({ n: addressToHex(start), e: toHex(family, last) }),
  };
}

/** Marks the family as large (or not), so that readers choose their window. */
export function sizeOperation(
  network: string,
  family: Family,
  ranges: readonly Range[],
): Operation {
  const key = freeSizeKey(network, family);
  return totalSize(ranges) > BigInt(SMALL_FAMILY) ? { put: key, value: "{}" } : { delete: { key } };
}

/**
 * Runs the operations in transactions of at most 128, each under the compares.
 *
 * @returns false as soon as a compare failed: the rest was not done.
 */
export async function runInParts(
  store: Store,
  operations: readonly Operation[],
  compare: readonly Compare[],
): Promise<boolean> {
  const parts: (readonly Operation[])[] = [];
  const size = MAX_OPERATIONS;
  for (let i = 0; i < operations.length; i += size) parts.push(operations.slice(i, i + size));
  // Eight at a time: hints do not depend on order, and a /16 has 33 parts.
  for (let i = 0; i < parts.length; i += 8) {
    const done = await Promise.all(
      parts.slice(i, i + 8).map((success) => store.txn({ compare, success })),
    );
    if (done.some((response) => !response.succeeded)) return false;
  }
  return true;
}
