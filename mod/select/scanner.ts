/**
 * Walks along a text that a user typed, and says at which character it is wrong.
 *
 * @module
 */

import { FabricError } from "../error.ts";

/** Nobody types more than that. */
const MAX_LENGTH = 16_384;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

/** A position in a text. */
export class Scanner {
  readonly #text: string;
  readonly #field: string;
  readonly #whole: string;
  #at = 0;

  /**
   * @param options.field what the text was given as, e.g. `jsonpath`
   * @param options.whole the text as the user typed it, where `text` is a part of it
   * @throws {FabricError} `invalid` where the text is too long.
   */
  constructor(
    text: string,
    { field, whole = text }: { readonly field: string; readonly whole?: string },
  ) {
    this.#text = text;
    this.#field = field;
    this.#whole = whole;
    if (text.length > MAX_LENGTH) {
      throw new FabricError("invalid", `The ${field} has more than ${MAX_LENGTH} characters`, {
        field,
        remedy: "write a shorter one",
      });
    }
  }

  /** What is left. */
  get rest(): string {
    return this.#text.slice(this.#at);
  }

  sees(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  /** Goes past the text where it stands here. */
  take(text: string): boolean {
    if (!this.sees(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** Goes past what the sticky pattern matches here. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  skipSpace(): void {
    this.match(/\s*/y);
  }

  /** @throws {FabricError} `invalid` where it does not stand here. */
  expect(text: string): void {
    this.skipSpace();
    if (!this.take(text)) throw this.fault(`"${text}"`);
  }

  /**
   * A text in single or double quotes; undefined where none begins here. `raw` leaves backslashes
   * as they are.
   */
  takeQuoted({ raw = false }: { readonly raw?: boolean } = {}): string | undefined {
    const quote = this.#text[this.#at];
    if (quote !== "'" && quote !== '"') return undefined;
    const found = this.match(quote === "'" ? /'(?:\\.|[^'\\])*'/sy : /"(?:\\.|[^"\\])*"/sy);
    if (found === undefined) throw this.fault(`text that ends with ${quote}`);
    const inner = found.slice(1, -1);
    return raw ? inner : inner.replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter);
  }

  /** The error that something else should stand here. */
  fault(wanted: string, remedy?: string): FabricError {
    const found = this.rest === "" ? "the end" : `"${this.rest.slice(0, 20)}"`;
    return new FabricError(
      "invalid",
      `Cannot parse ${this.#field} "${this.#whole}": found ${found} instead of ${wanted}`,
      {
        field: this.#field,
        value: this.#whole,
        remedy: remedy ?? `see character ${this.#at + 1}`,
      },
    );
  }
}
