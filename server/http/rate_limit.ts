/**
 * How fast one caller may ask: a bucket that fills at a steady rate.
 *
 * @module
 */

import { httpError } from "./http_error.ts";

export interface RateSettings {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  left: number;
  at: number;
}

/** More callers than that: those who were quiet are forgotten. */
const MAX_CALLERS = 20_000;

export class RateLimiter {
  readonly #settings: RateSettings;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(settings: RateSettings, now: () => number = () => performance.now()) {
    this.#settings = settings;
    this.#now = now;
  }

  /** @throws {FabricError} 429, with how long to wait. */
  take(caller: string): void {
    const { perSecond, burst } = this.#settings;
    const at = this.#now();
    const before = this.#buckets.get(caller) ?? { left: burst, at };
    const left = Math.min(burst, before.left + (at - before.at) / 1000 * perSecond);
    if (left < 1) {
      const seconds = Math.max(1, Math.ceil((1 - left) / perSecond));
      throw httpError(429, `More than ${perSecond} requests a second`, {
        remedy: `try again in ${seconds} s`,
        headers: { "retry-after": String(seconds) },
      });
    }
    if (this.#buckets.size >= MAX_CALLERS) this.#forget(at);
    this.#buckets.set(caller, { left: left - 1, at });
  }

  #forget(now: number): void {
    const { perSecond, burst } = this.#settings;
    const full = burst / perSecond * 1000;
    for (const [caller, { at }] of this.#buckets) {
      if (now - at > full) this.#buckets.delete(caller);
    }
    if (this.#buckets.size >= MAX_CALLERS) this.#buckets.clear();
  }
}
