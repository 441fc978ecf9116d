/**
 * The way of every request: how fast, who asks, may they, what do they ask, was it asked before, do
 * it, write it down, say what became of it. Errors are translated once, here.
 *
 * @module
 */

import { gzip } from "node:zlib";
import type { AuditEvent, AuditHead } from "../../mod/audit/record.ts";
import { asFabricError, type FabricError, isKind } from "../../mod/error.ts";
import type { Admitted, Authenticator } from "../auth/authenticator.ts";
import { type Principal, type Role, roleCovers, scopeCovers } from "../auth/principal.ts";
import type { ServerContext } from "../context.ts";
import { escapeSegment } from "../../mod/ipam/keys.ts";
import { readBody } from "./body.ts";
import { httpError } from "./http_error.ts";
import { runOnce } from "./idempotency.ts";
import { parseQuery } from "./param.ts";
import { problemOf } from "./problem.ts";
import type { RateLimiter } from "./rate_limit.ts";
import type { AuditNote, RawCall, Reply, Route } from "./route.ts";

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

export interface DispatchOptions {
  readonly context: ServerContext;
  readonly authenticator: Authenticator;
  /** Of callers who are known. */
  readonly limiter: RateLimiter;
  /** Of addresses: whoever is not known, and tries to come in. */
  readonly strangers: RateLimiter;
}

/** A request on its way. */
export interface Incoming {
  readonly request: Request;
  readonly connection: Connection;
  readonly route: Route;
  readonly path: Readonly<Record<string, string>>;
}

// No label has an empty name: nothing is theirs.
const NOBODY: Principal = {
  name: "nobody",
  way: "anonymous",
  role: "viewer",
  scope: { "": "nobody" },
};

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

/** What is known of a request when it ends. */
interface State {
  readonly incoming: Incoming;
  readonly url: URL;
  readonly requestId: string;
  readonly started: number;
  principal: Principal;
  known: boolean;
  note: AuditNote | undefined;
  /** Where the audit was told that a change begins. */
  inbox: string | undefined;
}

/** Answers a request of a route. */
export async function dispatch(options: DispatchOptions, incoming: Incoming): Promise<Response> {
  const { request } = incoming;
  const state: State = {
    incoming,
    url: new URL(request.url),
    requestId: crypto.randomUUID(),
    started: performance.now(),
    principal: NOBODY,
    known: false,
    note: undefined,
    inbox: undefined,
  };
  try {
    const reply = lasting(options, state, await handle(options, state));
    await audit(options.context, state, { status: reply.status });
    const response = await respond(request, reply, state.requestId);
    finish(options.context, state, { status: reply.status });
    return response;
  } catch (cause) {
    const error = asFabricError(cause);
    const response = refuse(error, { path: state.url.pathname, requestId: state.requestId });
    await audit(options.context, state, { status: response.status, error });
    finish(options.context, state, { status: response.status, error });
    return response;
  }
}

async function handle(options: DispatchOptions, state: State): Promise<Reply> {
  const { context, strangers } = options;
  const { incoming, url, requestId } = state;
  const { request, connection, route, path } = incoming;
  const admitted = route.access === "public" ? undefined : await admit(options, state);
  if (route.signsIn === true) strangers.take(`sign-in ${connection.remote}`);
  authorize(route, admitted?.principal);
  const { principal } = state;
  const call: RawCall = {
    context,
    request,
    url,
    requestId,
    remote: connection.remote,
    principal,
    session: admitted?.session,
    path,
    sees: (network) => sees(context, principal, network),
    note: (note) => void (state.note = note),
  };
  let text = "";
  // What a sign-in or a new token answers is told once, and kept nowhere.
  const once = request.method === "POST" && state.known && route.tag !== "access"
    ? request.headers.get("idempotency-key")
    : null;
  return await route.run(call, {
    query: (params) => parseQuery(url.searchParams, params),
    body: (spec) => readBody(request, spec, (read) => void (text = read)),
    around: async (run) => {
      const begin = async (): Promise<Reply> => {
        await beginChange(context, state);
        return await run();
      };
      return once === null ? await begin() : await runOnce(context.ipam, context.lease, {
        caller: `${principal.way} ${principal.name}`,
        key: once,
        content: [request.method, url.pathname, url.search, text],
      }, begin);
    },
  });
}

