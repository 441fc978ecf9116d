/**
 * Inclusive ranges of addresses and sets of them.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Address, type Family, formatAddress, parseAddress } from "./address.ts";
import { lastOf, parsePrefix } from "./prefix.ts";

/** All addresses from `first` to `last`, both included. */
export interface Range {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
}

/**
 * Parses `10.0.0.5`, `10.0.0.5-10.0.0.9` or a CIDR such as `10.0.0.8/29`.
 *
 * @throws {FabricError} `invalid`.
 */
export function parseRange(text: string): Range {
  if (text.includes("/")) {
    const prefix = parsePrefix(text);
    return { family: prefix.family, first: prefix.base, last: lastOf(prefix).value };
  }
  const dash = text.indexOf("-");
  if (dash < 0) return rangeOf(parseAddress(text));
  const first = parseAddress(text.slice(0, dash).trim());
  const last = parseAddress(text.slice(dash + 1).trim());
  if (first.family !== last.family) {
    throw new FabricError("invalid", `Cannot parse range "${text}": its ends differ in family`, {
      value: text,
      remedy: "write two ranges, one of each family",
    });
  }
  if (first.value > last.value) {
    throw new FabricError("invalid", `Cannot parse range "${text}": it is reversed`, {
      value: text,
      remedy: `did you mean ${formatAddress(last)}-${formatAddress(first)}`,
    });
  }
  return { family: first.family, first: first.value, last: last.value };
}

/** The range of one address. */
export function rangeOf(address: Address): Range {
  return { family: address.family, first: address.value, last: address.value };
}

export function formatRange(range: Range): string {
  const first = formatAddress({ family: range.family, value: range.first });
  if (range.first === range.last) return first;
  return `${first}-${formatAddress({ family: range.family, value: range.last })}`;
}

export function rangeContains(range: Range, address: Address): boolean {
  return range.family === address.family && range.first <= address.value &&
    address.value <= range.last;
}

export function rangesOverlap(a: Range, b: Range): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** How many addresses the range holds. */
export function rangeSize(range: Range): bigint {
  return range.last - range.first + 1n;
}

/** Sorted, disjoint, adjacent ones joined. */
export function mergeRanges(ranges: readonly Range[]): readonly Range[] {
  const sorted = [...ranges].sort((a, b) =>
    a.family !== b.family ? a.family - b.family : a.first < b.first ? -1 : a.first > b.first ? 1 : 0
  );
  const merged: Range[] = [];
  for (const range of sorted) {
    const previous = merged[merged.length - 1];
    if (
      previous !== undefined && previous.family === range.family &&
      range.first <= previous.last + 1n
    ) {
      if (range.last > previous.last) {
        merged[merged.length - 1] = { ...previous, last: range.last };
      }
    } else {
      merged.push(range);
    }
  }
  return merged;
}

/** What is in `ranges` and not in `taken`; sorted, disjoint. */
export function subtractRanges(
  ranges: readonly Range[],
  taken: readonly Range[],
): readonly Range[] {
  const holes = mergeRanges(taken);
  const rest: Range[] = [];
  for (const range of mergeRanges(ranges)) {
    let first = range.first;
    for (const hole of holes) {
      if (hole.family !== range.family || hole.last < first || hole.first > range.last) continue;
      if (hole.first > first) {
        rest.push({ family: range.family, first, last: hole.first - 1n });
      }
      first = hole.last + 1n;
    }
    if (first <= range.last) rest.push({ family: range.family, first, last: range.last });
  }
  return rest;
}

/** What is in both; sorted, disjoint. */
export function intersectRanges(a: readonly Range[], b: readonly Range[]): readonly Range[] {
  const both: Range[] = [];
  for (const x of mergeRanges(a)) {
    for (const y of mergeRanges(b)) {
      if (!rangesOverlap(x, y)) continue;
      both.push({
        family: x.family,
        first: x.first > y.first ? x.first : y.first,
        last: x.last < y.last ? x.last : y.last,
      });
    }
  }
  return mergeRanges(both);
}

/** How many addresses the ranges hold together (they must be disjoint). */
export function totalSize(ranges: readonly Range[]): bigint {
  return ranges.reduce((sum, range) => sum + rangeSize(range), 0n);
}
