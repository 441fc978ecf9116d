/**
 * The store over etcd's JSON gateway (`POST /v3/...`): the transport of processes that live for
 * milliseconds. Bytes are base64, 64-bit numbers text.
 *
 * @module
 */
import { FabricError } from "../error.ts";
import { connectHttp, type HttpConnection, type HttpTarget, parseHttpTarget } from "../http.ts";
import { toFailure } from "./failure.ts";
import { openClient } from "./open_client.ts";
import type { StoreOptions, TlsFiles } from "./options.ts";
import type { Store } from "./store.ts";
import type { Endpoint, Line, LineOptions, Method, StreamMethod, Transport } from "./transport.ts";
import { METHODS, STREAMS } from "./transport.ts";
import { asRecord, type Codec } from "./wire.ts";

/** How many idle connections to one endpoint are kept. */
const MAX_IDLE = 64;

/** The store over the gateway; see `openStore`. Loads nothing but what a CNI call needs. */
export function openGatewayStore(options: StoreOptions): Promise<Store> {
  return Promise.try(() => openClient(options, openGateway));
}

/** The gateway at the endpoints. */
export function openGateway(
  options: StoreOptions,
  { prefix, tls }: { readonly prefix: string; readonly tls: TlsFiles },
): Transport<string> {
  const { ca, cert, key, serverName } = tls;
  const endpoints = options.endpoints.map((url) =>
    new GatewayEndpoint(parseHttpTarget(url, {
      field: "etcd.endpoints",
      tls: {
        ...(ca === undefined ? {} : { caCerts: [ca] }),
        ...(cert === undefined || key === undefined ? {} : { cert, key }),
        ...(serverName === undefined ? {} : { serverName }),
      },
    }))
  );
  return {
    codec: base64Codec(prefix),
    endpoints,
    close: () => endpoints.forEach((endpoint) => endpoint.close()),
  };
}

const BEYOND_ASCII = /[\u0080-\uffff]/;

function base64Codec(prefix: string): Codec<string> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return {
    prefix,
    // Most keys and values are ASCII, for which atob and btoa take half the time.
    encode: (text) => BEYOND_ASCII.test(text) ? encoder.encode(text).toBase64() : btoa(text),
    decode(bytes) {
      if (bytes === undefined) return "";
      try {
        if (typeof bytes === "string") {
          const text = atob(bytes);
          if (!BEYOND_ASCII.test(text)) return text;
          return decoder.decode(Uint8Array.fromBase64(bytes));
        }
      } catch {
        // Neither base64 nor UTF-8: told below.
      }
      throw new FabricError("internal", "etcd holds a key or a value that is not UTF-8", {
        details: { reason: "protocol" },
      });
    },
  };
}

class GatewayEndpoint implements Endpoint {
  readonly name: string;
  readonly #target: HttpTarget;
  readonly #idle: HttpConnection[] = [];
  readonly #busy = new Set<HttpConnection>();
  #closed = false;

  constructor(target: HttpTarget) {
    this.#target = target;
    this.name = `${target.hostname}:${target.port}`;
  }

  async connect(signal: AbortSignal): Promise<Line> {
    for (let conn = this.#idle.pop(); conn !== undefined; conn = this.#idle.pop()) {
      if (conn.isFree) return this.#line(conn);
    }
    return this.#line(await connectHttp(this.#target, { signal }));
  }

  /** `/version` is answered by the HTTP server itself: no user, no disk, no other member. */
  async probe(signal: AbortSignal): Promise<void> {
    const conn = this.#idle.pop() ?? await connectHttp(this.#target, { signal });
    this.#busy.add(conn);
    try {
      await conn.request({ method: "GET", path: "/version" }, { signal });
    } finally {
      this.#giveBack(conn);
    }
  }

