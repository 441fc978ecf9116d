/**
 * Two bookkeepings that must agree, held against each other while both are read in whatever order:
 * what one side says is entered, and struck out when the other side says the same. What is left in
 * the end is said by one side only. 12 bytes an entry, so a million pairs cost 24 MB at most.
 *
 * @module
 */

import type { Hash } from "./text_hash.ts";

const EMPTY = 0;
const FIRST_SLOTS = 1 << 16;

/** Entries that wait for their other half, each with the page on which it was read. */
export class Ledger {
  #high = new Uint32Array(FIRST_SLOTS);
  #low = new Uint32Array(FIRST_SLOTS);
  /** Page number + 1; 0 is an empty slot. */
  #page = new Uint32Array(FIRST_SLOTS);
  #count = 0;

  /** How many have found no other half so far. */
  get size(): number {
    return this.#count;
  }

  /** Enters what was read on the page, or strikes out its other half. */
  enter({ high, low }: Hash, page: number): void {
    const mask = this.#page.length - 1;
    let slot = low & mask;
    while (this.#page[slot] !== EMPTY) {
      if (this.#high[slot] === high && this.#low[slot] === low) return this.#strike(slot);
      slot = (slot + 1) & mask;
    }
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#page[slot] = page + 1;
    this.#count++;
    if (this.#count * 5 > this.#page.length * 3) this.#grow();
  }

  has({ high, low }: Hash): boolean {
    const mask = this.#page.length - 1;
    for (let slot = low & mask; this.#page[slot] !== EMPTY; slot = (slot + 1) & mask) {
      if (this.#high[slot] === high && this.#low[slot] === low) return true;
    }
    return false;
  }

  /** The pages on which something stands that only one side says. */
  pages(): readonly number[] {
    const pages = new Set<number>();
    for (const page of this.#page) if (page !== EMPTY) pages.add(page - 1);
    return [...pages].sort((a, b) => a - b);
  }

  /** Empties the slot; entries that were pushed behind it move up (no slot is ever half empty). */
  #strike(slot: number): void {
    const mask = this.#page.length - 1;
    let hole = slot;
    for (let next = (hole + 1) & mask; this.#page[next] !== EMPTY; next = (next + 1) & mask) {
      const home = (this.#low[next] ?? 0) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.#high[hole] = this.#high[next] ?? 0;
      this.#low[hole] = this.#low[next] ?? 0;
      this.#page[hole] = this.#page[next] ?? 0;
      hole = next;
    }
    this.#page[hole] = EMPTY;
    this.#count--;
  }

  #grow(): void {
    const [high, low, page] = [this.#high, this.#low, this.#page];
    const slots = page.length * 2;
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
    this.#page = new Uint32Array(slots);
    this.#count = 0;
    for (let slot = 0; slot < page.length; slot++) {
      const at = page[slot] ?? EMPTY;
      if (at !== EMPTY) this.enter({ high: high[slot] ?? 0, low: low[slot] ?? 0 }, at - 1);
    }
  }
}

const BUCKETS = 1 << 16;

/**
 * The same for what grows with the years (a history of a hundred million intervals): sums per
 * bucket, which are zero where both sides agree. Which entries differ is found out by reading the
 * buckets that are not zero once more.
 */
export class Balance {
  readonly #high = new Uint32Array(BUCKETS);
  readonly #low = new Uint32Array(BUCKETS);
  readonly #entries = new Uint32Array(BUCKETS);

  /** `sign`: which side says it. */
  enter({ high, low }: Hash, sign: 1 | -1): void {
    const bucket = bucketOf({ high, low });
    this.#high[bucket] = (this.#high[bucket] ?? 0) + sign * high;
    this.#low[bucket] = (this.#low[bucket] ?? 0) + sign * low;
    this.#entries[bucket] = (this.#entries[bucket] ?? 0) + 1;
  }

  /** Buckets that do not sum up, as many as hold at most so many entries. */
  unbalanced(maxEntries: number): { readonly buckets: ReadonlySet<number>; readonly all: boolean } {
    const buckets = new Set<number>();
    let left = maxEntries;
    let all = true;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (this.#high[bucket] === 0 && this.#low[bucket] === 0) continue;
      left -= this.#entries[bucket] ?? 0;
      if (left >= 0 || buckets.size === 0) buckets.add(bucket);
      else all = false;
    }
    return { buckets, all };
  }
}

export function bucketOf({ high }: Hash): number {
  return high >>> 16;
}
