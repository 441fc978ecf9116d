/**
 * `<uuid>` and `<named-uuid>` of RFC 7047, 5.1.
 *
 * @module
 */

import * as v from "valibot";

/** How a row is referred to: `["uuid", "550e…"]`. */
export type Uuid = readonly ["uuid", string];

/** How a row that the same transaction inserts is referred to. */
export type NamedUuid = readonly ["named-uuid", string];

/** The notation of an existing row's id. */
export function encodeUuid(id: string): Uuid {
  return ["uuid", id];
}

/** The notation of a row inserted in this transaction with `"uuid-name": name`. */
export function encodeNamedUuid(name: string): NamedUuid {
  return ["named-uuid", name];
}

/** Reads a `<uuid>`; the id as text. */
export const UuidColumn = v.pipe(
  v.tuple([v.literal("uuid"), v.string()]),
  v.transform(([, id]) => id),
);
