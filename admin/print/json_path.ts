/**
 * `-o jsonpath=TEMPLATE`, as kubectl has it: over the object that was named, else over the List. A
 * template that goes through `.items` once is printed as the items come; any other needs all of
 * them.
 *
 * @module
 */

import { API_VERSION } from "../../mod/model/resource.ts";
import {
  itemTemplate,
  parseTemplate,
  renderTemplate,
} from "../../mod/select/json_path_template.ts";
import { parseArgument } from "../exit.ts";
import type { Print, PrintedObject } from "../printable.ts";
import { bufferOf } from "./buffer.ts";

/**
 * The printer of the template.
 *
 * @throws {FabricError} a usage error.
 */
export function jsonPath(text: string): Print {
  const template = parseArgument(() => parseTemplate(text));
  const streamed = itemTemplate(template);
  return async (items, listing) => {
    const out = bufferOf(listing.write);
    let count = 0;
    if (listing.single || listing.events === true) {
      for await (const { object, isLast } of items) {
        out.write(renderTemplate(template, object));
        count++;
        if (isLast === true) out.flush();
      }
      out.flush();
      return count;
    }
    if (streamed === undefined) {
      const objects: PrintedObject[] = [];
      for await (const { object } of items) objects.push(object);
      const list = { apiVersion: API_VERSION, kind: "List", items: objects };
      out.write(renderTemplate(template, list));
      out.flush();
      return objects.length;
    }
    let pieces = 0;
    out.write(streamed.before);
    for await (const { object } of items) {
      for (const piece of streamed.render(object)) {
        out.write(pieces++ === 0 ? piece : streamed.separator + piece);
      }
      count++;
    }
    out.write(streamed.after);
    out.flush();
    return count;
  };
}
