/**
 * Which of the free entries that a reader saw is tried: pure, given chance and time as values.
 *
 * @module
 */

import { type Address, compareAddresses } from "../ip/address.ts";
import { type Range, rangeContains } from "../ip/range.ts";
import type { FreeEntry } from "./free.ts";

/** An address to try, and the entry of the free index that offers it. */
export interface Candidate {
  readonly address: Address;
  /** Undefined where the address was asked for. */
  readonly entry: FreeEntry | undefined;
}

export interface ChoiceOptions {
  /** What the network hands out of the family; sorted, disjoint. */
  readonly allocatable: readonly Range[];
  /** Hex of addresses seen taken or cooling although an entry offers them. */
  readonly avoid: ReadonlySet<string>;
  readonly coolingMs: number;
  readonly now: number;
  readonly random: () => number;
}

export type Choice =
  | { readonly kind: "candidate"; readonly candidate: Candidate }
  /** Entries there are, but what they offer is cooling. */
  | { readonly kind: "cooling" }
  | { readonly kind: "none" };

/**
 * Offers that are considered, in the order they were read: from the reader's random point on. More
 * would favour the keys at which every ring starts anew.
 */
const MAX_OFFERS = 16;
/** How far an entry is searched for an address that is not taken. */
const MAX_STEPS = 512;

/**
 * Chooses among the entries: addresses that were never used before those that were, and among
 * those one of the older half, at random, so that clients that see the same window seldom meet.
 *
 * Intervals never end in a large family, so there released addresses are preferred as soon as they
 * are the larger part of what is seen: otherwise their keys would pile up for ever.
 */
export function chooseCandidate(entries: readonly FreeEntry[], options: ChoiceOptions): Choice {
  const offers: Candidate[] = [];
  let cooling = false;
  for (const entry of entries) {
    if (offers.length === MAX_OFFERS) break;
    const address = firstOffered(entry, options);
    if (address === undefined) continue;
    if (isCooling(entry, options)) cooling = true;
    else offers.push({ address, entry });
  }
  if (offers.length === 0) return { kind: cooling ? "cooling" : "none" };
  const released = offers.filter((offer) => offer.entry?.releasedAt !== undefined);
  const fresh = offers.filter((offer) => offer.entry?.releasedAt === undefined);
  const finite = fresh.every((offer) => isSingle(offer));
  const pool = fresh.length > 0 && (finite || fresh.length >= released.length)
    ? fresh
    : olderHalf(released);
  const picked = pool[Math.floor(options.random() * pool.length)] ?? pool[0];
  return picked === undefined ? { kind: "none" } : { kind: "candidate", candidate: picked };
}

function isSingle(offer: Candidate): boolean {
  return offer.entry !== undefined && compareAddresses(offer.entry.next, offer.entry.end) === 0;
}

function olderHalf(offers: readonly Candidate[]): readonly Candidate[] {
  const byAge = [...offers].sort((a, b) => (a.entry?.releasedAt ?? 0) - (b.entry?.releasedAt ?? 0));
  return byAge.slice(0, Math.ceil(byAge.length / 2));
}

/**
 * A hint only: the cooling key decides, whatever the clocks say. A release in the future was
 * written by a clock ahead of ours and hints at nothing.
 */
function isCooling({ releasedAt }: FreeEntry, { coolingMs, now }: ChoiceOptions): boolean {
  return releasedAt !== undefined && releasedAt <= now && releasedAt + coolingMs > now;
}

/** The first address of the entry that the network hands out and nobody is known to have. */
function firstOffered(entry: FreeEntry, options: ChoiceOptions): Address | undefined {
  const { family } = entry.next;
  let value = entry.next.value;
  for (let step = 0; step < MAX_STEPS; step++) {
    if (value > entry.end.value) return undefined;
    const address: Address = { family, value };
    const inside = options.allocatable.some((range) => rangeContains(range, address));
    if (!inside) {
      const later = options.allocatable.find((range) => range.first > value);
      if (later === undefined) return undefined;
      value = later.first;
    } else if (options.avoid.has(avoidKey(address))) {
      value += 1n;
    } else {
      return address;
    }
  }
  return undefined;
}

/** How {@linkcode ChoiceOptions.avoid} names an address. */
export function avoidKey(address: Address): string {
  return `${address.family}/${address.value.toString(16)}`;
}
