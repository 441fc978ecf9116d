/**
 * "Did you mean": the word nearest to one that nobody knows.
 *
 * @module
 */

import { closestString } from "@std/text/closest-string";
import { levenshteinDistance } from "./std/levenshtein_distance.js";

/** The nearest of the words, undefined where none is near enough to have been meant. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (words.length === 0) return undefined;
  const best = closestString(word, words);
  const allowed = Math.max(1, Math.floor(Math.max(word.length, best.length) / 3));
  const distance = levenshteinDistance(word.toLowerCase(), best.toLowerCase());
  const near = distance <= allowed || best.startsWith(word) || sameLetters(word, best);
  return near ? best : undefined;
}

/** `gte` for `get`: two letters in the wrong order count as two edits otherwise. */
function sameLetters(a: string, b: string): boolean {
  const letters = (text: string): string => [...text.toLowerCase()].sort().join("");
  return a.length > 1 && letters(a) === letters(b);
}

/** `did you mean X`, else what to do instead. */
export function didYouMean(word: string, words: readonly string[], otherwise: string): string {
  const best = nearest(word, words);
  return best === undefined ? otherwise : `did you mean ${best}`;
}
