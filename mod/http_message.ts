/**
 * What goes over an HTTP/1.1 connection (RFC 9112), as plain data and as bytes.
 *
 * @module
 */
import { FabricError } from "./error.ts";
import type { HttpAnswerHead } from "./http_reader.ts";
import { startTimer } from "./timer.ts";

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

/**
 * The request's bytes. With `fill` they are at least so many, by a header that no server knows.
 */
export function encodeRequest(
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

/** The parts as one piece of `size` bytes. */
export function join(parts: readonly Uint8Array[], size: number): Uint8Array {
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

/** Calls back at the timeout or the signal; the returned function takes both back. */
export function onInterrupt(
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
