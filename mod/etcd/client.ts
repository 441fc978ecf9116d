/**
 * The store over any transport: timeouts, failover, the token, and what may be asked twice.
 *
 * @module
 */
import { asFabricError, FabricError, isKind } from "../error.ts";
import { pause } from "../timer.ts";
import { withDeadline } from "./deadline.ts";
import { Endpoints, OF_THE_ENDPOINT } from "./failover.ts";
import { reasonOf } from "./failure.ts";
import type {
  CallOptions,
  RangeRequest,
  RangeResponse,
  Store,
  StoreStatus,
  TxnRequest,
  TxnResponse,
  WatchBatch,
  WatchRequest,
} from "./store.ts";
import type { Tokens } from "./token.ts";
import type { Endpoint, Line, Method, Transport } from "./transport.ts";
import { readWatch } from "./watch.ts";
import {
  asHeader,
  asId,
  asNumber,
  asRangeResponse,
  asRecord,
  asTxnResponse,
  type Codec,
  isReadOnly,
  toWireRangeRequest,
  toWireTxnRequest,
} from "./wire.ts";

export interface ClientOptions {
  readonly timeoutMs: number;
  readonly firstEndpoint: number;
  /** Made with a way to ask etcd for a token; absent: no token is sent. */
  readonly openTokens?: (authenticate: (signal: AbortSignal) => Promise<string>) => Tokens;
  /** With `openTokens`. */
  readonly credentials?: { readonly name: string; readonly password: string };
}

/** Between two tries of a write that was refused before anything was done. */
const RETRY_PAUSE_MS = 20;

/** Reasons that go by, for which a write waits as long as it may. */
const PASSING: ReadonlySet<string> = new Set(["leader", "overloaded", "closed"]);

/** A store over the transport, which it closes at its end. */
export class Client<Bytes> implements Store {
  readonly #transport: Transport<Bytes>;
  readonly #endpoints: Endpoints;
  readonly #tokens: Tokens | undefined;
  readonly #options: ClientOptions;
  readonly #closing = new AbortController();

  constructor(transport: Transport<Bytes>, options: ClientOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#endpoints = new Endpoints(transport.endpoints, options.firstEndpoint);
    this.#tokens = options.openTokens?.((signal) => this.#authenticate(signal));
  }

  /** How bytes are written in the payloads of {@linkcode ask}. */
  get codec(): Codec<Bytes> {
    return this.#transport.codec;
  }

  async range(request: RangeRequest, options: CallOptions = {}): Promise<RangeResponse> {
    const { codec } = this.#transport;
    const payload = toWireRangeRequest(codec, request);
    return asRangeResponse(codec, await this.ask("range", payload, options));
  }

  async txn(request: TxnRequest, options: CallOptions = {}): Promise<TxnResponse> {
    const { codec } = this.#transport;
    const payload = toWireTxnRequest(codec, request);
    const answer = isReadOnly(request)
      ? await this.ask("txn", payload, options)
      : await this.#sendOnce("txn", payload, options);
    return asTxnResponse(codec, answer);
  }

  watch(request: WatchRequest): AsyncIterable<WatchBatch> {
    return readWatch(request, {
      codec: this.#transport.codec,
      endpoints: this.#endpoints,
      tokens: this.#tokens,
      closing: this.#closing.signal,
      timeoutMs: this.#options.timeoutMs,
    });
  }

  async grantLease(
    ttlSeconds: number,
    options: CallOptions = {},
  ): Promise<{ id: string; ttl: number }> {
    // Asked twice, the lease whose answer was lost ends by itself.
    const answer = asRecord(await this.ask("leaseGrant", { TTL: ttlSeconds }, options), "lease");
    return { id: asId(answer["ID"], "lease id"), ttl: asNumber(answer["TTL"], "lease TTL") };
  }

  async revokeLease(id: string, options: CallOptions = {}): Promise<void> {
    try {
      await this.ask("leaseRevoke", { ID: id }, options);
    } catch (error) {
      // It has ended, or an earlier try of this call ended it: that is what was asked for.
      if (!(isKind(error, "not-found") && reasonOf(error) === "lease")) throw error;
    }
  }

