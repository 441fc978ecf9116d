/**
 * The order of values in sorted lists: numbers by their size, addresses by theirs, names so that
 * node2 comes before node10.
 *
 * @module
 */

import { compareAddresses, tryParseAddress } from "../ip/address.ts";
import { findValues, valueAsText } from "./json_path.ts";
import type { JsonPath } from "./json_path_step.ts";

const NATURAL = new Intl.Collator("en", { numeric: true });

/** An address, also with a prefix length or as the first of a range, with what follows it. */
function addressOf(text: string) {
  const [head = "", ...tail] = text.split(/(?=[/-])/);
  const address = /[.:]/.test(head) ? tryParseAddress(head) : undefined;
  return address === undefined ? undefined : { address, tail: tail.join("") };
}

function compareTexts(a: string, b: string): number {
  const [x, y] = [addressOf(a), addressOf(b)];
  if (x !== undefined && y !== undefined) {
    return compareAddresses(x.address, y.address) || NATURAL.compare(x.tail, y.tail);
  }
  return NATURAL.compare(a, b);
}

/** Negative where `a` comes first. What is missing comes first of all. */
export function compareValues(a: unknown, b: unknown): number {
  if (a === undefined || b === undefined) {
    return Number(a !== undefined) - Number(b !== undefined);
  }
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "bigint" && typeof b === "bigint") return a < b ? -1 : a > b ? 1 : 0;
  return compareTexts(valueAsText(a), valueAsText(b));
}

/** Sorts by the first value that the path finds in each; equal ones keep their order. */
export function sortByPath<T>(
  items: readonly T[],
  path: JsonPath,
  documentOf: (item: T) => unknown,
): readonly T[] {
  const keyed = items.map((item) => ({ item, key: findValues(path, documentOf(item))[0] }));
  return keyed.sort((a, b) => compareValues(a.key, b.key)).map(({ item }) => item);
}
