/**
 * Local accounts, as an administrator manages them.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../mod/error.ts";
import {
  changeAccount,
  createAccount,
  deleteAccount,
  listAccounts,
  shownAccount,
} from "../auth/accounts.ts";
import { roleCovers } from "../auth/principal.ts";
import { accountContext } from "../context.ts";
import { jsonBody } from "../http/body.ts";
import { type Call, defineBodyRoute, defineRoute, type Reply, type Route } from "../http/route.ts";
import { checkRole, checkScope, ITEMS, RoleField, ScopeField } from "./access_fields.ts";

const AccountSchema = v.looseObject({
  name: v.string(),
  password: v.pipe(v.string(), v.description("12 characters or more")),
  role: RoleField,
  scope: ScopeField,
});

const AccountChangeSchema = v.looseObject({
  role: v.optional(RoleField),
  scope: v.optional(v.nullable(v.record(v.string(), v.string()))),
  disabled: v.optional(v.boolean()),
  password: v.optional(v.pipe(v.string(), v.description("A new one; also ends a lock"))),
});

async function makeAccount(
  call: Call<Record<never, never>, v.InferOutput<typeof AccountSchema>>,
): Promise<Reply> {
  const { context, body, note } = call;
  const { name, password, scope } = body;
  note({ object: `Account ${name.slice(0, 64)}` });
  const record = await createAccount(accountContext(context), {
    name,
    password,
    role: checkRole(body.role),
    scope: checkScope(scope),
    by: call.principal.name,
    // The administrator knows it.
    mustChange: true,
  });
  note({ object: `Account ${name}`, after: shownAccount(record) });
  return { status: 201, body: shownAccount(record) };
}

async function editAccount(
  call: Call<Record<never, never>, v.InferOutput<typeof AccountChangeSchema>>,
): Promise<Reply> {
  const { context, body, note, path, principal } = call;
  const { name = "" } = path;
  note({ object: `Account ${name}` });
  const { role, scope, disabled, password } = body;
  const own = principal.way === "account" && principal.name === name;
  if (own && (disabled === true || role !== undefined && !roleCovers(checkRole(role), "admin"))) {
    throw new FabricError("conflict", "Nobody takes the role of an administrator from themselves", {
      field: disabled === true ? "disabled" : "role",
      remedy: "ask another administrator",
    });
  }
  if (own && password !== undefined) {
    throw new FabricError("conflict", "The own password is changed at another place", {
      field: "password",
      remedy: "POST /auth/password with the present one",
    });
  }
  const { before, after } = await changeAccount(accountContext(context), name, {
    role: role === undefined ? undefined : checkRole(role),
    scope: scope === null || scope === undefined ? scope : checkScope(scope),
    disabled,
    password,
    mustChange: true,
  });
  note({ object: `Account ${name}`, before: shownAccount(before), after: shownAccount(after) });
  return { status: 200, body: shownAccount(after) };
}

async function dropAccount(call: Call): Promise<Reply> {
  const { context, note, path, principal } = call;
  const { name = "" } = path;
  note({ object: `Account ${name}` });
  if (principal.way === "account" && principal.name === name) {
    throw new FabricError("conflict", "Nobody deletes their own account", {
      field: "name",
      remedy: "ask another administrator",
    });
  }
  const before = await deleteAccount(context.store, name);
  note({ object: `Account ${name}`, before: shownAccount(before) });
  return { status: 204 };
}

/** Routes of accounts. */
export const ACCOUNT_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/api/v1/accounts",
    id: "listAccounts",
    tag: "access",
    summary: "List local accounts",
    access: "admin",
    tenant: "none",
    answers: { 200: { description: "All accounts", schema: ITEMS } },
    handle: async ({ context }) => ({
      status: 200,
      body: { items: (await listAccounts(context.store)).map(shownAccount) },
    }),
  }),
  defineBodyRoute({
    method: "POST",
    path: "/api/v1/accounts",
    id: "createAccount",
    tag: "access",
    summary: "Create a local account",
    access: "admin",
    tenant: "none",
    body: jsonBody("The account", AccountSchema, {
      secret: true,
      example: { name: "anna", password: "...", role: "operator" },
    }),
    answers: { 201: { description: "The account", schema: { type: "object" } } },
    problems: [409],
    handle: makeAccount,
  }),
  defineBodyRoute({
    method: "PATCH",
    path: "/api/v1/accounts/{name}",
    id: "changeAccount",
    tag: "access",
    summary: "Change an account: its role, its tenant, its password; or switch it off",
    access: "admin",
    tenant: "none",
    pathParams: { name: { description: "Its name", example: "anna" } },
    body: jsonBody("What to change", AccountChangeSchema, {
      secret: true,
      example: { role: "viewer" },
    }),
    answers: { 200: { description: "The account", schema: { type: "object" } } },
    problems: [404, 409],
    handle: editAccount,
  }),
  defineRoute({
    method: "DELETE",
    path: "/api/v1/accounts/{name}",
    id: "deleteAccount",
    tag: "access",
    summary: "Delete an account; its sessions end",
    access: "admin",
    tenant: "none",
    pathParams: { name: { description: "Its name", example: "anna" } },
    answers: { 204: { description: "It is gone" } },
    problems: [404, 409],
    handle: dropAccount,
  }),
];
