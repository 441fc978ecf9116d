/**
 * The application: every route of the table behind its path, and the console for everything else.
 *
 * @module
 */

import { Hono } from "hono";
import { nearest } from "../../mod/nearest.ts";
import { type Connection, dispatch, type DispatchOptions, refuse } from "./dispatch.ts";
import { httpError } from "./http_error.ts";
import type { Method, Route } from "./route.ts";

export interface AppOptions extends DispatchOptions {
  readonly routes: readonly Route[];
  /** The console, for every path that is not the API's. */
  readonly page: (request: Request) => Promise<Response>;
}

/** Answers any request. */
export type App = (request: Request, connection: Connection) => Promise<Response>;

/** Longest path and query. */
const MAX_URL = 8192;

/** Makes the application of the routes. */
export function createApp(options: AppOptions): App {
  const { routes, page } = options;
  const hono = new Hono<{ Bindings: { connection: Connection } }>();
  const methods = new Map<string, Method[]>();
  for (const route of routes) {
    const path = honoPath(route.path);
    methods.set(path, [...methods.get(path) ?? [], route.method]);
    hono.on(route.method, path, (c) =>
      dispatch(options, {
        request: c.req.raw,
        connection: c.env.connection,
        route,
        path: c.req.param(),
      }));
  }
  for (const [path, allowed] of methods) {
    hono.all(path, (c) => {
      const known = [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : [])].join(", ");
      return plainRefusal(
        c.req.raw,
        httpError(405, `${c.req.method} is not served at this path`, {
          field: "method",
          value: c.req.method,
          remedy: `use ${known}`,
          headers: { allow: known },
        }),
      );
    });
  }
  const paths = [...methods.keys()].filter((path) => !path.includes(":"));
  hono.notFound((c) => {
    const { pathname } = new URL(c.req.url);
    const isApi = pathname.startsWith("/api/") || pathname.startsWith("/auth/");
    if (!isApi) return page(c.req.raw);
    const meant = nearest(pathname, paths);
    return plainRefusal(
      c.req.raw,
      httpError(404, "There is nothing at this path", {
        field: "path",
        value: pathname.slice(0, 200),
        remedy: meant === undefined ? "see /openapi.json" : `did you mean ${meant}`,
      }),
    );
  });
  return async (request, connection) => {
    if (request.url.length > MAX_URL) {
      return plainRefusal(request, httpError(431, `The path is longer than ${MAX_URL} characters`));
    }
    if (!isDecodable(request.url)) {
      return plainRefusal(
        request,
        httpError(400, "The path is not UTF-8 in percent encoding", { field: "path" }),
      );
    }
    return await hono.fetch(request, { connection });
  };
}

function honoPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}

function isDecodable(url: string): boolean {
  try {
    return !decodeURIComponent(new URL(url).pathname).includes("\0");
  } catch {
    return false;
  }
}

function plainRefusal(request: Request, error: Parameters<typeof refuse>[0]): Response {
  const { pathname } = new URL(request.url);
  return refuse(error, { path: pathname, requestId: crypto.randomUUID() });
}
