/**
 * `-o name`: one `kind.group/name` per line, for other commands to read.
 *
 * @module
 */

import type { Listing, Printable } from "../printable.ts";

/** `-o name`. */
export async function printName(
  items: AsyncIterable<Printable>,
  listing: Listing,
): Promise<number> {
  let count = 0;
  for await (const { name, event } of items) {
    listing.write(`${listing.qualifiedKind}/${name}${event === "DELETED" ? " deleted" : ""}\n`);
    count++;
  }
  return count;
}