  async keepLeaseAlive(id: string, options: CallOptions = {}): Promise<number> {
    const { value } = await this.#reach(options, async (line, { token, signal }) => {
      const answers = line.stream("leaseKeepAlive", { ID: id }, { token, signal });
      for await (const answer of answers) return asRecord(answer, "lease");
      throw new FabricError("unknown-outcome", "etcd ended the stream without an answer", {
        details: { reason: "closed" },
      });
    });
    return Math.max(0, asNumber(value["TTL"], "lease TTL"));
  }

  async status(options: CallOptions = {}): Promise<StoreStatus> {
    const { value, endpoint } = await this.#reach(
      options,
      (line, call) => line.call("status", {}, call),
    );
    const answer = asRecord(value, "status");
    const { version } = answer;
    return {
      header: asHeader(answer["header"]),
      version: typeof version === "string" ? version : "",
      dbSizeBytes: asNumber(answer["dbSize"], "dbSize"),
      endpoint: endpoint.name,
    };
  }

  // deno-lint-ignore require-await -- the interface is asynchronous
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort("closed");
    this.#transport.close();
  }

  /** Any call that may be made twice; its answer as etcd wrote it. */
  async ask(method: Method, payload: unknown, options: CallOptions = {}): Promise<unknown> {
    const { value } = await this.#reach(options, (line, call) => line.call(method, payload, call));
    return value;
  }

  /** For calls that may be made twice. */
  async #reach<T>(
    options: CallOptions,
    call: (line: Line, options: { token: string; signal: AbortSignal }) => Promise<T>,
  ): Promise<{ value: T; endpoint: Endpoint }> {
    return await this.#bounded(
      options,
      (whole) =>
        this.#withToken(whole, (token) =>
          this.#endpoints.reach(async (endpoint, signal) => {
            const line = await endpoint.connect(signal);
            return await call(line, { token, signal });
          }, whole)),
    );
  }

  /**
   * For calls that must not be made twice: an endpoint that lives is looked for first, then the
   * call is sent once.
   */
  async #sendOnce(method: Method, payload: unknown, options: CallOptions): Promise<unknown> {
    return await this.#bounded(options, (signal) =>
      this.#withToken(signal, async (token) => {
        for (let tries = 1;; tries++) {
          const { endpoint, value: line } = await this.#findLine(signal);
          try {
            const answer = await line.call(method, payload, { token, signal });
            this.#endpoints.prove(endpoint);
            return answer;
          } catch (cause) {
            const failure = asFabricError(cause);
            if (!isKind(failure, ...OF_THE_ENDPOINT)) throw failure;
            this.#endpoints.doubt(endpoint);
            if (failure.kind === "unknown-outcome") throw sentWithoutAnswer(failure, signal);
            // Nothing was done: another endpoint may do it, or this one in a moment.
            const isHopeless = tries >= this.#endpoints.count && !PASSING.has(reasonOf(failure));
            if (!isHopeless) await pause(RETRY_PAUSE_MS, signal);
            if (isHopeless || signal.aborted) throw failure;
          }
        }
      }));
  }

  async #findLine(signal: AbortSignal): Promise<{ endpoint: Endpoint; value: Line }> {
    const lines = new Set<Line>();
    try {
      const reached = await this.#endpoints.reach(async (endpoint, attempt) => {
        if (!this.#endpoints.isProven(endpoint)) await endpoint.probe(attempt);
        const line = await endpoint.connect(attempt);
        lines.add(line);
        if (attempt.aborted) line.release();
        return line;
      }, signal);
      lines.delete(reached.value);
      return reached;
    } finally {
      for (const line of lines) line.release();
    }
  }

  async #withToken<T>(signal: AbortSignal, call: (token: string) => Promise<T>): Promise<T> {
    if (this.#tokens === undefined) return await call("");
    const token = await this.#tokens.get(signal);
    try {
      return await call(token);
    } catch (error) {
      // Refused before anything was done, so that even a transaction may be sent again.
      if (!(isKind(error, "unauthenticated") && reasonOf(error) === "token")) throw error;
      return await call(await this.#tokens.renew(token, signal));
    }
  }

  async #authenticate(signal: AbortSignal): Promise<string> {
    const { credentials } = this.#options;
    try {
      const { value } = await this.#endpoints.reach(async (endpoint, attempt) => {
        const line = await endpoint.connect(attempt);
        return await line.call("authenticate", credentials, { token: "", signal: attempt });
      }, signal);
      const { token } = asRecord(value, "authentication");
      if (typeof token === "string" && token !== "") return token;
      throw new FabricError("unauthenticated", "etcd gave no token");
    } catch (error) {
      // A user is configured before an administrator turns auth on.
      if (isKind(error, "unauthenticated") && reasonOf(error) === "auth-off") return "";
      throw error;
    }
  }

  #bounded<T>(
    { timeoutMs = this.#options.timeoutMs, signal }: CallOptions,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withDeadline({ timeoutMs, signals: [this.#closing.signal, signal] }, call);
  }
}

function sentWithoutAnswer(failure: FabricError, signal: AbortSignal): FabricError {
  const reason = signal.aborted ? signal.reason : reasonOf(failure);
  return new FabricError(failure.kind, failure.message, {
    details: { ...failure.details, reason },
    cause: failure,
  });
}
