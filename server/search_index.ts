/**
 * The words of all addresses as a few long texts: looking for a part of a name in 200,000 records is
 * a look through 20 MB of text, which takes milliseconds, and not through 200,000 objects.
 *
 * @module
 */

import type { AddressRow, Row } from "./mirror/kinds.ts";
import type { Mirror } from "./mirror/mirror.ts";

/** Hexadecimal digits of container ids that are kept: as many as tools show. */
const SHORT_ID = 12;

/** The words of one record, in lower case. */
function wordsOf({ value: { record } }: Row<AddressRow>): readonly string[] {
  const { holder, owner, mac, reason } = record;
  const words: string[] = [];
  if (mac !== undefined) words.push(mac);
  if (holder !== undefined) {
    const { pod, node, containerId } = holder;
    words.push(node, containerId.slice(0, SHORT_ID));
    if (pod !== undefined) {
      words.push(pod.name, pod.namespace, `${pod.namespace}/${pod.name}`);
      if (pod.uid !== undefined) words.push(pod.uid);
    }
  }
  if (owner !== undefined) words.push(owner.name, `${owner.namespace}/${owner.name}`);
  if (reason !== undefined) words.push(reason);
  return words.map((word) => word.toLowerCase());
}

export class SearchIndex {
  readonly #mirror: Mirror;
  /** Each word between line breaks, by the first part of the keys: all but the last two digits. */
  readonly #texts = new Map<string, string>();
  readonly #changed = new Set<string>();
  #whole = false;

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
    mirror.listen({
      onChanges: (changes) => {
        if (!this.#whole) return;
        for (const { kind, key } of changes) {
          if (kind === "addresses") this.#changed.add(key.slice(0, -2));
        }
      },
      onReset: () => {
        this.#whole = false;
      },
    });
  }

  /** Reads all words, so that the first question need not wait for it. */
  prepare(): void {
    this.#update();
  }

  /**
   * Records one of whose words is the text, or contains it; some more may come, none is left out.
   * To be called right after `fresh()`.
   */
  *find(text: string, how: "is" | "contains"): Generator<Row<AddressRow>> {
    this.#update();
    const wanted = /^[0-9a-f]{13,}$/.test(text) ? text.slice(0, SHORT_ID) : text;
    const needle = how === "is" ? `\n${wanted}\n` : wanted;
    for (const [prefix, words] of this.#texts) {
      if (!words.includes(needle)) continue;
      for (const [, row] of this.#mirror.tables.addresses.walk({ prefix })) yield row;
    }
  }

  #update(): void {
    const { addresses } = this.#mirror.tables;
    if (!this.#whole) {
      this.#texts.clear();
      this.#changed.clear();
      let prefix = "";
      let words: string[] = [];
      for (const [key, row] of addresses.walk()) {
        const own = key.slice(0, -2);
        if (own !== prefix) {
          this.#put(prefix, words);
          prefix = own;
          words = [];
        }
        words.push(...wordsOf(row));
      }
      this.#put(prefix, words);
      this.#whole = true;
      return;
    }
    for (const prefix of this.#changed) {
      const words: string[] = [];
      for (const [, row] of addresses.walk({ prefix })) words.push(...wordsOf(row));
      this.#put(prefix, words);
    }
    this.#changed.clear();
  }

  #put(prefix: string, words: readonly string[]): void {
    if (words.length === 0) this.#texts.delete(prefix);
    else this.#texts.set(prefix, `\n${words.join("\n")}\n`);
  }
}
