/**
 * Whether two records mean the same owner.
 *
 * @module
 */

import type { OwnerRef } from "../../model/identity.ts";
import { historyByOwnerPrefix } from "../keys.ts";

/** Both absent, or all fields that name an owner equal. */
export function sameOwner(a: OwnerRef | undefined, b: OwnerRef | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return historyByOwnerPrefix(a) === historyByOwnerPrefix(b);
}
