/** Edits (insert, delete, replace one character) that lead from one text to the other. */
export function levenshteinDistance(from: string, to: string): number;
