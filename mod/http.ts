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
import {
  type Framing,
  framingOf,
  type HttpAnswerHead,
  HttpReader,
  HttpSyntaxError,
} from "./http_reader.ts";
import { startTimer } from "./timer.ts";

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

export interface HttpRequest {
  readonly method: string;
  /** With the query, e.g. `/v3/kv/range`. */
  readonly path: string;
  /** Beside `host` and `content-length`. Values may be secrets and never appear in errors. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface HttpOptions {
  /** From the call to the end of the answer (of its head, for a stream). Default: no limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer extends HttpAnswerHead {
  readonly body: Uint8Array;
}

export interface HttpStream extends HttpAnswerHead {
  /** Pieces as they arrive, to be read once. Leaving early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** An answer may have at most this many bytes, unless it is streamed. */
const MAX_BODY_BYTES = 512 * 1024 * 1024;

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
    // What stands before an @ may be a password and is not repeated.
    throw new FabricError("invalid", `${field} is not an http or https URL without a path`, {
      field,
      value: url.replace(/^.*@/, "...@"),
      remedy: "write it as https://host:port",
    });
  }
  const hostname = host.replace(/^\[|\]$/g, "");
  return scheme === "https" ? { hostname, port, tls: tls ?? {} } : { hostname, port };
}

/**
 * Connects and, with TLS, completes the handshake, so that a server that accepts and then says
 * nothing is found out before a request is sent.
 */
