/**
 * One HTTP/1.1 connection: one request after the other, kept alive between them.
 *
 * @module
 */
import { FabricError } from "./error.ts";
import {
  encodeRequest,
  type HttpAnswer,
  type HttpOptions,
  type HttpRequest,
  type HttpStream,
  join,
  onInterrupt,
} from "./http_message.ts";
import {
  type Framing,
  framingOf,
  type HttpAnswerHead,
  HttpReader,
  HttpSyntaxError,
} from "./http_reader.ts";

/** An answer may have at most this many bytes, unless it is streamed. */
const MAX_BODY_BYTES = 512 * 1024 * 1024;

/** A connection; made by `connectHttp`. */
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

/** Closes what may be closed already. */
export function closeQuietly(conn: Deno.Conn | undefined): void {
  try {
    conn?.close();
  } catch {
    // It is closed already.
  }
}

/** What an error says, without a final period. */
export function textOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "");
}
