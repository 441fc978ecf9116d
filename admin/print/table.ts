/**
 * The default output: one line per object. Rows are aligned a thousand at a time, so that a list
 * of any length is printed without being held; columns only ever grow.
 *
 * @module
 */

import { type Listing, type Printable, ROWS_ALIGNED } from "../printable.ts";
import { alignRows, cleanCell, columnWidths } from "./align.ts";

/** The header of a table, and the cells of an item under it. */
export interface Layout {
  readonly header: readonly string[];
  readonly cells: (item: Printable) => readonly string[];
}

/** Prints a table. */
export async function printRows(
  items: AsyncIterable<Printable>,
  listing: Pick<Listing, "headers" | "events" | "write">,
  layout: Layout,
): Promise<number> {
  const { header, cells } = listing.events === true ? withEvents(layout) : layout;
  let rows: (readonly string[])[] = [];
  let widths: readonly number[] = [];
  let count = 0;
  const flush = () => {
    widths = columnWidths(rows, widths);
    listing.write(alignRows(rows, widths));
    rows = [];
  };
  for await (const item of items) {
    if (count === 0 && listing.headers) rows.push(header);
    rows.push(cells(item).map((cell) => cell === "" ? "<none>" : cleanCell(cell)));
    count++;
    if (rows.length >= ROWS_ALIGNED || item.isLast === true) flush();
  }
  if (rows.length > 0) flush();
  return count;
}

function withEvents({ header, cells }: Layout): Layout {
  return {
    header: ["EVENT", ...header],
    // Rows come one by one: the longest event has its room from the first.
    cells: (item) => [(item.event ?? "").padEnd("MODIFIED".length), ...cells(item)],
  };
}

/** The columns of the kind that `shows` keeps. */
export function layoutOf(
  { columns, view }: Listing,
  shows: (column: Listing["columns"][number]) => boolean,
): Layout {
  const kept = columns.map(shows);
  const pick = (cells: readonly string[]): readonly string[] => cells.filter((_, i) => kept[i]);
  return {
    header: pick(columns.map((column) => column.header)),
    cells: (item) => pick(item.cells(view)),
  };
}

/** `-o` absent. */
export function printTable(items: AsyncIterable<Printable>, listing: Listing): Promise<number> {
  return printRows(items, listing, layoutOf(listing, (column) => !column.wide));
}
