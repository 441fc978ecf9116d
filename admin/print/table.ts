/**
 * The default output: one line per object. Rows are aligned a thousand at a time, so that a list
 * of any length is printed without being held; columns only ever grow.
 *
 * @module
 */

import { type Listing, type Printable, ROWS_ALIGNED } from "../printable.ts";
import { alignRows, cleanCell, columnWidths } from "./align.ts";

/** Prints a table of the columns that `shows` keeps. */
export async function printRows(
  items: AsyncIterable<Printable>,
  listing: Listing,
  shows: (column: Listing["columns"][number]) => boolean,
): Promise<number> {
  const kept = listing.columns.map(shows);
  const pick = (cells: readonly string[]): string[] =>
    cells.filter((_, i) => kept[i]).map((cell) => cell === "" ? "<none>" : cleanCell(cell));
  let rows: string[][] = [];
  let widths: readonly number[] = [];
  let count = 0;
  const flush = () => {
    widths = columnWidths(rows, widths);
    listing.write(alignRows(rows, widths));
    rows = [];
  };
  for await (const item of items) {
    if (count === 0 && listing.headers) rows.push(pick(listing.columns.map((c) => c.header)));
    rows.push(pick(item.cells(listing.view)));
    count++;
    if (rows.length >= ROWS_ALIGNED) flush();
  }
  if (rows.length > 0) flush();
  return count;
}

/** `-o` absent. */
export function printTable(items: AsyncIterable<Printable>, listing: Listing): Promise<number> {
  return printRows(items, listing, (column) => !column.wide);
}
