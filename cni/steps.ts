/**
 * How long each step of a call took, for its log line.
 *
 * @module
 */

export interface Steps {
  /** Does the step and notes its time, whether it succeeds or not. */
  time<T>(step: string, action: () => Promise<T>): Promise<T>;
  /** Notes a moment: the milliseconds since the call began. */
  mark(step: string): void;
  /** By step: from when to when, in milliseconds since the call began. */
  spans(): Readonly<Record<string, readonly [from: number, to: number]>>;
  /** Milliseconds since the call began. */
  elapsed(): number;
}

/** Begins now. `clock` is in milliseconds. */
export function createSteps(clock: () => number): Steps {
  const begin = clock();
  const elapsed = (): number => Math.round((clock() - begin) * 10) / 10;
  const spans = new Map<string, [number, number]>();
  return {
    async time(step, action) {
      const from = elapsed();
      try {
        return await action();
      } finally {
        spans.set(step, [from, elapsed()]);
      }
    },
    mark: (step) => void spans.set(step, [elapsed(), elapsed()]),
    spans: () => Object.fromEntries(spans),
    elapsed,
  };
}
