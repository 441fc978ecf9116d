/**
 * The way of every request: who asks, may they, what do they ask, do it, say what became of it.
 * Errors are translated once, here.
 *
 * @module
 */

import { asFabricError, type FabricError } from "../../mod/error.ts";
import { type Principal, type Role, roleCovers, scopeCovers } from "../auth/principal.ts";
import type { ServerContext } from "../context.ts";
import { readBody } from "./body.ts";
import { httpError } from "./http_error.ts";
import { parseQuery } from "./param.ts";
import { problemOf } from "./problem.ts";
import type { RawCall, Reply, Route } from "./route.ts";

/** The connection that a request came by. */
export interface Connection {
  /** Address of the peer, without port. */
  readonly remote: string;
  /** The peer's verified certificate; undefined without one. */
  readonly certificate?: ClientCertificate | undefined;
}

/** What a client certificate says. */
export interface ClientCertificate {
  readonly commonName: string | undefined;
  readonly organisations: readonly string[];
  readonly alternativeNames: readonly string[];
}

/** What stands around every request. */
export interface Gate {
  /** Who is asking; undefined: nobody who is known. */
  readonly authenticate: (
    request: Request,
    connection: Connection,
  ) => Promise<Principal | undefined>;
}

export interface DispatchOptions {
  readonly context: ServerContext;
  readonly gate: Gate;
}

/** A request on its way. */
export interface Incoming {
  readonly request: Request;
  readonly connection: Connection;
  readonly route: Route;
  readonly path: Readonly<Record<string, string>>;
}

const NOBODY: Principal = { name: "anonymous", way: "anonymous", role: "viewer" };

/** Headers of every answer. */
const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Answers a request of a route. */
export async function dispatch(options: DispatchOptions, incoming: Incoming): Promise<Response> {
  const { context, gate } = options;
  const { request, connection, route } = incoming;
  const url = new URL(request.url);
  const requestId = crypto.randomUUID();
  const started = performance.now();
  let principal = NOBODY;
  try {
    const known = await gate.authenticate(request, connection);
    principal = known ?? NOBODY;
    authorize(route, known);
    const call: RawCall = {
      context,
      request,
      url,
      requestId,
      remote: connection.remote,
      principal,
      path: incoming.path,
      sees: (network) => sees(context, principal, network),
      note: () => {},
    };
    const reply = await route.run(call, {
      query: (params) => parseQuery(url.searchParams, params),
      body: (spec) => readBody(request, spec),
    });
    const response = respond(reply, requestId);
    log(context, { route, url, requestId, principal, connection, status: reply.status, started });
    return response;
  } catch (cause) {
    const error = asFabricError(cause);
    const response = refuse(error, { path: url.pathname, requestId });
    log(context, {
      route,
      url,
      requestId,
      principal,
      connection,
      status: response.status,
      started,
      error,
    });
    return response;
  }
}

/** The answer for an error. */
export function refuse(
  error: FabricError,
  place: { readonly path: string; readonly requestId: string },
): Response {
  const { status, headers, body } = problemOf(error, place);
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      ...HEADERS,
      "content-type": "application/problem+json",
      "x-request-id": place.requestId,
      ...headers,
    },
  });
}

function respond(reply: Reply, requestId: string): Response {
  const { status, body, raw } = reply;
  const headers = new Headers({ ...HEADERS, "x-request-id": requestId });
  if (raw !== undefined) headers.set("content-type", raw.type);
  else if (body !== undefined) headers.set("content-type", "application/json");
  for (const [name, value] of Object.entries(reply.headers ?? {})) headers.set(name, value);
  for (const cookie of reply.cookies ?? []) headers.append("set-cookie", cookie);
  const content = raw?.content ?? (body === undefined ? null : JSON.stringify(body));
  return new Response(content, { status, headers });
}

function authorize(route: Route, principal: Principal | undefined): void {
  const { access, tenant } = route;
  if (access === "public") return;
  if (principal === undefined) {
    throw httpError(401, "It is not known who is asking", {
      remedy: "sign in, or send a token as Authorization: Bearer TOKEN",
      headers: { "www-authenticate": 'Bearer realm="fabric"' },
    });
  }
  if (access === "signed-in") return;
  if (!roleCovers(principal.role, access)) throw forbidden(principal, access);
  if (tenant === "none" && principal.scope !== undefined) {
    throw httpError(403, `${principal.name} is of a tenant, and this is about all of them`, {
      remedy: "ask an administrator of the whole",
    });
  }
}

function forbidden(principal: Principal, needed: Role): FabricError {
  return httpError(403, `${principal.name} has role ${principal.role}, this needs ${needed}`, {
    remedy: `ask somebody who has role ${needed}`,
  });
}

function sees(context: ServerContext, principal: Principal, network: string | undefined): boolean {
  if (principal.scope === undefined) return true;
  if (network === undefined) return false;
  const row = context.mirror.tables.networks.get(network);
  return scopeCovers(principal.scope, row?.value);
}

interface Outcome {
  readonly route: Route;
  readonly url: URL;
  readonly requestId: string;
  readonly principal: Principal;
  readonly connection: Connection;
  readonly status: number;
  readonly started: number;
  readonly error?: FabricError;
}

function log(context: ServerContext, outcome: Outcome): void {
  const { route, url, requestId, principal, connection, status, started, error } = outcome;
  const level = status >= 500 ? "error" : route.method === "GET" ? "debug" : "info";
  if (!context.log.enabled(level)) return;
  context.log.write(level, `${route.method} ${url.pathname} ${status}`, {
    requestId,
    route: route.id,
    status,
    ms: Math.round(performance.now() - started),
    who: principal.name,
    way: principal.way,
    from: connection.remote,
    ...(error === undefined ? {} : {
      error: error.message,
      kind: error.kind,
      ...(status === 500 && error.cause instanceof Error ? { stack: error.cause.stack } : {}),
    }),
  });
}
