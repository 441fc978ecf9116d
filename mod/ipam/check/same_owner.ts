/**
 * Whether two records mean the same owner.
 *
 * @module
 */

import { type OwnerRef, sameOwner as sameRef } from "../../model/identity.ts";

/** Both absent, or all fields that name an owner equal. */
export function sameOwner(a: OwnerRef | undefined, b: OwnerRef | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return sameRef(a, b);
}
