/**
 * Our part of a row's `external_ids`. That column belongs to everybody who works with Open
 * vSwitch, so our keys are in the group of our API, and others' keys are left alone.
 *
 * @module
 */

/** In front of each of our keys. */
export const EXTERNAL_ID_PREFIX = "beyondfabric.io/";

/** Facts about a row, by key without the group, e.g. `{ "container-id": "4f2…" }`. */
export type ExternalIds = Readonly<Record<string, string>>;

/** The facts as they are stored. */
export function toExternalIds(ids: ExternalIds): Record<string, string> {
  return Object.fromEntries(
    Object.entries(ids).map(([key, value]) => [EXTERNAL_ID_PREFIX + key, value]),
  );
}

/** Our facts of a stored column. */
export function fromExternalIds(column: Readonly<Record<string, string>>): ExternalIds {
  return Object.fromEntries(
    Object.entries(column)
      .filter(([key]) => key.startsWith(EXTERNAL_ID_PREFIX))
      .map(([key, value]) => [key.slice(EXTERNAL_ID_PREFIX.length), value]),
  );
}
