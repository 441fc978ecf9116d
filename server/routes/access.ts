/**
 * Coming in and going out: sessions, accounts, tokens.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError, isKind } from "../../mod/error.ts";
import { fieldError, invalidDocument } from "../../mod/model/field_error.ts";
import {
  type AccountContext,
  changeAccount,
  createAccount,
  deleteAccount,
  listAccounts,
  shownAccount,
} from "../auth/accounts.ts";
import { checkOrigin, sessionCookie } from "../auth/authenticator.ts";
import { type Principal, roleCovers, ROLES, type Scope } from "../auth/principal.ts";
import { beginSession, endSession, endSessions } from "../auth/sessions.ts";
import { checkSignIn } from "../auth/sign_in.ts";
import {
  authenticateToken,
  createToken,
  listTokens,
  revokeToken,
  shownToken,
} from "../auth/tokens.ts";
import type { ServerContext } from "../context.ts";
import { jsonBody } from "../http/body.ts";
import { httpError } from "../http/http_error.ts";
import { text } from "../http/param.ts";
import { type Call, defineBodyRoute, defineRoute, type Reply, type Route } from "../http/route.ts";

const ScopeField = v.optional(v.pipe(
  v.record(v.string(), v.string()),
  v.description("A tenant's: labels that a network must all carry; absent: all networks"),
));

/** A picklist is checked behind the shape: what it may be is told at the field. */
function checkRole(role: string, field = "role"): typeof ROLES[number] {
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
function checkScope(scope: Scope | undefined): Scope | undefined {
  if (scope === undefined || Object.keys(scope).length > 0) return scope;
  throw invalidDocument("The body", [
    fieldError("scope", "it names no label", { remedy: "name one, or leave it out" }),
  ]);
}

function shownPrincipal({ name, way, role, scope }: Principal) {
  return { name, way, role, ...(scope === undefined ? {} : { scope }) };
}

const PRINCIPAL = {
  type: "object",
  required: ["name", "way", "role"],
  properties: {
    name: { type: "string" },
    way: { type: "string" },
    role: { type: "string", enum: ROLES },
    scope: { type: "object", additionalProperties: { type: "string" } },
    csrf: { type: "string" },
    expires: { type: "string", format: "date-time" },
    mustChange: {
      type: "boolean",
      description: "Nothing else is allowed before the password is changed",
    },
  },
} as const;

async function startSession(
  context: ServerContext,
  principal: Principal & { readonly tokenId?: string },
) {
  const { session, secure } = context.access;
  const begun = await beginSession(context.ipam, principal, session);
  const cookie = sessionCookie(secure, { text: begun.cookie, maxAge: session.absoluteSeconds });
  const expires = new Date(begun.expires).toISOString();
  return { cookie, csrf: begun.csrf, expires };
}

const LoginSchema = v.looseObject({
  name: v.optional(v.pipe(v.string(), v.description("Of an account"))),
  password: v.optional(v.string()),
  token: v.optional(v.pipe(v.string(), v.description("Instead of name and password"))),
});

async function login(
  call: Call<Record<never, never>, v.InferOutput<typeof LoginSchema>>,
): Promise<Reply> {
  const { context, body, request, note, remote } = call;
  checkOrigin(request);
  const principal = await whoSignsIn(
    context,
    { ...body, from: remote },
    (name) => note({ object: `Account ${name}`, who: name }),
  );
  const { name: who, way } = principal;
  note({ object: `Session ${who}`, who, after: { way } });
  const { cookie, csrf, expires } = await startSession(context, principal);
  return {
    status: 200,
    cookies: [cookie],
    body: {
      ...shownPrincipal(principal),
      csrf,
      expires,
      mustChange: principal.mustChange ?? false,
    },
  };
}

/** Who signs in, and by what. */
type SignedIn = Principal & { readonly tokenId?: string; readonly mustChange?: boolean };

async function whoSignsIn(
  context: ServerContext,
  body: v.InferOutput<typeof LoginSchema> & { readonly from: string },
  told: (name: string) => void,
): Promise<SignedIn> {
  const { name, password, token, from } = body;
  if (token !== undefined) {
    const principal = await authenticateToken(context.ipam, token);
    if (principal !== undefined) return principal;
    throw httpError(401, "The token is not valid: it is unknown, revoked or expired", {
      field: "token",
    });
  }
  if (name === undefined || password === undefined) {
    throw invalidDocument("The body", [
      fieldError(name === undefined ? "name" : "password", "this field is missing", {
        remedy: "send name and password, or token",
      }),
    ]);
  }
  told(name.slice(0, 64));
  const account = await checkSignIn(accountContext(context), { name, password, from });
  const { role, scope, mustChange } = account;
  return { name, way: "account", role, scope, mustChange };
}

function accountContext({ ipam, access }: ServerContext): AccountContext {
  return { store: ipam.store, now: ipam.now, passwords: access.passwords };
}

async function logout(call: Call): Promise<Reply> {
  const { context, session, principal, note } = call;
  note({ object: `Session ${principal.name}` });
  if (session !== undefined) await endSession(context.store, session.key);
  return { status: 204, cookies: [sessionCookie(context.access.secure, undefined)] };
}

async function logoutEverywhere(call: Call): Promise<Reply> {
  const { context, principal, note } = call;
  const ended = await endSessions(context.store, principal.name);
  note({ object: `Session ${principal.name}`, before: { sessions: ended } });
  return {
    status: 200,
    cookies: [sessionCookie(context.access.secure, undefined)],
    body: { ended },
  };
}

const PasswordSchema = v.looseObject({ current: v.string(), next: v.string() });

async function changePassword(
  call: Call<Record<never, never>, v.InferOutput<typeof PasswordSchema>>,
): Promise<Reply> {
  const { context, principal, body, note } = call;
  const { name, way } = principal;
  note({ object: `Account ${name}` });
  if (way !== "account") {
    throw httpError(403, "Only an account has a password here", { field: "current" });
  }
  const accounts = accountContext(context);
  // Counted as a sign-in: whoever sits down at an open console may not guess for ever.
  await checkSignIn(accounts, { name, password: body.current, from: call.remote }).catch(
    (error) => {
      if (!isKind(error, "unauthenticated")) throw error;
      throw httpError(403, "The present password is wrong", { field: "current" });
    },
  );
  if (body.current === body.next) {
    throw httpError(422, "The new password is the present one", { field: "password" });
  }
  const { before, after } = await changeAccount(accounts, name, { password: body.next });
  note({ object: `Account ${name}`, before: shownAccount(before), after: shownAccount(after) });
  // The one who changed it stays.
  const { cookie, csrf, expires } = await startSession(context, principal);
  return { status: 200, cookies: [cookie], body: { csrf, expires } };
}

const TokenSchema = v.looseObject({
  name: v.pipe(v.string(), v.description("What it is for")),
  role: v.pipe(v.string(), v.description(`One of ${ROLES.join(", ")}`)),
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

const AccountSchema = v.looseObject({
  name: v.string(),
  password: v.pipe(v.string(), v.description("12 characters or more")),
  role: TokenSchema.entries.role,
  scope: ScopeField,
});

const AccountChangeSchema = v.looseObject({
  role: v.optional(TokenSchema.entries.role),
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

const LOGIN_COOKIE = "fabric-login";

async function oidcStart(call: Call<typeof TARGET>): Promise<Reply> {
  const { context, query } = call;
  const { oidc, secure } = context.access;
  if (oidc === undefined) throw noProvider();
  const { url, browser } = await oidc.start(context.ipam, query.target ?? "/");
  const cookie =
    `${LOGIN_COOKIE}=${browser}; Max-Age=600; Path=/auth/oidc; HttpOnly; SameSite=Lax` +
    (secure ? "; Secure" : "");
  return { status: 303, headers: { location: url }, cookies: [cookie] };
}

function noProvider(): FabricError {
  return httpError(404, "No provider of OpenID Connect is configured", {
    remedy: "set server.oidc in the configuration",
  });
}

async function oidcBack(call: Call<typeof BACK>): Promise<Reply> {
  const { context, request, url, note } = call;
  const { oidc, secure } = context.access;
  if (oidc === undefined) throw noProvider();
  note({ object: "Session" });
  const cookie = (request.headers.get("cookie") ?? "").split(";").map((one) => one.trim())
    .find((one) => one.startsWith(`${LOGIN_COOKIE}=`));
  const browser = cookie?.slice(LOGIN_COOKIE.length + 1);
  const { principal, target } = await oidc.finish(context.ipam, { url, browser });
  const begun = await startSession(context, principal);
  const gone = `${LOGIN_COOKIE}=; Max-Age=0; Path=/auth/oidc; HttpOnly; SameSite=Lax` +
    (secure ? "; Secure" : "");
  note({
    object: `Session ${principal.name}`,
    who: principal.name,
    after: { way: principal.way, role: principal.role, scope: principal.scope },
  });
  // The page behind it is the same for everybody; what it asks for comes with the new cookie.
  return { status: 303, cookies: [begun.cookie, gone], headers: { location: target } };
}

const TARGET = {
  target: text("Path of the console to go to afterwards", { maxLength: 500 }),
} as const;
const BACK = {
  code: text("Given by the provider"),
  state: text("Given by the provider"),
  iss: text("Given by the provider"),
  error: text("Given by the provider"),
  error_description: text("Given by the provider"),
  session_state: text("Given by the provider"),
} as const;

const SESSION_ANSWER = { 200: { description: "Who it is now", schema: PRINCIPAL } } as const;
const ITEMS = {
  type: "object",
  required: ["items"],
  properties: { items: { type: "array", items: { type: "object" } } },
} as const;

/** Routes of access. */
export const ACCESS_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/auth/methods",
    id: "getMethods",
    tag: "access",
    summary: "Ways to come in, for the page that asks",
    access: "public",
    tenant: "shared",
    answers: { 200: { description: "The ways", schema: { type: "object" } } },
    handle: ({ context }) => {
      const { oidc, anonymous, certificates } = context.access;
      return {
        status: 200,
        body: {
          account: true,
          token: true,
          certificate: certificates,
          oidc: oidc === undefined ? null : { name: oidc.name },
          anonymous: anonymous ?? null,
        },
      };
    },
  }),
  defineBodyRoute({
    method: "POST",
    path: "/auth/login",
    id: "signIn",
    tag: "access",
    summary: "Begin a session of the console, by an account or a token",
    access: "public",
    tenant: "shared",
    signsIn: true,
    body: jsonBody("Name and password, or a token", LoginSchema, {
      secret: true,
      example: { name: "anna", password: "..." },
    }),
    answers: SESSION_ANSWER,
    problems: [401, 403, 429],
    handle: login,
  }),
  defineRoute({
    method: "POST",
    path: "/auth/logout",
    id: "signOut",
    tag: "access",
    summary: "End this session",
    access: "signed-in",
    tenant: "shared",
    answers: { 204: { description: "It has ended" } },
    handle: logout,
  }),
  defineRoute({
    method: "POST",
    path: "/auth/logout-everywhere",
    id: "signOutEverywhere",
    tag: "access",
    summary: "End all sessions of the caller",
    access: "signed-in",
    tenant: "shared",
    answers: { 200: { description: "They have ended", schema: { type: "object" } } },
    handle: logoutEverywhere,
  }),
  defineBodyRoute({
    method: "POST",
    path: "/auth/password",
    id: "changePassword",
    tag: "access",
    summary: "Change the own password; all other sessions end",
    access: "signed-in",
    tenant: "shared",
    body: jsonBody("Both passwords", PasswordSchema, {
      secret: true,
      example: { current: "...", next: "..." },
    }),
    answers: { 200: { description: "It is changed", schema: { type: "object" } } },
    problems: [403],
    handle: changePassword,
  }),
  defineRoute({
    method: "GET",
    path: "/auth/oidc/start",
    id: "startOidc",
    tag: "access",
    summary: "Sign in by OpenID Connect: sends the browser to the provider",
    access: "public",
    tenant: "shared",
    signsIn: true,
    query: TARGET,
    answers: { 303: { description: "To the provider" } },
    problems: [404, 429],
    handle: oidcStart,
  }),
  defineRoute({
    method: "GET",
    path: "/auth/oidc/callback",
    id: "finishOidc",
    tag: "access",
    summary: "Where the provider sends the browser back to",
    access: "public",
    tenant: "shared",
    signsIn: true,
    query: BACK,
    audited: true,
    answers: { 303: { description: "Signed in: to the console" } },
    problems: [403, 404, 429],
    handle: oidcBack,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/whoami",
    id: "whoAmI",
    tag: "access",
    summary: "Who is asking",
    access: "signed-in",
    tenant: "shared",
    answers: SESSION_ANSWER,
    handle: ({ principal, session }) => ({
      status: 200,
      body: {
        ...shownPrincipal(principal),
        ...(session === undefined ? {} : {
          csrf: session.record.csrf,
          expires: new Date(session.expires).toISOString(),
          mustChange: session.mustChange,
        }),
      },
    }),
  }),
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
