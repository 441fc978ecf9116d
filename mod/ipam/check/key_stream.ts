/**
 * Keys of a part of the layout one by one, with a look at the next: for walking two parts side by
 * side in their common order.
 *
 * @module
 */

import type { KeyValue } from "../../etcd/store.ts";

export class KeyStream {
  readonly #pages: AsyncGenerator<readonly KeyValue[]>;
  #page: readonly KeyValue[] = [];
  #at = 0;

  constructor(pages: AsyncGenerator<readonly KeyValue[]>) {
    this.#pages = pages;
  }

  /** The next key, which stays the next; undefined at the end. */
  async peek(): Promise<KeyValue | undefined> {
    while (this.#at === this.#page.length) {
      const { value, done } = await this.#pages.next();
      if (done === true) return undefined;
      this.#page = value;
      this.#at = 0;
    }
    return this.#page[this.#at];
  }

  /** Gives all keys that begin with the prefix to the callback; they must be the next. */
  async take(prefix: string, each: (kv: KeyValue) => void): Promise<void> {
    for (let kv = await this.peek(); kv?.key.startsWith(prefix); kv = await this.peek()) {
      // A page at a time without waiting in between.
      while (this.#at < this.#page.length) {
        const next = this.#page[this.#at];
        if (next === undefined || !next.key.startsWith(prefix)) break;
        this.#at++;
        each(next);
      }
    }
  }
}
