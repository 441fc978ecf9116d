/**
 * The store over gRPC by `npm:etcd3`: the transport of processes that stay.
 *
 * Of etcd3 we take its channels and its message types (rpc.proto), one client per endpoint, and
 * leave out what stands above them: its fault handling repeats transactions (rule 3), its builders
 * have no compares over ranges, its watcher splits and joins batches.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Etcd3 } from "etcd3";
import { FabricError, isKind } from "../error.ts";
import { parseHttpTarget } from "../http.ts";
import { toFailure } from "./failure.ts";
import { openClient } from "./open_client.ts";
import type { StoreOptions, TlsFiles } from "./options.ts";
import type { Store } from "./store.ts";
import type { Endpoint, Line, LineOptions, Method, StreamMethod, Transport } from "./transport.ts";
import { METHODS, STREAMS } from "./transport.ts";
import type { Codec } from "./wire.ts";

/** The store over gRPC; see `openStore`. */
export function openGrpcStore(options: StoreOptions): Promise<Store> {
  return Promise.try(() => openClient(options, openGrpc));
}

function openGrpc(
  options: StoreOptions,
  { prefix, tls }: { readonly prefix: string; readonly tls: TlsFiles },
): Transport<Buffer> {
  const endpoints = options.endpoints.map((url) => {
    const { hostname, port } = parseHttpTarget(url, { field: "etcd.endpoints" });
    return new GrpcEndpoint(`${hostname}:${port}`, new Channels(url, tls));
  });
  return {
    codec: bufferCodec(prefix),
    endpoints,
    close: () => endpoints.forEach((endpoint) => endpoint.close()),
  };
}

function bufferCodec(prefix: string): Codec<Buffer> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return {
    prefix,
    encode: (text) => Buffer.from(text, "utf8"),
    decode(bytes) {
      if (bytes === undefined || bytes === null) return "";
      try {
        if (bytes instanceof Uint8Array) return decoder.decode(bytes);
      } catch {
        // Not UTF-8: told below.
      }
      throw new FabricError("internal", "etcd holds a key or a value that is not UTF-8", {
        details: { reason: "protocol" },
      });
    },
  };
}

/** Ready in grpc-js's words; the others are IDLE 0, CONNECTING 1, TRANSIENT_FAILURE 3. */
const READY = 2;
const TRANSIENT_FAILURE = 3;

/** The longest pause between two tries to connect. */
const RECONNECT_MS = 500;

/** How long one look at a channel's state lasts; the callers' signals are seen in between. */
const STATE_SLICE_MS = 100;

type Service = typeof METHODS[Method]["service"] | typeof STREAMS[StreamMethod]["service"];

/** etcd3's channels to one endpoint. */
class Channels extends Etcd3 {
  constructor(url: string, { ca, cert, key, serverName }: TlsFiles) {
    const secure = url.startsWith("https:");
    super({
      hosts: [url],
      ...(secure && ca !== undefined
        ? {
          credentials: {
            rootCertificate: Buffer.from(ca),
            ...(cert === undefined || key === undefined
              ? {}
              : { certChain: Buffer.from(cert), privateKey: Buffer.from(key) }),
          },
        }
        : {}),
      grpcOptions: {
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
        "grpc.enable_retries": 0,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.min_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": RECONNECT_MS,
        "grpc.keepalive_time_ms": 10_000,
        "grpc.keepalive_timeout_ms": 2000,
        ...(secure ? { "grpc.ssl_target_name_override": serverName ?? nameOf(url) } : {}),
      },
    });
  }

  /** The stub of a service and empty metadata, without etcd3's retries around what is done. */
  service(name: Service) {
    return this.pool.withConnection(name, ({ client, metadata }) => ({ client, metadata }));
  }
}

/**
 * The name to find in the server's certificate. grpc-js hands an IP address over as the name of
 * TLS's server name indication, where Node refuses it; with a final dot it is none to that check,
 * and again one to the check of the certificate (`tls.checkServerIdentity` drops the dot). For
 * IPv6 there is no such way, since grpc-js also makes a URL of it.
 */
function nameOf(url: string): string {
  const { hostname } = parseHttpTarget(url, { field: "etcd.endpoints" });
  if (hostname.includes(":")) {
    throw new FabricError("invalid", "gRPC cannot check a certificate for an IPv6 address", {
      field: "etcd.endpoints",
      value: url,
      remedy: "name the endpoint by its DNS name, or set etcd.tls.serverName",
    });
  }
  return /^[\d.]+$/.test(hostname) ? `${hostname}.` : hostname;
}

type Stub = Awaited<ReturnType<Channels["service"]>>;

class GrpcEndpoint implements Endpoint {
  readonly name: string;
  readonly #channels: Channels;

  constructor(name: string, channels: Channels) {
    this.name = name;
    this.#channels = channels;
  }

  async connect(signal: AbortSignal): Promise<Line> {
    // All services of an endpoint share one connection: one that is ready stands for all.
    await this.#untilReady(await this.#channels.service("KV"), signal);
    return {
      call: (method, payload, options) => this.#call(method, payload, options),
      stream: (method, payload, options) => this.#stream(method, payload, options),
      release: () => {},
    };
  }

