/**
 * `<set>` of RFC 7047, 5.1: `["set", [<atom>*]]`, where a set of one may be the bare atom. An
 * optional column is a set of none or one.
 *
 * @module
 */

import * as v from "valibot";
import type { Json } from "./json.ts";

/** The notation of a set. */
export function encodeSet(atoms: readonly Json[]): Json {
  return ["set", atoms];
}

/** Reads a set of atoms into an array, in the server's order. */
export function setOf<T>(
  atom: v.GenericSchema<unknown, T>,
): v.GenericSchema<unknown, readonly T[]> {
  return v.pipe(
    v.unknown(),
    v.transform((value) => isSet(value) ? value[1] : [value]),
    v.array(atom),
  );
}

/** Reads an optional column: its one value, or undefined for the empty set. */
export function optionalOf<T>(
  atom: v.GenericSchema<unknown, T>,
): v.GenericSchema<unknown, T | undefined> {
  return v.pipe(setOf(atom), v.transform((atoms) => atoms[0]));
}

function isSet(value: unknown): value is readonly ["set", unknown] {
  return Array.isArray(value) && value[0] === "set";
}
