/**
 * How often one caller's refusals are written down. Who is refused without end must not push out by
 * retention what others did: behind some in a minute they are only counted, and the next one that is
 * written down says how many there were.
 *
 * @module
 */

/** How many refusals of one caller are written down in a minute. */
export interface RefusalLimits {
  readonly strangers: number;
  readonly known: number;
}

const LIMITS: RefusalLimits = { strangers: 1, known: 30 };
const MINUTE_MS = 60_000;
/** More callers in a minute: those that come then are only counted together. */
const MAX_CALLERS = 5000;

interface Count {
  minute: number;
  told: number;
  skipped: number;
}

/** Refusals of all callers of this server. */
export class Refusals {
  readonly #now: () => number;
  readonly #limits: RefusalLimits;
  readonly #counts = new Map<string, Count>();

  constructor(now: () => number, limits: RefusalLimits = LIMITS) {
    this.#now = now;
    this.#limits = limits;
  }

  /**
   * Whether this one is to be written down: undefined where it is only counted, else how many were
   * counted before it.
   */
  tell(caller: string, { known }: { readonly known: boolean }): number | undefined {
    const minute = Math.floor(this.#now() / MINUTE_MS);
    const name = this.#counts.size >= MAX_CALLERS && !this.#counts.has(caller) ? "others" : caller;
    const count = this.#counts.get(name) ?? { minute, told: 0, skipped: 0 };
    if (count.minute !== minute) Object.assign(count, { minute, told: 0 });
    this.#counts.set(name, count);
    if (count.told >= (known ? this.#limits.known : this.#limits.strangers)) {
      count.skipped++;
      return undefined;
    }
    const { skipped } = count;
    count.told++;
    count.skipped = 0;
    if (this.#counts.size >= MAX_CALLERS) this.#forget(minute);
    return skipped;
  }

  #forget(minute: number): void {
    for (const [name, count] of this.#counts) {
      if (count.minute !== minute && count.skipped === 0) this.#counts.delete(name);
    }
  }
}
