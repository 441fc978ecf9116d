/**
 * `fabric-ctl serve`: opens the store, mirrors it, listens, and ends in good order.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { type Config, etcdOptions } from "../mod/config.ts";
import { asFabricError, FabricError } from "../mod/error.ts";
import { openBulkReader } from "../mod/etcd/bulk/bulk.ts";
import { openGatewayStore } from "../mod/etcd/gateway.ts";
import { memoryLeaseCache } from "../mod/ipam/context.ts";
import { readSecretFile } from "../mod/secret_file.ts";
import { answerConsole } from "./console/answer.ts";
import type { ServerContext } from "./context.ts";
import type { Principal } from "./auth/principal.ts";
import { createApp } from "./http/app.ts";
import { listen, type Listener, type TlsMaterial } from "./http/listener.ts";
import { Watches } from "./http/watches.ts";
import { Mirror } from "./mirror/mirror.ts";
import { runServerReclaimer } from "./reclaim.ts";
import { ROUTES } from "./routes/table.ts";
import type { ServerLog } from "./server_log.ts";
import { UsageCache } from "./usage.ts";
import { isLoopback, type ServerSettings } from "./settings.ts";

export interface ServeOptions {
  readonly config: Config;
  readonly settings: ServerSettings;
  readonly log: ServerLog;
  /** Ends the server. */
  readonly signal: AbortSignal;
  /** Told when it listens. */
  readonly onListening: (url: string) => void;
  /** Tells when files may have changed, such as the certificate. Default: never. */
  readonly onReload?: (reload: () => void) => void;
}

/** How long etcd may take: the answer "unavailable" comes within 2 s. */
const STORE_MS = 1500;
/** How long requests may take to end when the server is told to. */
const DRAIN_MS = 9000;

/** Serves until the signal; returns when all is ended. */
export async function serve(options: ServeOptions): Promise<void> {
  const { config, settings, log, signal } = options;
  const tls = readTls(settings);
  const { tokenFile: _shared, ...etcd } = etcdOptions(config);
  const storeOptions = { ...etcd, timeoutMs: STORE_MS };
  await using store = await openGatewayStore(storeOptions);
  const mirroring = new AbortController();
  const mirror = new Mirror({
    store,
    openReader: () => openBulkReader({ ...storeOptions, timeoutMs: 30_000 }, store),
    onDamage: (error) => log.write("warning", error.message, { kind: error.kind }),
    onState: (state, error) =>
      log.write(error === undefined ? "info" : "warning", `the mirror of etcd is ${state}`, {
        ...(error === undefined ? {} : { error: error.message }),
      }),
    signal: mirroring.signal,
  });
  const watches = new Watches(mirror);
  const context: ServerContext = {
    store,
    ipam: { store, now: Date.now, random: Math.random, newId: ulid, leases: memoryLeaseCache() },
    mirror,
    watches,
    usage: new UsageCache(mirror),
    log,
    now: Date.now,
    accepting: () => !signal.aborted,
  };
  const app = createApp({
    context,
    routes: ROUTES,
    gate: { authenticate: () => Promise.resolve(anonymous(settings)) },
    page: (request) => answerConsole(request),
  });
  const listener = await listenOr(options, tls, app);
  const running = mirror.run();
  const { ipam } = context;
  const reclaiming = runServerReclaimer({ config, ipam, log, signal: mirroring.signal });
  const scheme = tls === undefined ? "http" : "https";
  const host = settings.hostname.includes(":") ? `[${settings.hostname}]` : settings.hostname;
  log.write("info", "listening", { host: settings.hostname, port: listener.port, scheme });
  options.onListening(`${scheme}://${host}:${listener.port}/`);
  options.onReload?.(() => reload(options, listener));
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  log.write("info", "ending", { watches: watches.size });
  watches.close();
  await listener.close(DRAIN_MS);
  mirroring.abort("ending");
  await Promise.all([running, reclaiming]);
}

function anonymous({ anonymous: role }: ServerSettings): Principal | undefined {
  return role === undefined ? undefined : { name: "anonymous", way: "anonymous", role };
}

async function listenOr(
  { settings, log }: ServeOptions,
  tls: TlsMaterial | undefined,
  app: ReturnType<typeof createApp>,
): Promise<Listener> {
  const { hostname, port } = settings;
  try {
    return await listen({
      hostname: isLoopback(hostname) && hostname === "localhost" ? "127.0.0.1" : hostname,
      port,
      tls,
      handle: app,
      onError: (error) => log.write("error", `answering: ${asFabricError(error).message}`),
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FabricError("host", `Cannot listen at ${hostname}:${port}: ${why}`, {
      field: "server.listen",
      value: `${hostname}:${port}`,
      remedy: "choose an address of this host and a port that is free",
      cause,
    });
  }
}

function readTls({ tls }: ServerSettings): TlsMaterial | undefined {
  if (tls === undefined) return undefined;
  return {
    cert: readText(tls.certFile, "server.tls.certFile"),
    key: readSecretFile(tls.keyFile, "server.tls.keyFile"),
    clientCa: tls.clientCaFile === undefined
      ? undefined
      : readText(tls.clientCaFile, "server.tls.clientCaFile"),
  };
}

function readText(path: string, field: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new FabricError("invalid", `Cannot read ${path}`, { field, value: path, cause });
  }
}

/** A certificate that cannot be used leaves the old one in place. */
function reload({ settings, log }: ServeOptions, listener: Listener): void {
  try {
    const tls = readTls(settings);
    if (tls === undefined) return;
    listener.reload(tls);
    log.write("info", "the certificate was read again");
  } catch (error) {
    log.write("error", `the certificate is kept as it was: ${asFabricError(error).message}`);
  }
}
