/**
 * A watch that outlives its connection: when one ends or goes silent, it goes on at the next
 * endpoint with the first revision not yet seen.
 *
 * @module
 */
import { asFabricError, FabricError, isKind } from "../error.ts";
import { pause, startTimer } from "../timer.ts";
import { withDeadline } from "./deadline.ts";
import type { Endpoints } from "./failover.ts";
import { reasonOf, toFailure } from "./failure.ts";
import type { WatchBatch, WatchEvent, WatchRequest } from "./store.ts";
import type { Tokens } from "./token.ts";
import type { Endpoint } from "./transport.ts";
import {
  asHeader,
  asNumber,
  asRecord,
  asWatchEvent,
  type Codec,
  toWireWatchRequest,
} from "./wire.ts";

interface WatchContext<Bytes> {
  readonly codec: Codec<Bytes>;
  readonly endpoints: Endpoints;
  readonly tokens: Tokens | undefined;
  readonly closing: AbortSignal;
  /** How long no endpoint may answer before the watch gives up. */
  readonly timeoutMs: number;
}

/** A quiet stream tells nothing about its member: it is probed after this time. */
const QUIET_MS = 2000;
const PROBE_MS = 1000;
const RECONNECT_PAUSE_MS = 50;

/** The batches of a watch; see `Store.watch`. */
export async function* readWatch<Bytes>(
  request: WatchRequest,
  context: WatchContext<Bytes>,
): AsyncGenerator<WatchBatch> {
  const outer = new AbortController();
  const abort = () => outer.abort("aborted");
  const signals = [context.closing, ...request.signal === undefined ? [] : [request.signal]];
  for (const signal of signals) {
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
  }
  const { signal } = outer;
  let next = request.startRevision;
  let renewed = false;
  let token = "";
  try {
    if (context.tokens !== undefined) token = await context.tokens.get(signal);
    while (!signal.aborted) {
      let stream: OpenWatch | undefined;
      try {
        const { codec } = context;
        const asked = next === undefined ? request : { ...request, startRevision: next };
        const payload = toWireWatchRequest(codec, asked);
        stream = await openStream(payload, { context, token, signal });
        // The revision at which the watch stands: nothing between it and an event is missed.
        next ??= stream.revision + 1;
        for await (const message of stream.messages) {
          renewed = false;
          for (const batch of toBatches(codec, message)) {
            if (batch.revision < next) continue;
            next = batch.revision + 1;
            yield batch;
          }
        }
      } catch (cause) {
        if (signal.aborted) return;
        const failure = asFabricError(cause);
        // etcd 3.4 says "permission denied" also to an unknown token.
        const mayBeToken = isKind(failure, "unauthenticated", "forbidden") &&
          context.tokens !== undefined && !renewed;
        if (mayBeToken) {
          renewed = true;
          token = await context.tokens.renew(token, signal);
        } else if (stream === undefined && reasonOf(failure) !== "leader") {
          throw failure;
        } else if (!isKind(failure, "unavailable", "unknown-outcome")) {
          throw failure;
        }
        if (stream !== undefined) context.endpoints.doubt(stream.endpoint);
      } finally {
        stream?.stop();
      }
      await pause(RECONNECT_PAUSE_MS, signal);
    }
  } finally {
    for (const one of signals) one.removeEventListener("abort", abort);
    outer.abort("aborted");
  }
}

interface OpenWatch {
  readonly endpoint: Endpoint;
  /** The store's revision when the watch was created. */
  readonly revision: number;
  readonly messages: AsyncIterable<Readonly<Record<string, unknown>>>;
  stop(): void;
}

/** Opens the watch at the first endpoint that confirms it. */
async function openStream<Bytes>(
  payload: unknown,
  { context, token, signal }: {
    readonly context: WatchContext<Bytes>;
    readonly token: string;
    readonly signal: AbortSignal;
  },
): Promise<OpenWatch> {
  const opened: OpenWatch[] = [];
  return await withDeadline({ timeoutMs: context.timeoutMs, signals: [signal] }, async (whole) => {
    const { value } = await context.endpoints.reach(async (endpoint, attempt) => {
      const stream = await openAt(endpoint, { payload, token, attempt, signal });
      opened.push(stream);
      return stream;
    }, whole);
    for (const stream of opened) if (stream !== value) stream.stop();
    return value;
  });
}

