/**
 * All objects of a kind, a page at a time.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { KubeClient } from "./client.ts";

const PageSchema = v.looseObject({
  metadata: v.looseObject({ continue: v.optional(v.string()) }),
  items: v.array(v.unknown()),
});

/** Objects in one answer. */
const PAGE = 500;

/**
 * Lists a path such as `/api/v1/pods`.
 *
 * @throws {FabricError} Those of the client; `internal` where it is no list.
 */
export async function* listObjects<T>(
  client: KubeClient,
  path: string,
  parse: (value: unknown) => T,
): AsyncGenerator<T> {
  let token = "";
  do {
    const query = `limit=${PAGE}${token === "" ? "" : `&continue=${encodeURIComponent(token)}`}`;
    const page = v.safeParse(PageSchema, await client.get(`${path}?${query}`));
    if (!page.success) {
      throw new FabricError(
        "internal",
        `Kubernetes answered something else than a list of ${path}`,
      );
    }
    for (const item of page.output.items) yield parse(item);
    token = page.output.metadata.continue ?? "";
  } while (token !== "");
}
