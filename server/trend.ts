/**
 * How many addresses of each network were held, day by day: from the history, which is read whole
 * once and then only for what has changed. One record's change costs nothing here; reading goes on
 * beside the answers, so a long history delays none of them for long.
 *
 * @module
 */

import type { Store } from "../mod/etcd/store.ts";
import { scanHistory } from "../mod/ipam/history_scan.ts";
import { decodeRecord } from "../mod/ipam/stored.ts";
import { HistoryRecordSchema } from "../mod/model/records.ts";

const DAY_MS = 86_400_000;
/** A trend is of days: it is read again at most so often. */
const FRESH_MS = 5 * 60_000;
/** How long an answer waits for a reading that goes on. */
const PATIENCE_MS = 1500;

/** Held addresses at the end of each of some days, the last of them today, by network. */
export interface Trend {
  readonly networks: Readonly<Record<string, readonly number[]>>;
  /** False while the history is read for the first time. */
  readonly complete: boolean;
}

/** What a network gained and lost, by day since the epoch. */
type Days = Map<number, number>;

/** The trends of all networks. */
export class TrendCache {
  readonly #store: Store;
  readonly #now: () => number;
  /** By `<family> <network>`. */
  readonly #changes = new Map<string, Days>();
  #revision = 0;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor({ store, now }: { readonly store: Store; readonly now: () => number }) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * The last `days` days as they stand at `through` or not long before.
   *
   * @throws {FabricError} `unavailable`, `unknown-outcome`: only where nothing was read yet.
   */
  async of(days: number, through: number): Promise<Trend> {
    if (through < this.#revision) this.#forget();
    if (this.#now() - this.#readAt > FRESH_MS) await this.#patiently(this.#readOnce(through));
    const networks: Record<string, number[]> = {};
    const today = Math.floor(this.#now() / DAY_MS);
    // A network of both families is told by IPv4, which runs out first.
    for (const [key, changes] of [...this.#changes].sort(([a], [b]) => a < b ? 1 : -1)) {
      const counts = Array.from({ length: days }, () => 0);
      for (const [day, change] of changes) {
        const first = Math.max(0, day - (today - days + 1));
        for (let i = first; i < days; i++) counts[i] = (counts[i] ?? 0) + change;
      }
      networks[key.slice(2)] = counts;
    }
    return { networks, complete: this.#revision > 0 };
  }

  /** The store went back: what was read is of another history. */
  #forget(): void {
    this.#changes.clear();
    this.#revision = 0;
    this.#readAt = -Infinity;
  }

  async #patiently(reading: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, PATIENCE_MS);
    try {
      await Promise.race([reading, promise]);
    } catch (error) {
      if (this.#revision === 0) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #readOnce(through: number): Promise<void> {
    if (this.#reading !== undefined) return this.#reading;
    const reading = this.#read(through).finally(() => {
      this.#reading = undefined;
    });
    // Whoever waits is told; without anybody waiting the next answer tries again.
    reading.catch(() => {});
    this.#reading = reading;
    return reading;
  }

  async #read(through: number): Promise<void> {
    const after = this.#revision;
    // Counted only when all was read: a reading that failed half way leaves nothing behind.
    const found: { readonly key: string; readonly day: number; readonly change: 1 | -1 }[] = [];
    for await (const kvs of scanHistory(this.#store, { after, through })) {
      for (const kv of kvs) {
        const { address, network, start, end } = decodeRecord(HistoryRecordSchema, kv);
        const key = `${address.includes(":") ? 6 : 4} ${network.name}`;
        if (kv.createRevision > after) found.push({ key, day: dayOf(start), change: 1 });
        if (end !== undefined) found.push({ key, day: dayOf(end), change: -1 });
      }
    }
    for (const { key, day, change } of found) {
      let days = this.#changes.get(key);
      if (days === undefined) this.#changes.set(key, days = new Map());
      days.set(day, (days.get(day) ?? 0) + change);
    }
    this.#revision = through;
    this.#readAt = this.#now();
  }
}

function dayOf(time: string): number {
  return Math.floor(Date.parse(time) / DAY_MS);
}
