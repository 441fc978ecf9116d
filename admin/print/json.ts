/**
 * `-o json`: the object asked for, or a List of objects, written as they come.
 *
 * @module
 */

import { API_VERSION } from "../../mod/model/resource.ts";
import type { Listing, Printable } from "../printable.ts";

function indent(text: string, by: string): string {
  return text.replaceAll("\n", `\n${by}`);
}

/** `-o json`. */
export async function printJson(
  items: AsyncIterable<Printable>,
  listing: Listing,
): Promise<number> {
  let count = 0;
  for await (const { object } of items) {
    const text = JSON.stringify(object, null, 2);
    if (listing.single) {
      listing.write(`${text}\n`);
    } else {
      if (count === 0) {
        listing.write(`{\n  "apiVersion": "${API_VERSION}",\n  "kind": "List",\n  "items": [`);
      }
      listing.write(`${count === 0 ? "" : ","}\n    ${indent(text, "    ")}`);
    }
    count++;
  }
  if (listing.single) return count;
  const empty = `{\n  "apiVersion": "${API_VERSION}",\n  "kind": "List",\n  "items": []\n}\n`;
  listing.write(count === 0 ? empty : "\n  ]\n}\n");
  return count;
}
