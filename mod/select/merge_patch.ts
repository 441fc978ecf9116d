/**
 * JSON merge patch (RFC 7396).
 *
 * @module
 */

import { isFields } from "../model/validate_shape.ts";

/**
 * The target with the patch in it: objects are merged, `null` removes a field, anything else
 * (lists too) replaces what was there. Neither argument is changed.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  // A Map, so that no name (`__proto__`) is special.
  const fields = new Map(Object.entries(isFields(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) fields.delete(name);
    else fields.set(name, applyMergePatch(fields.get(name), value));
  }
  return Object.fromEntries(fields);
}
