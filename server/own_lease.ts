/**
 * A lease that lives as long as this server: what hangs on it goes within seconds of its death, so
 * that another one can go on.
 *
 * @module
 */

import type { Store } from "../mod/etcd/store.ts";

const TTL_SECONDS = 6;
const ALIVE_MS = 1500;

export class OwnLease implements Disposable {
  readonly #store: Store;
  readonly #timer: ReturnType<typeof setInterval>;
  #lease: Promise<string> | undefined;

  constructor(store: Store) {
    this.#store = store;
    this.#timer = setInterval(() => void this.#keepAlive(), ALIVE_MS);
  }

  /** Its id; a new one where the old one has ended. */
  id(): Promise<string> {
    this.#lease ??= this.#store.grantLease(TTL_SECONDS).then(({ id }) => id).catch((error) => {
      this.#lease = undefined;
      throw error;
    });
    return this.#lease;
  }

  /** The lease turned out to be gone. */
  forget(): void {
    this.#lease = undefined;
  }

  async #keepAlive(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    try {
      const left = await this.#store.keepLeaseAlive(await lease);
      if (left === 0 && this.#lease === lease) this.#lease = undefined;
    } catch {
      // etcd is away: the next one tells whether the lease has outlived that.
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    // What hangs on it goes at once.
    this.#lease?.then((id) => this.#store.revokeLease(id)).catch(() => {});
    this.#lease = undefined;
  }
}