  close(): void {
    this.#closed = true;
    for (const conn of [...this.#idle, ...this.#busy]) conn.close();
  }

  #giveBack(conn: HttpConnection): void {
    if (!this.#busy.delete(conn)) return;
    if (conn.isFree && !this.#closed && this.#idle.length < MAX_IDLE) this.#idle.push(conn);
    else conn.close();
  }

  #line(conn: HttpConnection): Line {
    this.#busy.add(conn);
    const giveBack = () => this.#giveBack(conn);
    return {
      call: async (method, payload, options) => {
        try {
          return await call(conn, method, { payload, options });
        } finally {
          giveBack();
        }
      },
      stream: (method, payload, options) => stream(conn, method, { payload, options, giveBack }),
      release: giveBack,
    };
  }
}

function toRequest(path: string, payload: unknown, token: string) {
  return {
    method: "POST",
    path,
    headers: {
      "content-type": "application/json",
      ...(token === "" ? {} : { authorization: token }),
    },
    body: JSON.stringify(payload),
  };
}

async function call(
  conn: HttpConnection,
  method: Method,
  { payload, options }: { readonly payload: unknown; readonly options: LineOptions },
): Promise<unknown> {
  const { token, signal } = options;
  const answer = await conn.request(toRequest(METHODS[method].path, payload, token), { signal });
  const text = new TextDecoder().decode(answer.body);
  if (answer.status === 200) return parseJson(text, conn.name);
  throw refusal(answer.status, { text, where: conn.name });
}

async function* stream(
  conn: HttpConnection,
  method: StreamMethod,
  { payload, options, giveBack }: {
    readonly payload: unknown;
    readonly options: LineOptions;
    readonly giveBack: () => void;
  },
): AsyncGenerator<unknown> {
  const { token, signal } = options;
  try {
    const request = toRequest(STREAMS[method].path, payload, token);
    // The gateway drops its stream when no leader is known, so that a silent watch is not stale.
    const headers = { ...request.headers, "grpc-metadata-hasleader": "true" };
    const answer = await conn.stream({ ...request, headers }, { signal });
    const lines = readLines(answer.body);
    if (answer.status !== 200) {
      throw refusal(answer.status, {
        text: (await Array.fromAsync(lines)).join("\n"),
        where: conn.name,
      });
    }
    for await (const line of lines) {
      const message = asRecord(parseJson(line, conn.name), "stream message");
      if (message["error"] !== undefined) throw streamError(message["error"], conn.name);
      yield message["result"];
    }
  } finally {
    giveBack();
  }
}

/** Non-empty lines of the stream. */
async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const piece of body) {
    const text = decoder.decode(piece, { stream: true });
    const lines = text.split("\n");
    const last = lines.pop() ?? "";
    for (const line of lines) {
      const whole = parts.join("") + line;
      parts = [];
      if (whole.trim() !== "") yield whole;
    }
    if (last !== "") parts.push(last);
  }
  const rest = parts.join("");
  if (rest.trim() !== "") yield rest;
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FabricError("unknown-outcome", `${where} answers what is not JSON`, {
      details: { reason: "protocol", endpoint: where },
      cause,
    });
  }
}

/** The gateway's errors: `{"error": text, "code": gRPC code}`, later `{"code", "message"}`. */
function refusal(
  status: number,
  { text, where }: { readonly text: string; readonly where: string },
): FabricError {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && "code" in value) {
    return streamError(value, where);
  }
  if (text.startsWith("CommonName of client")) {
    return new FabricError(
      "incompatible",
      `etcd's gateway at ${where} refuses the client certificate because it has a common name`,
      {
        field: "etcd.tls.certFile",
        remedy:
          "use a client certificate without a common name; etcd's auth takes user and password",
        details: { reason: "common-name", endpoint: where },
      },
    );
  }
  // It is not the gateway that speaks: another server, or a proxy on the way.
  const kind = status >= 500 ? "unknown-outcome" : "incompatible";
  const said = text.trim().slice(0, 200);
  return new FabricError(kind, `${where} answers with HTTP ${status}: ${said}`, {
    remedy:
      "check that it is etcd 3.4 or later, asked by the right scheme, with its gateway enabled",
    details: { reason: "http", endpoint: where, status },
  });
}

function streamError(value: unknown, where: string): FabricError {
  const error = asRecord(value, "error");
  const code = error["code"] ?? error["grpc_code"];
  const message = error["message"] ?? error["error"];
  return toFailure({
    code: typeof code === "number" ? code : 2,
    message: typeof message === "string" ? message : "",
  }, where);
}
