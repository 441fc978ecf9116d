/**
 * HTTP/2 (RFC 9113) as far as unary gRPC calls to etcd need it: requests go out on one connection,
 * side by side, and whole messages come back. Of the answer's headers nothing is read: a call whose
 * message did not come whole has failed, and whoever wants to know why asks etcd's JSON gateway.
 *
 * @module
 */

import { FabricError } from "../../error.ts";

const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const PADDED = 8;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES = 9;
const MAX_WINDOW = 0x7fff_ffff;
/** What every window is before anybody says otherwise. */
const DEFAULT_WINDOW = 65_535;
/** Bytes received before the connection's window is opened again. */
const WINDOW_STEP = 1 << 24;
/** A message may have at most this many bytes. */
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024;

const encoder = new TextEncoder();

/** Reasons as in `mod/http.ts`. */
function failed(name: string, why: string): FabricError {
  return new FabricError("unknown-outcome", `no whole answer from ${name} by HTTP/2: ${why}`, {
    details: { reason: "closed", endpoint: name },
  });
}

function frame(
  type: number,
  options: { readonly flags?: number; readonly stream?: number; readonly body?: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const { flags = 0, stream = 0, body = new Uint8Array() } = options;
  const bytes = new Uint8Array(HEAD_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length << 8 | type);
  view.setUint8(4, flags);
  view.setUint32(5, stream);
  bytes.set(body, HEAD_BYTES);
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** Streams may send us as much as they like; our header table has no room, so none is kept. */
function settings(): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 1);
  view.setUint32(2, 0);
  view.setUint16(6, 4);
  view.setUint32(8, MAX_WINDOW);
  return bytes;
}

/** A header that no table remembers (RFC 7541, 6.2.2): name by number or as text. */
function header(name: number | string, value: string): readonly number[] {
  const text = encoder.encode(value);
  const length = text.length < 127 ? [text.length] : [127, ...varint(text.length - 127)];
  if (typeof name === "string") {
    const letters = encoder.encode(name);
    return [0, letters.length, ...letters, ...length, ...text];
  }
  return [...(name < 15 ? [name] : [15, name - 15]), ...length, ...text];
}

function varint(value: number): readonly number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))];
}

