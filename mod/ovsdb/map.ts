/**
 * `<map>` of RFC 7047, 5.1: `["map", [[<atom>, <atom>]*]]`. Only maps from text to text are read
 * and written here (`external_ids`, `other_config`, `options`).
 *
 * @module
 */

import * as v from "valibot";
import type { Json } from "./json.ts";

/** The notation of a map; keys are sorted, so that equal maps are equal text. */
export function encodeMap(entries: Readonly<Record<string, string>>): Json {
  const sorted = Object.entries(entries).sort(([a], [b]) => a < b ? -1 : 1);
  return ["map", sorted];
}

/** Reads a map from text to text. */
export const MapColumn = v.pipe(
  v.tuple([v.literal("map"), v.array(v.tuple([v.string(), v.string()]))]),
  v.transform(([, pairs]): Readonly<Record<string, string>> => Object.fromEntries(pairs)),
);
