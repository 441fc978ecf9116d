/**
 * A route: one row from which the router, the check of roles, the API's description and the tests
 * that walk all of them are made.
 *
 * @module
 */

import type * as v from "valibot";
import type { Principal, Role } from "../auth/principal.ts";
import type { Session } from "../auth/sessions.ts";
import type { ServerContext } from "../context.ts";
import type { BodySpec } from "./body.ts";
import type { JsonSchema, Params, ParamValues } from "./param.ts";

/** Methods that are served. */
export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type Method = typeof METHODS[number];

/**
 * Who may call a route: `public` everybody, `signed-in` everybody who is known, else a role. There
 * is no default: a route without it does not compile.
 */
export type Access = "public" | "signed-in" | Role;

/**
 * What a tenant gets: `own` what belongs to the tenant's networks (the handler sees to that),
 * `shared` what all share and that tells nothing of other tenants, `none` nothing.
 */
export type TenantAccess = "own" | "shared" | "none";

/** One answer that a route gives when all is well. */
export interface AnswerSpec {
  readonly description: string;
  readonly schema?: JsonSchema | v.GenericSchema;
  /** Default: application/json. */
  readonly type?: string;
  readonly example?: unknown;
}

/** What is answered. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: unknown;
  /** Anything else. */
  readonly raw?: { readonly type: string; readonly content: string | ReadableStream<Uint8Array> };
  /** More cookies than one. */
  readonly cookies?: readonly string[];
}

/** What changed, for the audit. */
export interface AuditNote {
  /** What it was done to: `Network prod`, `Address pods/10.0.0.5`. */
  readonly object: string;
  readonly before?: unknown;
  readonly after?: unknown;
  /** Nothing was written: it was so already, or it was a trial. */
  readonly unchanged?: boolean;
  /** Who they say they are, where that is the question. */
  readonly who?: string;
}

/** A request as a handler gets it. */
export interface Call<P extends Params = Params, B = unknown> {
  readonly context: ServerContext;
  readonly request: Request;
  readonly url: URL;
  readonly requestId: string;
  readonly remote: string;
  readonly principal: Principal;
  /** The console's session; absent without one. */
  readonly session: Session | undefined;
  /** Parts of the path, decoded. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: ParamValues<P>;
  readonly body: B;
  /** True where the caller may see what belongs to the network; undefined: to none. */
  readonly sees: (network: string | undefined) => boolean;
  /** Told to the audit with the outcome. */
  readonly note: (note: AuditNote) => void;
}

/** What a route says of itself. */
export interface RouteHead {
  readonly method: Method;
  /** As in OpenAPI: `/api/v1/networks/{name}`. */
  readonly path: string;
  /** Unique: `listNetworks`. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  readonly tenant: TenantAccess;
  /** Parts of the path. */
  readonly pathParams?: Readonly<Record<string, { description: string; example?: string }>>;
  readonly headers?: Readonly<Record<string, { description: string; required?: boolean }>>;
  /** Answers when all is well, by status. */
  readonly answers: Readonly<Record<number, AnswerSpec>>;
  /** Statuses of problems beside those that every route can have. */
  readonly problems?: readonly number[];
  /** A GET that is written down all the same: a sign-in. */
  readonly audited?: boolean;
  /** A body is a question, not a change: no audit. Default: what is not GET is a change. */
  readonly readOnly?: boolean;
  /** Tells of a try to come in: whoever tries too often waits. */
  readonly signsIn?: boolean;
  /** Not part of the API's description: pages of the console, its assets. */
  readonly hidden?: boolean;
}

/** A route with its handler. */
export interface RouteSpec<P extends Params, B> extends RouteHead {
  readonly query?: P;
  readonly body?: BodySpec<B>;
  readonly handle: (call: Call<P, B>) => Promise<Reply> | Reply;
}

/** What a request has before its query and its body are parsed. */
export type RawCall = Omit<Call, "query" | "body">;

/** A row of the table of routes. */
export interface Route extends RouteHead {
  readonly query: Params;
  readonly body: BodySpec | undefined;
  /** Parses query and body, and handles. */
  readonly run: (call: RawCall, parse: Parse) => Promise<Reply>;
}

/** How query and body are parsed, and what stands around the handler. */
export interface Parse {
  /** Runs the handler, unless its answer is known already. */
  readonly around: (handle: () => Promise<Reply>) => Promise<Reply>;
  query<P extends Params>(params: P): ParamValues<P>;
  body<B>(spec: BodySpec<B>): Promise<B>;
}

/** A route whose body needs no type: there is none. */
export function defineRoute<P extends Params = Record<never, never>>(
  spec: Omit<RouteSpec<P, undefined>, "body"> & { readonly query?: P },
): Route {
  const { query, handle, ...head } = spec;
  return {
    ...head,
    query: query ?? {},
    body: undefined,
    async run(call, parse) {
      const values = parse.query(paramsOf(query));
      return await parse.around(async () =>
        await handle({ ...call, query: values, body: undefined })
      );
    },
  };
}

/** A route that takes a body. */
export function defineBodyRoute<B, P extends Params = Record<never, never>>(
  spec: RouteSpec<P, B> & { readonly body: BodySpec<B> },
): Route {
  const { query, body, handle, ...head } = spec;
  return {
    ...head,
    query: query ?? {},
    body,
    async run(call, parse) {
      const values = parse.query(paramsOf(query));
      const parsed = await parse.body(body);
      return await parse.around(async () => await handle({ ...call, query: values, body: parsed }));
    },
  };
}

// A route without parameters has no values of them.
function paramsOf<P extends Params>(params: P | undefined): P;
function paramsOf(params: Params | undefined): Params {
  return params ?? {};
}
