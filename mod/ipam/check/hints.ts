/**
 * Where windows over millions of keys may end: about a page of keys apart.
 *
 * @module
 */

import { addressToHex, type Family } from "../../ip/address.ts";
import { mergeRanges, type Range, rangeSize } from "../../ip/range.ts";
import { addressPrefix, PREFIXES } from "../keys.ts";
import { hashText } from "./text_hash.ts";
import type { World } from "./world.ts";

/** Addresses between two hints, where every one of them is in use. */
const STEP = 1024n;
/** At most so many hints in one range: a larger one is never full. */
const MAX_STEPS = 256n;

function edges(range: Range): readonly bigint[] {
  const wanted = rangeSize(range) / STEP;
  const steps = wanted < 1n ? 1n : wanted > MAX_STEPS ? MAX_STEPS : wanted;
  const width = rangeSize(range) / steps;
  return Array.from({ length: Number(steps) }, (_, i) => range.first + BigInt(i) * width);
}

/** For `addresses/`, and with another prefix for what is laid out like it. */
export function addressHints(world: World): readonly string[] {
  const hints: string[] = [];
  for (const { name, pools } of world.known.values()) {
    for (const family of [4, 6] as const) {
      const prefix = addressPrefix(name, family);
      for (const range of mergeRanges(pools.flatMap(({ free }) => free))) {
        if (range.family !== family) continue;
        hints.push(...edges(range).map((value) => prefix + addressToHex({ family, value })));
      }
    }
  }
  return hints.sort(byText);
}

/** For `history/`, which knows no networks. */
export function historyHints(world: World): readonly string[] {
  const all = [...world.known.values()].flatMap(({ pools }) => pools.flatMap(({ free }) => free));
  return mergeRanges(all).flatMap((range) =>
    edges(range).map((value) => {
      const { family }: { readonly family: Family } = range;
      return `${PREFIXES.history}${family}/${addressToHex({ family, value })}`;
    })
  ).sort(byText);
}

/**
 * The order of etcd, which compares bytes. Keys are ASCII, so JavaScript's order is the same;
 * `localeCompare` is not.
 */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One in so many keys is a hint. */
const ONE_IN = 512;

/** Collects hints for a part of the layout from the keys that others say stand there. */
export class HintSampler {
  readonly #keys: string[] = [];

  /** Makes the key only where it is wanted: `seed` is any text that belongs to it alone. */
  offer(seed: string, key: () => string): void {
    if (hashText(seed).low % ONE_IN === 0) this.#keys.push(key());
  }

  hints(): readonly string[] {
    return this.#keys.sort(byText);
  }
}
