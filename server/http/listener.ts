/**
 * The listener: node's HTTP server, because it has what Deno.serve has not: client certificates,
 * and limits of time for headers and idle connections.
 *
 * @module
 */

import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { Readable } from "node:stream";
import { readCertificateNames } from "../auth/certificate_names.ts";
import type { ClientCertificate, Connection } from "./dispatch.ts";
import { PROBLEM_BASE } from "./problem.ts";

/** PEM text of the server's certificate, its key, and the authorities of client certificates. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string | undefined;
}

export interface ListenOptions {
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: TlsMaterial | undefined;
  readonly handle: (request: Request, connection: Connection) => Promise<Response>;
  /** Told of what no answer can tell. */
  readonly onError: (error: unknown) => void;
}

/** A server that listens. */
export interface Listener {
  readonly port: number;
  /** Takes another certificate for connections to come. */
  readonly reload: (tls: TlsMaterial) => void;
  /**
   * Goes on for the time of grace, and asks every client to come back by another connection; then
   * takes no new ones. Returns when all requests are answered, or at the deadline.
   */
  readonly close: (
    times: { readonly graceMs: number; readonly deadlineMs: number },
  ) => Promise<void>;
}

const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
} as const;

/** Browsers come back by TLS only, for a year. */
const HSTS = "max-age=31536000";

/** So many octets may wait in a connection for a reader that does not read. */
const MAX_UNSENT = 1024 * 1024;
/** So long a reader may read nothing at all while something waits. */
const STALLED_MS = 30_000;

/** Listens. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { hostname, port, tls } = options;
  const sockets = new Set<Socket>();
  const active = new Set<http.ServerResponse>();
  let closing = false;
  const onRequest = (message: http.IncomingMessage, answer: http.ServerResponse): void => {
    active.add(answer);
    answer.once("close", () => active.delete(answer));
    if (closing) answer.setHeader("connection", "close");
    serveOne(options, message, answer).catch((error) => {
      options.onError(error);
      answer.destroy();
    });
  };
  const server = tls === undefined
    ? http.createServer(LIMITS, onRequest)
    : https.createServer({ ...LIMITS, ...tlsOptions(tls) }, onRequest);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable) return void socket.destroy();
    socket.end(rawProblem(error.code ?? ""));
  });
  const bound = Promise.withResolvers<number>();
  server.once("error", bound.reject);
  server.listen(port, hostname, () => {
    const address = server.address();
    bound.resolve(typeof address === "object" && address !== null ? address.port : port);
  });
  const actualPort = await bound.promise;
  return {
    port: actualPort,
    reload(next) {
      if (server instanceof https.Server) server.setSecureContext(tlsOptions(next));
    },
    async close({ graceMs, deadlineMs }) {
      closing = true;
      // What a client sends in this moment by a connection that seemed idle would be lost.
      const grace = performance.now() + graceMs;
      while (sockets.size > 0 && performance.now() < grace) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const deadline = performance.now() + deadlineMs;
      while (active.size > 0 && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        server.closeIdleConnections();
      }
      for (const socket of sockets) socket.destroy();
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))]);
    },
  };
}

function tlsOptions({ cert, key, clientCa }: TlsMaterial): https.ServerOptions {
  return {
    cert,
    key,
    minVersion: "TLSv1.2",
    ...(clientCa === undefined
      ? {}
      : { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
}

const METHODS = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/;

const RAW_PROBLEMS = {
  400: ["Bad Request", "bad-request"],
  405: ["Method Not Allowed", "method-not-allowed"],
  408: ["Request Timeout", "request-timeout"],
  431: ["Request Header Fields Too Large", "headers-too-large"],
} as const;

/** A problem of something that is no request yet. */
function problemText(status: keyof typeof RAW_PROBLEMS) {
  const [title, type] = RAW_PROBLEMS[status];
  const text = JSON.stringify({
    type: PROBLEM_BASE + type,
    title,
    status,
    detail: title,
    instance: "",
    requestId: crypto.randomUUID(),
  });
  return { status, title, text };
}

/** What cannot even be parsed as a request. */
function rawProblem(code: string): string {
  const { status, title, text } = problemText(
    code === "HPE_HEADER_OVERFLOW" ? 431 : code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400,
  );
  return `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\n` +
    `content-length: ${text.length}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n${text}`;
}

