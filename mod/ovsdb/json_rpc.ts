/**
 * JSON-RPC 1.0 on a unix socket, as RFC 7047, 4, uses it. Requests may be under way side by side.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Json } from "./json.ts";
import { createJsonSplitter } from "./json_stream.ts";
import { startTimer } from "../timer.ts";

/** A connection to a JSON-RPC server. */
export interface JsonRpc extends AsyncDisposable {
  /**
   * Sends a request; the `result` member of its answer.
   *
   * @throws {FabricError} `unavailable`, with `details.sent` true, when no answer came in time or
   * the connection broke; the error made by `options.error` when the answer is an error.
   */
  call(method: string, options: CallOptions): Promise<unknown>;
}

export interface CallOptions {
  readonly params: readonly Json[];
  readonly timeoutMs: number;
  /** Makes an error of the `error` member of an answer. */
  readonly error: (value: unknown) => FabricError;
}

export interface ConnectOptions {
  /** Path of the unix socket. */
  readonly socket: string;
  /** Who listens there, for errors: `ovsdb-server`. */
  readonly server: string;
  readonly timeoutMs: number;
}

const Message = v.object({
  id: v.nullish(v.union([v.number(), v.string()])),
  method: v.optional(v.string()),
  params: v.optional(v.array(v.unknown())),
  result: v.optional(v.unknown()),
  error: v.optional(v.unknown()),
});

/**
 * Connects.
 *
 * @throws {FabricError} `unavailable` when nothing listens, or not in time; `forbidden` when the
 * caller may not.
 */
export async function connectJsonRpc(options: ConnectOptions): Promise<JsonRpc> {
  const conn = await dial(options);
  const waiting = new Map<number, PromiseWithResolvers<v.InferOutput<typeof Message>>>();
  let nextId = 1;
  let broken: unknown;
  let writing: Promise<void> = Promise.resolve();

  const send = (message: Json): Promise<void> => {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    // One message after the other, since a write may take only a part.
    writing = writing.then(() => writeAll(conn, bytes));
    return writing;
  };
  const fail = (cause: unknown): void => {
    broken ??= cause;
    for (const { reject } of waiting.values()) reject(broken);
    waiting.clear();
  };
  const receive = (text: string): void => {
    const message = v.parse(Message, JSON.parse(text));
    if (message.method === "echo") {
      // The server's probe (RFC 7047, 4.1.11); unanswered, it would hang up.
      const reply: Json = { id: message.id ?? null, result: [], error: null };
      send(reply).catch(fail);
    } else if (message.method === undefined && typeof message.id === "number") {
      waiting.get(message.id)?.resolve(message);
      waiting.delete(message.id);
    }
  };
  const read = async (): Promise<void> => {
    const splitter = createJsonSplitter();
    const buffer = new Uint8Array(16_384);
    try {
      for (;;) {
        const count = await conn.read(buffer);
        if (count === null) throw new Error("connection closed");
        splitter.push(buffer.subarray(0, count)).forEach(receive);
      }
    } catch (cause) {
      fail(cause);
    }
  };
  const reading = read();

  return {
    async call(method, { params, timeoutMs, error }) {
      const id = nextId++;
      const answer = Promise.withResolvers<v.InferOutput<typeof Message>>();
      waiting.set(id, answer);
      const cancel = startTimer(
        timeoutMs,
        () => answer.reject(new Error(`no answer within ${timeoutMs} ms`)),
      );
      let message: v.InferOutput<typeof Message>;
      try {
        if (broken !== undefined) throw broken;
        send({ method, params, id }).catch(fail);
        message = await answer.promise;
      } catch (cause) {
        throw noAnswer(options, { cause, details: { sent: true } });
      } finally {
        cancel();
        waiting.delete(id);
      }
      if (message.error !== null && message.error !== undefined) throw error(message.error);
      return message.result;
    },
    async [Symbol.asyncDispose]() {
      broken ??= new Error("connection closed by us");
      try {
        conn.close();
      } catch {
        // Closed already, by the server's end.
      }
      await reading;
      await writing.catch(() => {});
    },
  };
}

async function dial(options: ConnectOptions): Promise<Deno.UnixConn> {
  const connecting = Deno.connect({ transport: "unix", path: options.socket });
  const late = Promise.withResolvers<never>();
  const cancel = startTimer(
    options.timeoutMs,
    () => late.reject(new Error(`no connection within ${options.timeoutMs} ms`)),
  );
  try {
    return await Promise.race([connecting, late.promise]);
  } catch (cause) {
    connecting.then((conn) => conn.close(), () => {});
    throw noAnswer(options, { cause, details: { sent: false } });
  } finally {
    cancel();
  }
}

function noAnswer(
  options: ConnectOptions,
  rest: { readonly cause: unknown; readonly details: Record<string, unknown> },
): FabricError {
  const why = rest.cause instanceof Error ? rest.cause.message : String(rest.cause);
  if (
    rest.cause instanceof Deno.errors.PermissionDenied ||
    rest.cause instanceof Deno.errors.NotCapable
  ) {
    return new FabricError("forbidden", `no permission to connect to ${options.socket}`, {
      details: { socket: options.socket, why },
      cause: rest.cause,
    });
  }
  return new FabricError("unavailable", `${options.server} does not answer on ${options.socket}`, {
    remedy: `see that ${options.server} runs and listens there`,
    details: { ...rest.details, socket: options.socket, why },
    cause: rest.cause,
  });
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
