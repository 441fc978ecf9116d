/**
 * `-o json`: the object asked for, or a List of objects, written as they come. Events are one per
 * line, in the form of Kubernetes' own watches.
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
  for await (const { object, event } of items) {
    if (listing.events === true) {
      listing.write(`${JSON.stringify({ type: event, object })}\n`);
      count++;
      continue;
    }
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
  if (listing.single || listing.events === true) return count;
  const empty = `{\n  "apiVersion": "${API_VERSION}",\n  "kind": "List",\n  "items": []\n}\n`;
  listing.write(count === 0 ? empty : "\n  ]\n}\n");
  return count;
}
