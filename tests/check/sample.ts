/**
 * The same choice for the same seed.
 *
 * @module
 */

/** Numbers from 0 to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** So many of the items, each at most once. */
export function sample<T>(
  items: readonly T[],
  { seed, count }: { readonly seed: number; readonly count: number },
): readonly T[] {
  const random = seeded(seed);
  const left = [...items];
  return Array.from({ length: Math.min(count, left.length) }, () => {
    const [one] = left.splice(Math.floor(random() * left.length), 1);
    return one;
  }).flatMap((one) => one === undefined ? [] : [one]);
}
