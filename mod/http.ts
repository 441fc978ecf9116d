/**
 * HTTP/1.1 as a client over `Deno.connect` and `Deno.connectTls` (RFC 9112): one connection, one
 * request after the other, kept alive between them.
 *
 * Why not `fetch`: a process pays for its first use. A compiled program that asks etcd's gateway
 * twice, cold, the best of 40 runs side by side: 16.3 ms without asking, 19.9 by this module, 32.0
 * by `fetch` (Deno 2.9.4). The first TLS of a process costs 32 ms in either way, in which aws-lc
 * collects entropy.
 *
 * Every failure is a FabricError that tells whether the request can have had an effect:
 * `unavailable` when nothing of it was sent, `unknown-outcome` when it was and no whole answer
 * came. `details.reason` is `connect`, `tls`, `timeout`, `aborted`, `closed` or `protocol`. An
 * answer with any status is no failure.
 *
 * @module
 */
import { FabricError } from "./error.ts";
import { closeQuietly, HttpConnection, textOf } from "./http_connection.ts";
import { type HttpOptions, onInterrupt } from "./http_message.ts";

export { HttpConnection } from "./http_connection.ts";
export type { HttpAnswer, HttpOptions, HttpRequest, HttpStream } from "./http_message.ts";
export type { HttpAnswerHead } from "./http_reader.ts";

/** Certificates and keys as PEM text. */
export interface HttpTls {
  /** Authorities that are trusted beside the runtime's own. */
  readonly caCerts?: readonly string[];
  /** The client's certificate and key, both or none. */
  readonly cert?: string;
  readonly key?: string;
  /** The name to expect in the server's certificate in place of the host's. */
  readonly serverName?: string;
}

/** Where to connect to. */
export interface HttpTarget {
  readonly hostname: string;
  readonly port: number;
  /** Absent: plain TCP. */
  readonly tls?: HttpTls;
}

/** Target of an `http:` or `https:` URL without a path; `field` names the setting in the error. */
export function parseHttpTarget(
  url: string,
  { field, tls }: { readonly field: string; readonly tls?: HttpTls | undefined },
): HttpTarget {
  // By hand: the first use of URL costs more than all of this.
  const match = /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/?$/.exec(url);
  const [, scheme, host = "", digits] = match ?? [];
  const port = digits === undefined ? (scheme === "https" ? 443 : 80) : Number(digits);
  if (match === null || port < 1 || port > 65535) {
    throw new FabricError("invalid", `${field} is not an http or https URL without a path`, {
      field,
      value: withoutPassword(url),
      remedy: "write it as https://host:port",
    });
  }
  const hostname = host.replace(/^\[|\]$/g, "");
  return scheme === "https" ? { hostname, port, tls: tls ?? {} } : { hostname, port };
}

/** The text for an error: what stands before the @ of a URL may be a password, and is not repeated. */
export function withoutPassword(text: string): string {
  return text.replace(/^.*@/, "...@");
}

/** `host:port`, as requests and messages name a server. */
export function httpHost({ hostname, port }: Pick<HttpTarget, "hostname" | "port">): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/**
 * Connects and, with TLS, completes the handshake, so that a server that accepts and then says
 * nothing is found out before a request is sent.
 */
export async function connectHttp(
  target: HttpTarget,
  options: HttpOptions = {},
): Promise<HttpConnection> {
  const name = httpHost(target);
  const abort = new AbortController();
  const progress: Progress = { signal: abort.signal, conn: undefined, isSecuring: false };
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  let interruption: "timeout" | "aborted" | undefined;
  const stop = onInterrupt(options, (why) => {
    interruption = why;
    abort.abort(why);
    closeQuietly(progress.conn);
    reject(new Error(why));
  });
  const connecting = open(target, progress);
  connecting.catch(() => {});
  try {
    const conn = await Promise.race([connecting, interrupted]);
    return new HttpConnection(conn, { name, fill: fillOf(conn, target) });
  } catch (cause) {
    closeQuietly(progress.conn);
    const reason = interruption ?? (progress.isSecuring ? "tls" : "connect");
    const what = {
      timeout: `no connection to ${name} within ${options.timeoutMs} ms`,
      aborted: `connecting to ${name} was given up`,
      connect: `cannot connect to ${name}: ${textOf(cause)}`,
      tls: `TLS with ${name} failed: ${textOf(cause)}`,
    };
    throw new FabricError("unavailable", what[reason], { details: { reason }, cause });
  } finally {
    stop();
  }
}

interface Progress {
  readonly signal: AbortSignal;
  conn: Deno.Conn | undefined;
  isSecuring: boolean;
}

/**
 * The first random number that aws-lc makes in a process takes 30 ms, and TLS needs one: this has it
 * made by another thread, so that this one can do something else meanwhile. Later ones cost nothing.
 */
async function startEntropy(): Promise<void> {
  await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
}

async function open({ hostname, port, tls }: HttpTarget, progress: Progress): Promise<Deno.Conn> {
  const caCerts = [...tls?.caCerts ?? []];
  const entropy = tls === undefined ? undefined : startEntropy();
  entropy?.catch(() => {});
  if (tls?.cert !== undefined && tls.key !== undefined) {
    const { cert, key, serverName = hostname } = tls;
    // The runtime has a server name beside a client certificate only under this symbol; without
    // it the connection would fail, not trust another name.
    const name = { [Symbol.for("unstableServerName")]: serverName };
    await entropy;
    return await secure(
      await Deno.connectTls({ hostname, port, caCerts, cert, key, ...name }),
      progress,
    );
  }
  const tcp = await Deno.connect({ hostname, port, signal: progress.signal });
  progress.conn = tcp;
  if (progress.signal.aborted) tcp.close();
  tcp.setNoDelay(true);
  if (tls === undefined) return tcp;
  await entropy;
  return await secure(
    await Deno.startTls(tcp, { hostname: tls.serverName ?? hostname, caCerts }),
    progress,
  );
}

async function secure(conn: Deno.TlsConn, progress: Progress): Promise<Deno.TlsConn> {
  progress.conn = conn;
  progress.isSecuring = true;
  if (progress.signal.aborted) closeQuietly(conn);
  await conn.handshake();
  return conn;
}

/**
 * The runtime cannot set TCP_NODELAY where it presents a client certificate. The first request then
 * waits in our kernel for the server's acknowledgement of the handshake, which the server's kernel
 * delays by 40 ms, unless the request fills a whole segment: of 9,000 bytes at most in a network,
 * of 64 KiB on the host itself. Later requests follow an answer and wait for nothing.
 */
function fillOf({ localAddr, remoteAddr }: Deno.Conn, { tls }: HttpTarget): number {
  if (tls?.cert === undefined) return 0;
  const isHere = "hostname" in localAddr && "hostname" in remoteAddr &&
    localAddr.hostname === remoteAddr.hostname;
  return isHere ? 66_000 : 9000;
}