  /** A member answers `Status` from its own memory. */
  async probe(signal: AbortSignal): Promise<void> {
    const line = await this.connect(signal);
    await line.call("status", {}, { token: "", signal });
  }

  close(): void {
    this.#channels.close();
  }

  async #untilReady({ client }: Stub, signal: AbortSignal): Promise<void> {
    const channel = client.getChannel();
    let state = channel.getConnectivityState(true);
    // A channel that failed says so until it is connected again: give it the time of one try.
    const failed = state === TRANSIENT_FAILURE ? performance.now() + RECONNECT_MS : 0;
    while (state !== READY) {
      if (signal.aborted) {
        throw new FabricError("unavailable", `no connection to ${this.name} in time`, {
          details: { reason: "aborted" },
        });
      }
      if (state === TRANSIENT_FAILURE && performance.now() >= failed) {
        throw await this.#whyNot(signal);
      }
      const before = state;
      await new Promise<void>((resolve) => {
        channel.watchConnectivityState(before, Date.now() + STATE_SLICE_MS, () => resolve());
      });
      state = channel.getConnectivityState(true);
    }
  }

  /** A channel's state tells no reason; a call on a failed channel ends at once with one. */
  async #whyNot(signal: AbortSignal): Promise<FabricError> {
    try {
      await this.#call("range", {}, { token: "", signal });
    } catch (error) {
      if (isKind(error, "unavailable")) return error;
    }
    return new FabricError("unavailable", `cannot connect to ${this.name}`, {
      details: { reason: "connect" },
    });
  }

  async #call(method: Method, payload: unknown, { token, signal }: LineOptions): Promise<unknown> {
    const { service, rpc } = METHODS[method];
    const { client, metadata } = await this.#channels.service(service);
    if (token !== "") metadata.set("token", token);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const callback = (error: unknown, answer: unknown) => {
      if (error === null || error === undefined) resolve(answer);
      else reject(this.#failure(error));
    };
    const call = invoke(client, rpc, [payload, metadata, {}, callback]);
    const cancel = () => {
      if (isCancellable(call)) call.cancel();
    };
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  async *#stream(
    method: StreamMethod,
    payload: unknown,
    { token, signal }: LineOptions,
  ): AsyncGenerator<unknown> {
    const { service, rpc } = STREAMS[method];
    const { client, metadata } = await this.#channels.service(service);
    if (token !== "") metadata.set("token", token);
    // The stream ends when no leader is known, so that a silent watch is not stale.
    metadata.set("hasleader", "true");
    const stream = invoke(client, rpc, [metadata, {}]);
    if (!isDuplex(stream)) throw new FabricError("internal", `etcd3 has no stream ${rpc}`);
    // An error also ends the loop below; without a listener it would end the process.
    stream.on("error", () => {});
    const cancel = () => stream.cancel();
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      stream.write(payload);
      for await (const message of stream) yield message;
    } catch (error) {
      throw this.#failure(error);
    } finally {
      signal.removeEventListener("abort", cancel);
      cancel();
    }
  }

  #failure(error: unknown): FabricError {
    if (error instanceof FabricError) return error;
    const { code, details } = statusOf(error);
    // grpc-js's own words for a call that never left: the channel lost its connection before.
    const isUnsent = details.startsWith("No connection established") ||
      details.startsWith("Name resolution failed") || details.includes("has been closed");
    if (isUnsent) {
      return new FabricError("unavailable", `cannot connect to ${this.name}: ${details}`, {
        details: { reason: "connect", endpoint: this.name },
        cause: error,
      });
    }
    return toFailure({ code, message: details }, this.name);
  }
}

interface Duplex extends AsyncIterable<unknown> {
  write(message: unknown): unknown;
  cancel(): void;
  on(event: "error", listener: () => void): unknown;
}

function isDuplex(value: unknown): value is Duplex {
  return typeof value === "object" && value !== null && "write" in value && "cancel" in value &&
    Symbol.asyncIterator in value;
}

function isCancellable(value: unknown): value is { cancel(): void } {
  return typeof value === "object" && value !== null && "cancel" in value &&
    typeof value.cancel === "function";
}

/** Calls a method that grpc-js made out of rpc.proto, for which there are no types. */
function invoke(client: Stub["client"], rpc: string, args: readonly unknown[]): unknown {
  const method: unknown = Reflect.get(client, rpc);
  if (typeof method !== "function") {
    throw new FabricError("internal", `etcd3 has no call ${rpc}`);
  }
  return Reflect.apply(method, client, args);
}

/** grpc-js's ServiceError. */
function statusOf(error: unknown): { readonly code: number; readonly details: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (typeof error !== "object" || error === null) return { code: 2, details: message };
  const code = "code" in error && typeof error.code === "number" ? error.code : 2;
  const details = "details" in error && typeof error.details === "string" ? error.details : message;
  return { code, details };
}