/** Numbers of RFC 7541's static table. */
const HEADER = { authority: 1, path: 4, contentType: 31 } as const;
const METHOD_POST = 0x83;
const SCHEME = { http: 0x86, https: 0x87 } as const;

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** One answer that is being received. */
class Receiver {
  readonly promise: Promise<Uint8Array>;
  readonly #resolve: (message: Uint8Array) => void;
  readonly #reject: (error: unknown) => void;
  /** gRPC's five bytes before the message: compressed or not, and its length. */
  readonly #head = new Uint8Array(5);
  #headed = 0;
  #message: Uint8Array | undefined;
  #filled = 0;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** False where it cannot be the answer to a call. */
  take(bytes: Uint8Array): boolean {
    const head = bytes.subarray(0, 5 - this.#headed);
    this.#head.set(head, this.#headed);
    this.#headed += head.length;
    if (this.#headed < 5) return true;
    if (this.#message === undefined) {
      const length = new DataView(this.#head.buffer).getUint32(1);
      if (this.#head[0] !== 0 || length > MAX_MESSAGE_BYTES) return false;
      this.#message = new Uint8Array(length);
    }
    const rest = bytes.subarray(head.length);
    if (this.#filled + rest.length > this.#message.length) return false;
    this.#message.set(rest, this.#filled);
    this.#filled += rest.length;
    return true;
  }

  end(name: string): void {
    if (this.#message !== undefined && this.#filled === this.#message.length) {
      this.#resolve(this.#message);
    } else this.#reject(failed(name, "etcd refused the call"));
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}

/** A connection over which calls are made, also several at a time. */
export class H2Connection implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #name: string;
  readonly #scheme: "http" | "https";
  readonly #receivers = new Map<number, Receiver>();
  readonly #running: Promise<void>;
  #next = 1;
  #received = 0;
  #closed = false;
  #sending: Promise<unknown> = Promise.resolve();

  /** `name` is `host:port`, for the request's authority and for messages. */
  constructor(
    conn: Deno.Conn,
    options: { readonly name: string; readonly scheme: "http" | "https" },
  ) {
    this.#conn = conn;
    this.#name = options.name;
    this.#scheme = options.scheme;
    this.#send(join([
      encoder.encode(PREFACE),
      frame(FRAME.settings, { body: settings() }),
      frame(FRAME.windowUpdate, { body: uint32(MAX_WINDOW - DEFAULT_WINDOW) }),
    ]));
    this.#running = this.#run();
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /**
   * Calls a method, e.g. `/etcdserverpb.KV/Range`, and gives the bytes of its answer.
   *
   * @throws {FabricError} `unknown-outcome` where no whole answer came.
   */
  async call(
    path: string,
    message: Uint8Array,
    { token, signal }: { readonly token: string; readonly signal: AbortSignal },
  ): Promise<Uint8Array> {
    if (this.#closed) throw failed(this.#name, "the connection is closed");
    const stream = this.#next;
    this.#next += 2;
    const receiver = new Receiver();
    this.#receivers.set(stream, receiver);
    const head = Uint8Array.from([
      METHOD_POST,
      SCHEME[this.#scheme],
      ...header(HEADER.path, path),
      ...header(HEADER.authority, this.#name),
      ...header(HEADER.contentType, "application/grpc"),
      ...header("te", "trailers"),
      ...(token === "" ? [] : header("token", token)),
    ]);
    const body = join([new Uint8Array(1), uint32(message.length), message]);
    this.#send(join([
      frame(FRAME.headers, { flags: END_HEADERS, stream, body: head }),
      frame(FRAME.data, { flags: END_STREAM, stream, body }),
    ]));
    const cancel = () => {
      this.#receivers.delete(stream);
      this.#send(frame(FRAME.reset, { stream, body: uint32(8) }));
      receiver.fail(failed(this.#name, "it was given up"));
    };
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await receiver.promise;
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  close(): void {
    this.#fail("the connection is closed");
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Settles when nothing is received any more. */
  async ended(): Promise<void> {
    await this.#running;
  }

  #fail(why: string): void {
    if (!this.#closed) {
      this.#closed = true;
      try {
        this.#conn.close();
      } catch {
        // It is closed already.
      }
    }
    for (const receiver of this.#receivers.values()) receiver.fail(failed(this.#name, why));
    this.#receivers.clear();
  }

  /** Frames leave whole and in order. */
  #send(bytes: Uint8Array): void {
    this.#sending = this.#sending.then(async () => {
      try {
        for (let rest = bytes; rest.length > 0;) {
          rest = rest.subarray(await this.#conn.write(rest));
        }
      } catch (error) {
        this.#fail(error instanceof Error ? error.message : String(error));
      }
    });
  }

  async #run(): Promise<void> {
    let buffer = new Uint8Array(256 * 1024);
    let start = 0;
    let end = 0;
    try {
      while (!this.#closed) {
        const count = await this.#conn.read(buffer.subarray(end));
        if (count === null) return this.#fail("etcd closed the connection");
        end += count;
        start += this.#takeFrames(buffer.subarray(start, end));
        buffer = withRoom(buffer, { start, end });
        end -= start;
        start = 0;
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Handles the whole frames at the beginning; how many bytes they were. */
  #takeFrames(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const length = view.getUint32(at) >>> 8;
      const next = at + HEAD_BYTES + length;
      if (next > bytes.length) break;
      this.#takeFrame({
        type: view.getUint8(at + 3),
        flags: view.getUint8(at + 4),
        stream: view.getUint32(at + 5) & MAX_WINDOW,
        body: bytes.subarray(at + HEAD_BYTES, next),
      });
      at = next;
    }
    return at;
  }

  #takeFrame(
    { type, flags, stream, body }: {
      readonly type: number;
      readonly flags: number;
      readonly stream: number;
      readonly body: Uint8Array;
    },
  ): void {
    const receiver = this.#receivers.get(stream);
    if (type === FRAME.data) {
      this.#credit(body.length);
      const padding = (flags & PADDED) === 0 ? undefined : body[0];
      const data = padding === undefined ? body : body.subarray(1, body.length - padding);
      if (receiver?.take(data) === false) this.#end(stream, "its answer is malformed");
    }
    if (type === FRAME.data || type === FRAME.headers) {
      if ((flags & END_STREAM) === 0) return;
      this.#receivers.delete(stream);
      receiver?.end(this.#name);
    } else if (type === FRAME.reset) this.#end(stream, "etcd ended the call");
    else if (type === FRAME.settings && (flags & ACK) === 0) {
      this.#send(frame(FRAME.settings, { flags: ACK }));
    } else if (type === FRAME.ping && (flags & ACK) === 0) {
      this.#send(frame(FRAME.ping, { flags: ACK, body: body.slice() }));
    } else if (type === FRAME.goAway) this.#fail("etcd ends the connection");
  }

  #end(stream: number, why: string): void {
    this.#receivers.get(stream)?.fail(failed(this.#name, why));
    this.#receivers.delete(stream);
  }

  #credit(bytes: number): void {
    this.#received += bytes;
    if (this.#received < WINDOW_STEP) return;
    this.#send(frame(FRAME.windowUpdate, { body: uint32(this.#received) }));
    this.#received = 0;
  }
}

/** What is left of the buffer, moved to the front of one that has room for more. */
function withRoom(
  buffer: Uint8Array<ArrayBuffer>,
  { start, end }: { readonly start: number; readonly end: number },
): Uint8Array<ArrayBuffer> {
  if (end - start <= buffer.length / 2) {
    buffer.copyWithin(0, start, end);
    return buffer;
  }
  const larger = new Uint8Array(buffer.length * 2);
  larger.set(buffer.subarray(start, end));
  return larger;
}
