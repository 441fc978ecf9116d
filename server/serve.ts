/**
 * `fabric-ctl serve`: opens the store, mirrors it, listens, and ends in good order.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { type Config, etcdOptions } from "../mod/config.ts";
import { AuditWriter } from "../mod/audit/append.ts";
import { sweepInbox } from "../mod/audit/inbox.ts";
import { trimAudit, TRIMMED } from "../mod/audit/read.ts";
import { asFabricError, FabricError } from "../mod/error.ts";
import { openBulkReader } from "../mod/etcd/bulk/bulk.ts";
import { openGatewayStore } from "../mod/etcd/gateway.ts";
import { memoryLeaseCache } from "../mod/ipam/context.ts";
import { type KubeClient, openKubeClient } from "../mod/kube/client.ts";
import { readKubeconfig } from "../mod/kube/kubeconfig.ts";
import type { Log } from "../mod/log.ts";
import { readSecretFile } from "../mod/secret_file.ts";
import { answerConsole } from "./console/answer.ts";
import type { ServerContext } from "./context.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { TokenReviews } from "./auth/kubernetes.ts";
import { OidcLogin } from "./auth/oidc.ts";
import { Passwords } from "./auth/password.ts";
import { Refusals } from "./auth/refusals.ts";
import type { SessionSettings } from "./auth/sessions.ts";
import { createApp } from "./http/app.ts";
import { listen, type Listener, type TlsMaterial } from "./http/listener.ts";
import { RateLimiter, type RateSettings } from "./http/rate_limit.ts";
import { meterStore } from "./metered_store.ts";
import { Metrics } from "./metrics.ts";
import { Watches } from "./http/watches.ts";
import { Mirror } from "./mirror/mirror.ts";
import { runServerReclaimer } from "./reclaim.ts";
import { ROUTES } from "./routes/table.ts";
import { OwnLease } from "./own_lease.ts";
import { readText, readTls } from "./tls_material.ts";
import { TrendCache } from "./trend.ts";
import { SearchIndex } from "./search_index.ts";
import { UsageCache } from "./usage.ts";
import { isLoopback } from "./loopback.ts";
import type { ServerSettings } from "./settings.ts";

export interface ServeOptions {
  readonly config: Config;
  readonly settings: ServerSettings;
  readonly log: Log;
  /** Ends the server. */
  readonly signal: AbortSignal;
  /** How long it goes on serving when it is told to end. Default: 2 s. */
  readonly graceMs?: number;
  /** Told when it listens. */
  readonly onListening: (url: string) => void;
  /** Tells when files may have changed, such as the certificate. Default: never. */
  readonly onReload?: (reload: () => void) => void;
}

/** How long etcd may take: the answer "unavailable" comes within 2 s. */
const STORE_MS = 1500;
/** How long balancers and clients have to notice that the server ends. */
const GRACE_MS = 2000;
/** How long requests may take to end after that. */
const DRAIN_MS = 6000;

