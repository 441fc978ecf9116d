/**
 * `-o name`: one `kind.group/name` per line, for other commands to read.
 *
 * @module
 */

import type { Listing, Printable } from "../printable.ts";
import { bufferOf } from "./buffer.ts";

/** `-o name`. */
export async function printName(
  items: AsyncIterable<Printable>,
  listing: Listing,
): Promise<number> {
  const out = bufferOf(listing.write);
  let count = 0;
  for await (const { name, event, isLast } of items) {
    out.write(`${listing.qualifiedKind}/${name}${event === "DELETED" ? " deleted" : ""}\n`);
    count++;
    if (isLast === true) out.flush();
  }
  out.flush();
  return count;
}
