/**
 * `-o wide`: the table with all of its columns.
 *
 * @module
 */

import type { Listing, Printable } from "../printable.ts";
import { layoutOf, printRows } from "./table.ts";

/** `-o wide`. */
export function printWide(items: AsyncIterable<Printable>, listing: Listing): Promise<number> {
  return printRows(items, listing, layoutOf(listing, () => true));
}
