/**
 * The server of the sources in this process, on a real etcd, and calls of its API.
 *
 * @module
 */

import { loadConfig } from "../../mod/config.ts";
import type { Store } from "../../mod/etcd/store.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import type { Log, LogProperties } from "../../mod/log.ts";
import { serve } from "../../server/serve.ts";
import { parseSettings } from "../../server/settings.ts";
import { type IpamFixture, startIpam } from "../ipam_fixture.ts";

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** JSON, or undefined. */
  // deno-lint-ignore no-explicit-any -- tests look into answers of every shape
  readonly json: any;
  readonly text: string;
}

/** What a call sends. */
export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON unless it is text. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  /** Lines of its log. */
  readonly lines: readonly string[];
  /** Calls a path. */
  readonly ask: (path: string, options?: Ask) => Promise<Answer>;
  /** Ends it as SIGTERM does. */
  readonly stop: () => Promise<void>;
  readonly reload: () => void;
}

/** Calls a path of a server. */
export async function ask(url: string, path: string, options: Ask = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, signal } = options;
  const response = await fetch(new URL(path, url), {
    method,
    redirect: "manual",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, json, text };
}

/** Starts a server on the etcd. `section` is the configuration's section `server`. */
export async function startServer(
  etcd: { readonly endpoints: readonly string[] },
  section: Readonly<Record<string, unknown>> = { anonymous: "admin" },
): Promise<RunningServer> {
  const lines: string[] = [];
  const log: Log = {
    enabled: () => true,
    write: (level, message, properties: LogProperties = {}) =>
      void lines.push(JSON.stringify({ level, message, ...properties })),
  };
  const config = await loadConfig({
    hostname: () => "localhost",
    flags: { "etcd-endpoints": etcd.endpoints.join(",") },
  });
  const ending = new AbortController();
  const listening = Promise.withResolvers<string>();
  let reload = (): void => {};
  const running = serve({
    config,
    settings: parseSettings({ listen: "127.0.0.1:0", ...section }, {}),
    log,
    signal: ending.signal,
    graceMs: 0,
    onListening: listening.resolve,
    onReload: (again) => void (reload = again),
  });
  running.catch(listening.reject);
  const url = await listening.promise;
  const stop = async (): Promise<void> => {
    ending.abort();
    await running;
  };
  return {
    url,
    lines,
    ask: (path, options) => ask(url, path, options),
    stop,
    reload: () => reload(),
    [Symbol.asyncDispose]: stop,
  };
}

export interface ServerFixture extends AsyncDisposable {
  readonly ipam: IpamFixture;
  readonly context: IpamContext;
  readonly store: Store;
  readonly server: RunningServer;
  readonly ask: RunningServer["ask"];
}

/** etcd with physical network `prod` and zone `z1`, and a server on it. */
export async function startAll(
  section?: Readonly<Record<string, unknown>>,
): Promise<ServerFixture> {
  const ipam = await startIpam();
  try {
    const server = await startServer(ipam.etcd, section);
    return {
      ipam,
      context: ipam.context,
      store: ipam.store,
      server,
      ask: server.ask,
      async [Symbol.asyncDispose]() {
        await server.stop();
        await ipam[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await ipam[Symbol.asyncDispose]();
    throw error;
  }
}