/** Serves until the signal; returns when all is ended. */
export async function serve(options: ServeOptions): Promise<void> {
  const { config, settings, log, signal } = options;
  const tls = readTls(settings);
  const { tokenFile: _shared, ...etcd } = etcdOptions(config);
  const storeOptions = { ...etcd, timeoutMs: STORE_MS };
  const metrics = new Metrics();
  await using plain = await openGatewayStore(storeOptions);
  const store = meterStore(plain, metrics);
  const mirroring = new AbortController();
  const mirror = new Mirror({
    store,
    openReader: () => openBulkReader({ ...storeOptions, timeoutMs: 30_000 }, store),
    onDamage: (error) => log.write("warning", error.message, { kind: error.kind }),
    onState: (state, error) => {
      log.write(error === undefined ? "info" : "warning", `the mirror of etcd is ${state}`, {
        ...(error === undefined ? {} : { error: error.message }),
      });
      if (state === "following") index.prepare();
    },
    signal: mirroring.signal,
  });
  const index = new SearchIndex(mirror);
  mirror.listen({
    onChanges: (changes) => {
      const taken = changes.filter(({ kind }) => kind === "addresses").length;
      if (taken > 0) metrics.count("fabric_address_changes_total", {}, taken);
    },
    onReset: () => {},
  });
  const watches = new Watches(mirror);
  const audit = new AuditWriter({ store, now: Date.now, newId: ulid }, (event, error) => {
    metrics.count("fabric_audit_lost_total", {});
    log.write("error", "an entry of the audit could not be written", {
      event,
      error: asFabricError(error).message,
    });
  });
  const session: SessionSettings = {
    idleSeconds: settings.session.idleMinutes * 60,
    absoluteSeconds: settings.session.absoluteHours * 3600,
  };
  const secure = tls !== undefined;
  const ipam = {
    store,
    now: Date.now,
    random: Math.random,
    newId: ulid,
    leases: memoryLeaseCache(),
  };
  using lease = new OwnLease(store);
  const context: ServerContext = {
    store,
    ipam,
    mirror,
    watches,
    usage: new UsageCache(mirror),
    index,
    trend: new TrendCache({ store, now: Date.now }),
    audit,
    access: {
      session,
      secure,
      oidc: openOidc(settings),
      anonymous: settings.anonymous,
      passwords: new Passwords(),
      certificates: tls?.clientCa !== undefined,
    },
    lease,
    metrics,
    log,
    now: Date.now,
    accepting: () => !signal.aborted,
    refusals: new Refusals(Date.now),
  };
  const authenticator = new Authenticator({
    context: ipam,
    bindings: settings.access,
    session,
    anonymous: settings.anonymous,
    reviews: await openReviews(settings),
    secure,
  });
  const app = createApp({
    context,
    authenticator,
    limiter: new RateLimiter(settings.rate),
    strangers: new RateLimiter(STRANGERS),
    routes: ROUTES,
    page: (request) => answerConsole(request),
  });
  const listener = await listenOr(options, tls, app);
  const running = mirror.run();
  const reclaiming = runServerReclaimer({ config, ipam, log, audit, signal: mirroring.signal });
  const scheme = secure ? "https" : "http";
  const host = settings.hostname.includes(":") ? `[${settings.hostname}]` : settings.hostname;
  log.write("info", "listening", { host: settings.hostname, port: listener.port, scheme });
  options.onListening(`${scheme}://${host}:${listener.port}/`);
  options.onReload?.(() => reload(options, listener));
  const housekeeping = setInterval(() => void trim(context, settings), 3_600_000);
  const sweeping = setInterval(() => void sweep(context), SWEEP_MS);
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  log.write("info", "ending", { watches: watches.size });
  clearInterval(housekeeping);
  clearInterval(sweeping);
  watches.close();
  await listener.close({ graceMs: options.graceMs ?? GRACE_MS, deadlineMs: DRAIN_MS });
  await audit.flush();
  mirroring.abort("ending");
  await Promise.all([running, reclaiming]);
}

/** Whoever is not known may ask little, and try passwords less. */
const STRANGERS: RateSettings = { perSecond: 5, burst: 30 };

function openOidc({ oidc, access }: ServerSettings): OidcLogin | undefined {
  if (oidc === undefined) return undefined;
  const { clientSecretFile, caFile, ...rest } = oidc;
  return new OidcLogin({
    ...rest,
    clientSecret: clientSecretFile === undefined
      ? undefined
      : readSecretFile(clientSecretFile, "server.oidc.clientSecretFile").trim(),
    ca: caFile === undefined ? undefined : readText(caFile, "server.oidc.caFile"),
  }, access);
}

async function openReviews({ kubernetes }: ServerSettings): Promise<TokenReviews | undefined> {
  if (kubernetes === undefined) return undefined;
  const openClient = async (): Promise<KubeClient> =>
    openKubeClient(await readKubeconfig(kubernetes.kubeconfig), { timeoutMs: STORE_MS });
  // Now it is said what is wrong with the file.
  (await openClient())[Symbol.dispose]();
  return new TokenReviews({
    client: openClient,
    now: Date.now,
    audiences: kubernetes.audiences,
  });
}

/** So often the audit's inbox is looked into. */
const SWEEP_MS = 10_000;

async function sweep({ store, now, log }: ServerContext): Promise<void> {
  try {
    await sweepInbox(store, now());
  } catch (error) {
    log.write("warning", `the audit's inbox waits: ${asFabricError(error).message}`);
  }
}

async function trim(context: ServerContext, { audit }: ServerSettings): Promise<void> {
  try {
    const now = context.now();
    await trimAudit(context.store, {
      maxAgeMs: audit.maxAgeDays === undefined ? undefined : audit.maxAgeDays * 86_400_000,
      maxEntries: audit.maxEntries,
      now,
      by: {
        at: new Date(now).toISOString(),
        who: "fabric-ctl",
        way: "retention",
        from: "server",
        requestId: crypto.randomUUID(),
        action: TRIMMED,
        outcome: "done",
      },
    });
  } catch (error) {
    context.log.write("warning", `the audit was not trimmed: ${asFabricError(error).message}`);
  }
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
