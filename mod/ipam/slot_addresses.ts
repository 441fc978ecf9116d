/**
 * Addresses that somebody lists for the slots of a workload: the first of each family for slot 0,
 * the second for slot 1. Nothing is spelt out: a list may be a range of thousands.
 *
 * @module
 */

import type { Address, Family } from "../ip/address.ts";
import { type Range, rangeContains, rangeSize } from "../ip/range.ts";

/** Ranges in the order in which they were written; a family may have none. */
export type AddressesOfSlots = Readonly<Record<Family, readonly Range[]>>;

/** How many slots have an address. */
export function slotCount(list: AddressesOfSlots): number {
  return Math.max(sizeOf(list[4]), sizeOf(list[6]));
}

function sizeOf(ranges: readonly Range[]): number {
  return Number(ranges.reduce((sum, range) => sum + rangeSize(range), 0n));
}

/** The addresses at a place of the list, IPv4 first; a family without any has none. */
export function addressesAt(list: AddressesOfSlots, index: number): readonly Address[] {
  return ([4, 6] as const).flatMap((family) => {
    let left = BigInt(index);
    for (const range of list[family]) {
      const size = rangeSize(range);
      if (left < size) return [{ family, value: range.first + left }];
      left -= size;
    }
    return [];
  });
}

/** True where all addresses of the families that the list has are in it. */
export function isListed(list: AddressesOfSlots, addresses: readonly Address[]): boolean {
  return ([4, 6] as const).every((family) => {
    const ranges = list[family];
    if (ranges.length === 0) return true;
    const own = addresses.filter((address) => address.family === family);
    return own.length > 0 &&
      own.every((address) => ranges.some((range) => rangeContains(range, address)));
  });
}