export async function connectHttp(
  target: HttpTarget,
  options: HttpOptions = {},
): Promise<HttpConnection> {
  const { hostname, port } = target;
  const name = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
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

async function open({ hostname, port, tls }: HttpTarget, progress: Progress): Promise<Deno.Conn> {
  const caCerts = [...tls?.caCerts ?? []];
  if (tls?.cert !== undefined && tls.key !== undefined) {
    const { cert, key, serverName = hostname } = tls;
    // The runtime has a server name beside a client certificate only under this symbol; without
    // it the connection would fail, not trust another name.
    const name = { [Symbol.for("unstableServerName")]: serverName };
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

/** A connection; made by {@linkcode connectHttp}. */
export class HttpConnection implements Disposable {
  /** `host:port`, for messages. */
  readonly name: string;
  readonly #conn: Deno.Conn;
  readonly #reader: HttpReader;
  /** How many bytes the next request should have at least. */
  #fill: number;
  #state: "idle" | "busy" | "closed" = "idle";
  #interruption: "timeout" | "aborted" | undefined;

  constructor(conn: Deno.Conn, { name, fill }: { readonly name: string; readonly fill: number }) {
    this.#conn = conn;
    this.#reader = new HttpReader(conn);
    this.#fill = fill;
    this.name = name;
  }

  /** False once it is closed, by either side, and while a request is under way. */
  get isFree(): boolean {
    return this.#state === "idle";
  }

  /** Sends a request and reads the whole answer. */
  async request(request: HttpRequest, options: HttpOptions = {}): Promise<HttpAnswer> {
    this.#take(options.signal);
    const stop = onInterrupt(options, (why) => this.#interrupt(why));
    try {
      const { head, framing } = await this.#ask(request);
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const piece of this.#reader.readBody(framing)) {
        size += piece.length;
        if (size > MAX_BODY_BYTES) throw new HttpSyntaxError(`more than ${MAX_BODY_BYTES} bytes`);
        parts.push(piece.slice());
      }
      this.#leave(head, framing);
      return { ...head, body: join(parts, size) };
    } catch (cause) {
      throw this.#fail(request, { cause, timeoutMs: options.timeoutMs });
    } finally {
      stop();
    }
  }

  /**
   * Sends a request and gives the answer's pieces as they come. The timeout ends with the head,
   * the signal holds to the end.
   */
  async stream(request: HttpRequest, options: HttpOptions = {}): Promise<HttpStream> {
    this.#take(options.signal);
    const { timeoutMs, signal } = options;
    const interrupt = (why: "timeout" | "aborted") => this.#interrupt(why);
    const stopTimer = onInterrupt(timeoutMs === undefined ? {} : { timeoutMs }, interrupt);
    const stopSignal = onInterrupt(signal === undefined ? {} : { signal }, interrupt);
    try {
      const { head, framing } = await this.#ask(request);
      return { ...head, body: this.#readStream({ request, head, framing, stopSignal }) };
    } catch (cause) {
      stopSignal();
      throw this.#fail(request, { cause, timeoutMs });
    } finally {
      stopTimer();
    }
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    closeQuietly(this.#conn);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async *#readStream(
    { request, head, framing, stopSignal }: {
      readonly request: HttpRequest;
      readonly head: HttpAnswerHead;
      readonly framing: Framing;
      readonly stopSignal: () => void;
    },
  ): AsyncGenerator<Uint8Array> {
    let complete = false;
    try {
      for await (const piece of this.#reader.readBody(framing)) yield piece.slice();
      complete = true;
      this.#leave(head, framing);
    } catch (cause) {
      throw this.#fail(request, { cause });
    } finally {
      stopSignal();
      if (!complete) this.close();
    }
  }

  #take(signal: AbortSignal | undefined): void {
    const reason = this.#state !== "idle" ? "closed" : signal?.aborted === true ? "aborted" : "";
    if (reason !== "") {
      const what = reason === "aborted" ? "is no longer wanted" : `is ${this.#state}`;
      throw new FabricError("unavailable", `the connection to ${this.name} ${what}`, {
        details: { reason },
      });
    }
    this.#state = "busy";
  }

  async #ask(request: HttpRequest): Promise<{ head: HttpAnswerHead; framing: Framing }> {
    const bytes = encodeRequest(request, { host: this.name, fill: this.#fill });
    this.#fill = 0;
    for (let sent = 0; sent < bytes.length;) sent += await this.#conn.write(bytes.subarray(sent));
    const head = await this.#reader.readHead();
    return { head, framing: framingOf(request.method, head) };
  }

  /** The answer was read to its end. */
  #leave(head: HttpAnswerHead, framing: Framing): void {
    const isLast = /\bclose\b/i.test(head.headers.get("connection") ?? "");
    if (this.#interruption !== undefined) throw new Error("the end came too late");
    if (isLast || framing === "until-close" || !this.#reader.isEmpty) return this.close();
    this.#state = "idle";
    // A read is pending while idle, so that a close by the server is seen before the next request.
    const close = () => {
      if (this.#state === "idle") this.close();
    };
    this.#reader.readAhead().then(close, close);
  }

  #interrupt(why: "timeout" | "aborted"): void {
    this.#interruption ??= why;
    this.close();
  }

  #fail(
    request: HttpRequest,
    { cause, timeoutMs }: { readonly cause: unknown; readonly timeoutMs?: number | undefined },
  ): FabricError {
    this.close();
    if (cause instanceof FabricError) return cause;
    const asked = `${request.method} ${request.path.replace(/\?.*/, "")}`;
    const limit = timeoutMs === undefined ? "" : ` within ${timeoutMs} ms`;
    const reason = this.#interruption ?? reasonOf(cause);
    const what = {
      tls: `TLS with ${this.name} failed: ${textOf(cause)}`,
      timeout: `no answer from ${this.name} to ${asked}${limit}`,
      aborted: `${asked} at ${this.name} was given up`,
      closed: `the connection to ${this.name} broke during ${asked}: ${textOf(cause)}`,
      protocol: `${this.name} answered ${asked} with malformed HTTP: ${textOf(cause)}`,
    };
    const kind = reason === "tls" ? "unavailable" : "unknown-outcome";
    return new FabricError(kind, what[reason], { details: { reason }, cause });
  }
}

function reasonOf(cause: unknown): "tls" | "protocol" | "closed" {
  if (cause instanceof HttpSyntaxError) return "protocol";
  // In TLS 1.3 the server looks at our certificate after we began to send; what it refuses by
  // these alerts (RFC 8446, section 6.2) it did not read.
  const alerts = /fatal alert: (\w*Certificate\w*|UnknownCA|AccessDenied|HandshakeFailure)/;
  return alerts.test(textOf(cause)) ? "tls" : "closed";
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

function encodeRequest(
  request: HttpRequest,
  { host, fill }: { readonly host: string; readonly fill: number },
): Uint8Array {
  const text = new TextEncoder();
  const body = typeof request.body === "string" ? text.encode(request.body) : request.body;
  let head = `${request.method} ${request.path} HTTP/1.1\r\nhost: ${host}\r\n`;
  const missing = fill - head.length - (body?.length ?? 0);
  if (missing > 0) head += `x-fill: ${"-".repeat(missing)}\r\n`;
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (/[\r\n\0]/.test(name + value)) {
      throw new FabricError("invalid", `the header ${JSON.stringify(name)} holds a line break`);
    }
    head += `${name}: ${value}\r\n`;
  }
  if (body !== undefined) head += `content-length: ${body.length}\r\n`;
  const bytes = text.encode(`${head}\r\n`);
  return body === undefined ? bytes : join([bytes, body], bytes.length + body.length);
}

/** Calls back at the timeout or the signal; the returned function takes both back. */
function onInterrupt(
  { timeoutMs, signal }: HttpOptions,
  interrupt: (why: "timeout" | "aborted") => void,
): () => void {
  const abort = () => interrupt("aborted");
  const stopTimer = timeoutMs === undefined
    ? undefined
    : startTimer(timeoutMs, () => interrupt("timeout"));
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort, { once: true });
  return () => {
    stopTimer?.();
    signal?.removeEventListener("abort", abort);
  };
}

function closeQuietly(conn: Deno.Conn | undefined): void {
  try {
    conn?.close();
  } catch {
    // It is closed already.
  }
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function textOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "");
}