async function openAt(
  endpoint: Endpoint,
  { payload, token, attempt, signal }: {
    readonly payload: unknown;
    readonly token: string;
    readonly attempt: AbortSignal;
    readonly signal: AbortSignal;
  },
): Promise<OpenWatch> {
  // The attempt's signal ends with the choice of an endpoint, the stream's only with the watch.
  const controller = new AbortController();
  const stop = () => controller.abort("aborted");
  attempt.addEventListener("abort", stop, { once: true });
  signal.addEventListener("abort", stop, { once: true });
  const end = () => {
    signal.removeEventListener("abort", stop);
    stop();
  };
  try {
    const line = await endpoint.connect(controller.signal);
    const stream = line.stream("watch", payload, { token, signal: controller.signal });
    const iterator = stream[Symbol.asyncIterator]();
    const first = checkMessage((await iterator.next()).value, endpoint);
    attempt.removeEventListener("abort", stop);
    return {
      endpoint,
      revision: asHeader(first["header"]).revision,
      messages: readMessages(iterator, { first, endpoint, signal: controller.signal }),
      stop: end,
    };
  } catch (error) {
    end();
    throw error;
  } finally {
    attempt.removeEventListener("abort", stop);
  }
}

async function* readMessages(
  iterator: AsyncIterator<unknown>,
  { first, endpoint, signal }: {
    readonly first: Readonly<Record<string, unknown>>;
    readonly endpoint: Endpoint;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  yield first;
  while (true) {
    const pending = iterator.next();
    pending.catch(() => {});
    let result = await within(pending, QUIET_MS);
    while (result === undefined) {
      await withDeadline(
        { timeoutMs: PROBE_MS, signals: [signal] },
        (bounded) => endpoint.probe(bounded),
      );
      result = await within(pending, QUIET_MS);
    }
    if (result.done === true) return;
    yield checkMessage(result.value, endpoint);
  }
}

/** What the promise gives, or undefined when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const stopTimer = startTimer(ms, () => resolve(undefined));
  try {
    return await Promise.race([promise, late]);
  } finally {
    stopTimer();
  }
}

/** Throws when the message says that etcd ended the watch. */
function checkMessage(value: unknown, endpoint: Endpoint): Readonly<Record<string, unknown>> {
  if (value === undefined) {
    throw new FabricError("unavailable", `${endpoint.name} ended the watch`, {
      details: { reason: "closed" },
    });
  }
  const message = asRecord(value, "watch response");
  const compacted = asNumber(message["compact_revision"], "compact_revision");
  if (compacted > 0) {
    throw new FabricError("conflict", `the revision asked for is compacted`, {
      remedy: "read again",
      details: { reason: "compacted", compactRevision: compacted, endpoint: endpoint.name },
    });
  }
  if (message["canceled"] === true) {
    const { cancel_reason: text } = message;
    const reason = typeof text === "string" && text !== "" ? text : "watch canceled";
    throw toFailure({ code: UNAVAILABLE, message: reason }, endpoint.name);
  }
  return message;
}

const UNAVAILABLE = 14;

/** One batch per revision; etcd sends whole revisions, one or several in a message. */
function* toBatches<Bytes>(
  codec: Codec<Bytes>,
  message: Readonly<Record<string, unknown>>,
): Generator<WatchBatch> {
  const { events } = message;
  let batch: { revision: number; events: WatchEvent[] } | undefined;
  for (const value of Array.isArray(events) ? events : []) {
    const event = asWatchEvent(codec, value);
    const revision = event.type === "put" ? event.kv.modRevision : event.modRevision;
    if (batch === undefined || batch.revision !== revision) {
      if (batch !== undefined) yield batch;
      batch = { revision, events: [] };
    }
    batch.events.push(event);
  }
  if (batch !== undefined) yield batch;
}
