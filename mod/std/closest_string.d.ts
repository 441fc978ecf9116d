/** The word of `possibleWords` (not empty) with the smallest edit distance to `givenWord`. */
export function closestString(
  givenWord: string,
  possibleWords: readonly string[],
  options?: { readonly caseSensitive?: boolean },
): string;
