/**
 * The key that edits serialise on, as far as a check looks into it.
 *
 * @module
 */

import * as v from "valibot";

const ClaimSchema = v.looseObject({
  v: v.number(),
  at: v.string(),
  claim: v.optional(v.string()),
});

/** What `meta/edit` says; undefined where it cannot be read. */
export function readClaim(
  value: string,
): { readonly at: string; readonly claim: string | undefined } | undefined {
  try {
    const { at, claim } = v.parse(ClaimSchema, JSON.parse(value));
    return { at, claim };
  } catch {
    return undefined;
  }
}

/** The network that an edit is at work on. */
export function claimOf(value: string): string | undefined {
  return readClaim(value)?.claim;
}
