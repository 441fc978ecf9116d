/**
 * Keys of a part of the layout one by one, with a look at the next: for walking two parts side by
 * side in their common order.
 *
 * @module
 */

import type { Inspected } from "./scan.ts";

export class KeyStream<T> {
  readonly #pages: AsyncGenerator<readonly Inspected<T>[]>;
  #page: readonly Inspected<T>[] = [];
  #at = 0;

  constructor(pages: AsyncGenerator<readonly Inspected<T>[]>) {
    this.#pages = pages;
  }

  /** The next key, which stays the next; undefined at the end. */
  async peek(): Promise<Inspected<T> | undefined> {
    while (this.#at === this.#page.length) {
      const { value, done } = await this.#pages.next();
      if (done === true) return undefined;
      this.#page = value;
      this.#at = 0;
    }
    return this.#page[this.#at];
  }

  /** Gives all keys that begin with the prefix to the callback; they must be the next. */
  async take(prefix: string, each: (one: Inspected<T>) => void): Promise<void> {
    for (let one = await this.peek(); one?.kv.key.startsWith(prefix); one = await this.peek()) {
      // A page at a time without waiting in between.
      while (this.#at < this.#page.length) {
        const next = this.#page[this.#at];
        if (next === undefined || !next.kv.key.startsWith(prefix)) break;
        this.#at++;
        each(next);
      }
    }
  }
}
