/**
 * `-o json`: the object asked for, or a List of objects, written as they come. Events are one per
 * line, in the form of Kubernetes' own watches.
 *
 * @module
 */

import { API_VERSION } from "../../mod/model/resource.ts";
import type { Listing, Printable } from "../printable.ts";
import { bufferOf } from "./buffer.ts";

function indent(text: string, by: string): string {
  return text.replaceAll("\n", `\n${by}`);
}

/** `-o json`. */
export async function printJson(
  items: AsyncIterable<Printable>,
  listing: Listing,
): Promise<number> {
  const out = bufferOf(listing.write);
  let count = 0;
  for await (const { object, event, isLast } of items) {
    if (listing.events === true) {
      out.write(`${JSON.stringify({ type: event, object })}\n`);
      count++;
      if (isLast === true) out.flush();
      continue;
    }
    const text = JSON.stringify(object, null, 2);
    if (listing.single) {
      out.write(`${text}\n`);
    } else {
      if (count === 0) {
        out.write(`{\n  "apiVersion": "${API_VERSION}",\n  "kind": "List",\n  "items": [`);
      }
      out.write(`${count === 0 ? "" : ","}\n    ${indent(text, "    ")}`);
    }
    count++;
  }
  if (listing.single || listing.events === true) {
    out.flush();
    return count;
  }
  const empty = `{\n  "apiVersion": "${API_VERSION}",\n  "kind": "List",\n  "items": []\n}\n`;
  out.write(count === 0 ? empty : "\n  ]\n}\n");
  out.flush();
  return count;
}
