/**
 * What routes of tokens and accounts have in common: role and scope of a body, and their lists.
 *
 * @module
 */

import * as v from "valibot";
import { fieldError, invalidDocument } from "../../mod/model/field_error.ts";
import { ROLES, type Scope } from "../auth/principal.ts";

/** A role of the body; {@linkcode checkRole} says what it may be. */
export const RoleField = v.pipe(v.string(), v.description(`One of ${ROLES.join(", ")}`));

/** A tenant's scope of the body. */
export const ScopeField = v.optional(v.pipe(
  v.record(v.string(), v.string()),
  v.description("A tenant's: labels that a network must all carry; absent: all networks"),
));

/** A picklist is checked behind the shape: what it may be is told at the field. */
export function checkRole(role: string, field = "role"): typeof ROLES[number] {
  const found = ROLES.find((one) => one === role);
  if (found !== undefined) return found;
  throw invalidDocument("The body", [
    fieldError(field, `${JSON.stringify(role)} is no role`, {
      value: role,
      remedy: `use one of ${ROLES.join(", ")}`,
    }),
  ]);
}

/** @throws {FabricError} `invalid`: an empty scope would mean nothing. */
export function checkScope(scope: Scope | undefined): Scope | undefined {
  if (scope === undefined || Object.keys(scope).length > 0) return scope;
  throw invalidDocument("The body", [
    fieldError("scope", "it names no label", { remedy: "name one, or leave it out" }),
  ]);
}

/** Schema of a list that is never cut into pages. */
export const ITEMS = {
  type: "object",
  required: ["items"],
  properties: { items: { type: "array", items: { type: "object" } } },
} as const;
