/**
 * `-o yaml`: the object asked for, or a List of objects, written as they come. `apply -f -` reads
 * both back.
 *
 * @module
 */

import { stringify } from "yaml";
import { API_VERSION } from "../../mod/model/resource.ts";
import type { Listing, Printable } from "../printable.ts";
import { bufferOf } from "./buffer.ts";

/** The YAML of an object. */
export function toYaml(object: unknown): string {
  // No folding: a long value stays on its line, where grep finds it.
  return stringify(object, { lineWidth: 0 });
}

/** `-o yaml`. */
export async function printYaml(
  items: AsyncIterable<Printable>,
  listing: Listing,
): Promise<number> {
  const out = bufferOf(listing.write);
  let count = 0;
  for await (const { object, event, isLast } of items) {
    const text = toYaml(listing.events === true ? { type: event, object } : object);
    if (listing.events === true) out.write(`---\n${text}`);
    else if (listing.single) {
      out.write(text);
    } else {
      if (count === 0) out.write(`apiVersion: ${API_VERSION}\nkind: List\nitems:\n`);
      out.write(`  - ${text.trimEnd().replaceAll("\n", "\n    ")}\n`);
    }
    count++;
    if (isLast === true) out.flush();
  }
  if (!listing.single && listing.events !== true && count === 0) {
    out.write(`apiVersion: ${API_VERSION}\nkind: List\nitems: []\n`);
  }
  out.flush();
  return count;
}