async function serveOne(
  options: ListenOptions,
  message: http.IncomingMessage,
  answer: http.ServerResponse,
): Promise<void> {
  const request = toRequest(message, options.tls !== undefined);
  if (request === undefined) {
    // CONNECT, TRACE and what has no path: nothing that a handler could be asked.
    const refused = problemText(
      message.method !== undefined && METHODS.test(message.method) ? 400 : 405,
    );
    answer.writeHead(refused.status, {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "connection": "close",
      ...(refused.status === 405 ? { allow: "GET, HEAD, POST, PUT, PATCH, DELETE" } : {}),
    }).end(refused.text);
    return;
  }
  const response = await options.handle(request, connectionOf(message));
  const headers = new Map<string, string | string[]>();
  for (const [name, value] of response.headers) if (name !== "set-cookie") headers.set(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) headers.set("set-cookie", cookies);
  if (options.tls !== undefined) headers.set("strict-transport-security", HSTS);
  // A body that nobody wants to read: the connection ends with the answer.
  if (!message.complete) headers.set("connection", "close");
  answer.writeHead(response.status, Object.fromEntries(headers));
  if (message.method === "HEAD" || response.body === null) return void answer.end();
  await send(response.body, answer);
}

function toRequest(message: http.IncomingMessage, secure: boolean): Request | undefined {
  const { method = "GET", url: target = "/" } = message;
  if (!METHODS.test(method)) return undefined;
  const host = message.headers.host ?? "localhost";
  if (!target.startsWith("/") || target.startsWith("//")) return undefined;
  const url = URL.parse(`${secure ? "https" : "http"}://${host}${target}`);
  if (url === null) return undefined;
  const headers = new Headers();
  for (const [name, value] of Object.entries(message.headers)) {
    try {
      for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one);
    } catch {
      return undefined;
    }
  }
  const hasBody = (headers.get("content-length") ?? "0") !== "0" ||
    headers.has("transfer-encoding");
  if (!hasBody || method === "GET" || method === "HEAD") {
    return new Request(url, { method, headers });
  }
  try {
    return new Request(url, { method, headers, body: bodyOf(message) });
  } catch {
    return undefined;
  }
}

/** The body, read only as fast as the handler does. */
function bodyOf(message: http.IncomingMessage): ReadableStream<Uint8Array> {
  const iterator = Readable.prototype[Symbol.asyncIterator].call(message);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done === true) return controller.close();
      if (value instanceof Uint8Array) controller.enqueue(value);
    },
    async cancel() {
      await iterator.return?.();
    },
  }, { highWaterMark: 0 });
}

function connectionOf(message: http.IncomingMessage): Connection {
  const { socket } = message;
  const remote = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const certificate = isTls(socket) && socket.authorized ? certificateOf(socket) : undefined;
  return { remote, ...(certificate === undefined ? {} : { certificate }) };
}

function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const { raw } = socket.getPeerCertificate();
  return raw instanceof Uint8Array ? readCertificateNames(raw) : undefined;
}

function isTls(socket: Socket): socket is TLSSocket {
  return "getPeerCertificate" in socket;
}

/** Sends a body; a reader that has gone or reads nothing for long ends it. */
async function send(
  body: ReadableStream<Uint8Array>,
  answer: http.ServerResponse,
): Promise<void> {
  const reader = body.getReader();
  let gone = false;
  answer.once("close", () => {
    gone = true;
    reader.cancel("gone").catch(() => {});
  });
  while (!gone) {
    const { done, value } = await reader.read();
    if (done) break;
    answer.write(value);
    if (answer.writableLength > MAX_UNSENT && !await drained(answer)) {
      await reader.cancel("slow").catch(() => {});
      answer.destroy();
      return;
    }
  }
  answer.end();
}

async function drained(answer: http.ServerResponse): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const onDrain = (): void => resolve(true);
  const onClose = (): void => resolve(false);
  const timer = setTimeout(onClose, STALLED_MS);
  answer.once("drain", onDrain);
  answer.once("close", onClose);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    answer.off("drain", onDrain);
    answer.off("close", onClose);
  }
}
