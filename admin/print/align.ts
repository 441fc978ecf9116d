/**
 * Columns of text, aligned by what a terminal shows (East Asian characters take two columns).
 *
 * @module
 */

import { unicodeWidth } from "@std/cli/unicode-width";

const GAP = "   ";

/** A cell on one line, without control characters: names and reasons come from other people. */
export function cleanCell(text: string): string {
  // deno-lint-ignore no-control-regex -- exactly these must not reach a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

/** Widths that fit the rows, and are at least those given. */
export function columnWidths(
  rows: readonly (readonly string[])[],
  atLeast: readonly number[] = [],
): readonly number[] {
  const widths = [...atLeast];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, unicodeWidth(cell)));
  }
  return widths;
}

/** The rows as lines; the last column is not padded. */
export function alignRows(
  rows: readonly (readonly string[])[],
  widths: readonly number[],
): string {
  let text = "";
  for (const row of rows) {
    const line = row.map((cell, i) =>
      i === row.length - 1
        ? cell
        : cell + " ".repeat(Math.max(0, (widths[i] ?? 0) - unicodeWidth(cell)))
    );
    text += line.join(GAP).trimEnd() + "\n";
  }
  return text;
}
