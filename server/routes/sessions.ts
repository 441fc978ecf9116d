/**
 * Coming in and going out: sessions and who has one.
 *
 * @module
 */

import * as v from "valibot";
import { isKind } from "../../mod/error.ts";
import { fieldError, invalidDocument } from "../../mod/model/field_error.ts";
import { changeAccount, shownAccount } from "../auth/accounts.ts";
import { checkOrigin, sessionCookie } from "../auth/authenticator.ts";
import { type Principal, ROLES } from "../auth/principal.ts";
import { endSession, endSessions } from "../auth/sessions.ts";
import { checkSignIn } from "../auth/sign_in.ts";
import { authenticateToken } from "../auth/tokens.ts";
import { accountContext, type ServerContext } from "../context.ts";
import { jsonBody } from "../http/body.ts";
import { httpError } from "../http/http_error.ts";
import { type Call, defineBodyRoute, defineRoute, type Reply, type Route } from "../http/route.ts";
import { startSession } from "./session_start.ts";

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

const SESSION_ANSWER = { 200: { description: "Who it is now", schema: PRINCIPAL } } as const;

/** Routes of sessions. */
export const SESSION_ROUTES: readonly Route[] = [
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
];
