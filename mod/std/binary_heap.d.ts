/** A priority queue: `pop` and `peek` give what `compare` puts first. */
export class BinaryHeap<T> {
  constructor(compare: (a: T, b: T) => number);
  readonly length: number;
  push(...values: readonly T[]): number;
  pop(): T | undefined;
  peek(): T | undefined;
}
