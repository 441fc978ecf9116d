/**
 * Signing in by OpenID Connect: to the provider, and back.
 *
 * @module
 */

import type { FabricError } from "../../mod/error.ts";
import { httpError } from "../http/http_error.ts";
import { text } from "../http/param.ts";
import { type Call, defineRoute, type Reply, type Route } from "../http/route.ts";
import { startSession } from "./session_start.ts";

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

/** Routes of OpenID Connect. */
export const OIDC_ROUTES: readonly Route[] = [
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
];
