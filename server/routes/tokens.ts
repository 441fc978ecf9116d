/**
 * Bearer tokens: made, listed, revoked.
 *
 * @module
 */

import * as v from "valibot";
import { fieldError, invalidDocument } from "../../mod/model/field_error.ts";
import { createToken, listTokens, revokeToken, shownToken } from "../auth/tokens.ts";
import { jsonBody } from "../http/body.ts";
import { type Call, defineBodyRoute, defineRoute, type Reply, type Route } from "../http/route.ts";
import { checkRole, checkScope, ITEMS, RoleField, ScopeField } from "./access_fields.ts";

const TokenSchema = v.looseObject({
  name: v.pipe(v.string(), v.description("What it is for")),
  role: RoleField,
  scope: ScopeField,
  days: v.optional(v.pipe(v.number(), v.description("Until it expires; default 90, at most 3650"))),
});

const DAY_MS = 86_400_000;

async function makeToken(
  call: Call<Record<never, never>, v.InferOutput<typeof TokenSchema>>,
): Promise<Reply> {
  const { context, body, principal, note } = call;
  const { name, scope, days = 90 } = body;
  const role = checkRole(body.role);
  if (!Number.isInteger(days) || days < 1 || days > 3650) {
    throw invalidDocument("The body", [
      fieldError("days", "it is no whole number from 1 to 3650", { value: days }),
    ]);
  }
  const { record, text } = await createToken(context.ipam, {
    name,
    role,
    scope: checkScope(scope),
    lifetimeMs: days * DAY_MS,
    by: principal.name,
  });
  note({ object: `Token ${record.id} (${name})`, after: shownToken(record) });
  return { status: 201, body: { ...shownToken(record), token: text } };
}

/** Routes of tokens. */
export const TOKEN_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/api/v1/tokens",
    id: "listTokens",
    tag: "access",
    summary: "List tokens; their secrets are known to nobody",
    access: "admin",
    tenant: "none",
    answers: { 200: { description: "All tokens", schema: ITEMS } },
    handle: async ({ context }) => ({
      status: 200,
      body: { items: (await listTokens(context.store)).map(shownToken) },
    }),
  }),
  defineBodyRoute({
    method: "POST",
    path: "/api/v1/tokens",
    id: "createToken",
    tag: "access",
    summary: "Create a token; it is shown this once",
    access: "admin",
    tenant: "none",
    body: jsonBody("The token", TokenSchema, {
      example: { name: "ansible", role: "operator", days: 90 },
    }),
    answers: { 201: { description: "The token", schema: { type: "object" } } },
    handle: makeToken,
  }),
  defineRoute({
    method: "DELETE",
    path: "/api/v1/tokens/{id}",
    id: "revokeToken",
    tag: "access",
    summary: "Revoke a token",
    access: "admin",
    tenant: "none",
    pathParams: { id: { description: "Its id" } },
    answers: { 200: { description: "As it was", schema: { type: "object" } } },
    problems: [404],
    handle: async ({ context, path, note }) => {
      const { id = "" } = path;
      note({ object: `Token ${id}` });
      const record = await revokeToken(context.store, id);
      note({ object: `Token ${record.id} (${record.name})`, before: shownToken(record) });
      return { status: 200, body: shownToken(record) };
    },
  }),
];