/** Who is asking, as the rest of the way knows it. */
async function admit(options: DispatchOptions, state: State): Promise<Admitted | undefined> {
  const { authenticator, limiter, strangers } = options;
  const { request, connection, route } = state.incoming;
  let admitted: Admitted | undefined;
  try {
    admitted = await authenticator.admit(request, connection);
  } catch (error) {
    if (isKind(error, "unauthenticated")) strangers.take(connection.remote);
    throw error;
  }
  if (admitted === undefined) {
    strangers.take(connection.remote);
    return undefined;
  }
  const { principal } = admitted;
  state.principal = principal;
  state.known = true;
  limiter.take(`${principal.way} ${principal.name}`);
  authenticator.check(request, admitted, route);
  return admitted;
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

/** So often it is asked whether who reads an endless answer may still do so. */
const STILL_IN_MS = 10_000;

/** The reply, whose stream ends soon after its reader may not read it any more. */
function lasting({ authenticator }: DispatchOptions, state: State, reply: Reply): Reply {
  const { raw } = reply;
  const { incoming: { request, connection }, principal, known } = state;
  if (!known || raw === undefined || typeof raw.content === "string") return reply;
  if (!raw.type.startsWith("text/event-stream")) return reply;
  const reader = raw.content.getReader();
  let timer: ReturnType<typeof setInterval> | undefined;
  const end = (): void => {
    clearInterval(timer);
    // The end of what is read ends what is sent, too.
    reader.cancel("not let in any more").catch(() => {});
  };
  const ask = async (): Promise<void> => {
    try {
      if (!await authenticator.isStillIn(request, connection, principal)) end();
    } catch (error) {
      // While etcd does not answer nothing new is told either.
      if (isKind(error, "unauthenticated")) end();
    }
  };
  const content = new ReadableStream<Uint8Array>({
    start() {
      timer = setInterval(() => void ask(), STILL_IN_MS);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (!done) return controller.enqueue(value);
      clearInterval(timer);
      controller.close();
    },
    async cancel(reason) {
      clearInterval(timer);
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return { ...reply, raw: { ...raw, content } };
}

/** Shorter answers are not worth it. */
const MIN_GZIP = 1400;

async function respond(request: Request, reply: Reply, requestId: string): Promise<Response> {
  const { status, body, raw } = reply;
  const headers = new Headers({ ...HEADERS, "x-request-id": requestId });
  if (raw !== undefined) headers.set("content-type", raw.type);
  else if (body !== undefined) headers.set("content-type", "application/json");
  for (const [name, value] of Object.entries(reply.headers ?? {})) headers.set(name, value);
  for (const cookie of reply.cookies ?? []) headers.append("set-cookie", cookie);
  const content = raw?.content ?? (body === undefined ? null : JSON.stringify(body));
  if (typeof content !== "string") return new Response(content, { status, headers });
  headers.append("vary", "accept-encoding");
  const zip = content.length >= MIN_GZIP &&
    /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(request.headers.get("accept-encoding") ?? "");
  if (!zip) return new Response(content, { status, headers });
  headers.set("content-encoding", "gzip");
  return new Response(await zipped(content), { status, headers });
}

function zipped(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  gzip(text, { level: 3 }, (error, packed) => {
    if (error === null) resolve(new Uint8Array(packed));
    else reject(error);
  });
  return promise;
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
  const row = context.mirror.tables.networks.get(escapeSegment(network));
  return scopeCovers(principal.scope, row?.value);
}

interface Ending {
  readonly status: number;
  readonly error?: FabricError;
}

/** True for what the audit is told of. */
function isAudited({ method, readOnly, audited }: Route): boolean {
  return audited === true || (method !== "GET" && readOnly !== true);
}

/** True for what only asks what would be. */
function isTrial({ searchParams }: URL): boolean {
  return searchParams.get("dryRun") === "true";
}

/** A change that the audit does not know of is not made: were its author to die, no trace was left. */
async function beginChange(context: ServerContext, state: State): Promise<void> {
  const { incoming: { route }, url, known } = state;
  if (!known || !isAudited(route) || isTrial(url)) return;
  state.inbox = await context.audit.begin(auditHead(context, state));
}

function auditHead(context: ServerContext, state: State): AuditHead {
  const { incoming: { route, connection }, principal, note, requestId, known, url } = state;
  return {
    at: new Date(context.now()).toISOString(),
    who: note?.who ?? principal.name,
    way: known ? principal.way : "unknown",
    ...(known ? { role: principal.role } : {}),
    from: connection.remote,
    requestId,
    action: route.id,
    object: note?.object ?? url.pathname.slice(0, 500),
  };
}

/** Every change, allowed or refused; refusals without end are counted. */
async function audit(context: ServerContext, state: State, ending: Ending): Promise<void> {
  const { incoming, note, known, inbox } = state;
  const { route, connection } = incoming;
  const { status, error } = ending;
  if (!isAudited(route)) return;
  // A trial changes nothing, and a form asks whenever typing pauses; who may not even ask is told.
  if (isTrial(state.url) && status !== 401 && status !== 403) return;
  const outcome = error !== undefined
    ? isKind(error, "unknown-outcome") ? "unknown" : status >= 500 ? "failed" : "refused"
    : note?.unchanged === true
    ? "unchanged"
    : "done";
  let counted = "";
  if (outcome === "refused") {
    const { way, name } = state.principal;
    const caller = known ? `${way} ${name}` : connection.remote;
    const before = context.refusals.tell(caller, { known });
    if (before === undefined) {
      // Only what was begun is in the inbox; a stranger's request never is.
      if (inbox !== undefined) await context.audit.forget(inbox).catch(() => {});
      return;
    }
    if (before > 0) counted = ` (and ${before} more were refused before it)`;
  }
  const event: AuditEvent = {
    ...auditHead(context, state),
    outcome,
    ...(error === undefined ? {} : { detail: `${error.message.slice(0, 500)}${counted}` }),
    ...(note?.before === undefined ? {} : { before: note.before }),
    ...(note?.after === undefined || error !== undefined ? {} : { after: note.after }),
  };
  await context.audit.append(event, inbox);
}

function finish(context: ServerContext, state: State, { status, error }: Ending): void {
  const { incoming, url, requestId, principal, started } = state;
  const { route, connection } = incoming;
  const ms = performance.now() - started;
  const labels = { route: route.id, method: route.method, status: String(status) };
  context.metrics.count("fabric_http_requests_total", labels);
  context.metrics.observe("fabric_http_request_seconds", { route: route.id }, ms / 1000);
  const level = status >= 500 ? "error" : route.method === "GET" ? "debug" : "info";
  if (!context.log.enabled(level)) return;
  context.log.write(level, `${route.method} ${url.pathname} ${status}`, {
    requestId,
    route: route.id,
    status,
    ms: Math.round(ms),
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
