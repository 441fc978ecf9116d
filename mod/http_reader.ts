/**
 * The receiving half of an HTTP/1.1 client (RFC 9112): heads, and bodies by content-length, chunks
 * or the end of the connection, out of one growing buffer.
 *
 * @module
 */

/** The status line and the headers. */
export interface HttpAnswerHead {
  readonly status: number;
  /** Names in lower case; of repeated ones the values joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
}

/** How long a body is: bytes, or how its end is told. */
export type Framing = number | "chunked" | "until-close";

/** What came is not HTTP as we understand it. */
export class HttpSyntaxError extends Error {
  override readonly name = "HttpSyntaxError";
}

/** The connection ended in the middle of an answer. */
export class HttpClosedError extends Error {
  override readonly name = "HttpClosedError";
}

/** A head, or the trailer of a chunked body, may have at most this many bytes. */
const MAX_HEAD_BYTES = 64 * 1024;

const LATIN1 = new TextDecoder("latin1");

/** Reads answers from a connection, one after the other. */
export class HttpReader {
  readonly #source: { read(buffer: Uint8Array): Promise<number | null> };
  #buffer = new Uint8Array(16 * 1024);
  #start = 0;
  #end = 0;
  #ahead: Promise<number | null> | undefined;

  constructor(source: { read(buffer: Uint8Array): Promise<number | null> }) {
    this.#source = source;
  }

  /** True when no byte is left of what was received. */
  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /**
   * Begins the read of the next answer before it is asked for. The promise settles when something
   * came: between two requests that can only be the end of the connection.
   */
  readAhead(): Promise<unknown> {
    this.#start = this.#end = 0;
    this.#ahead = this.#source.read(this.#buffer);
    return this.#ahead;
  }

  async readHead(): Promise<HttpAnswerHead> {
    while (true) {
      const [line = "", ...fields] = (await this.#readBlock()).split("\n");
      const match = /^HTTP\/1\.[01] (\d{3})(?: |\r?$)/.exec(line);
      if (match === null) throw new HttpSyntaxError(`status line ${JSON.stringify(line)}`);
      const status = Number(match[1]);
      const headers = parseFields(fields);
      // 1xx only announce the answer; nobody here asks for 101.
      if (status >= 200) return { status, headers };
    }
  }

  /** The body's bytes as views of the buffer, each valid until the next is asked for. */
  async *readBody(framing: Framing): AsyncGenerator<Uint8Array> {
    if (framing === "until-close") {
      while (!this.isEmpty || await this.#fill()) yield this.#takeUpTo(Infinity);
    } else if (framing === "chunked") {
      yield* this.#readChunks();
    } else {
      yield* this.#readBytes(framing);
    }
  }

  async *#readChunks(): AsyncGenerator<Uint8Array> {
    while (true) {
      const line = await this.#readLine(1024);
      const match = /^([0-9a-fA-F]{1,8})\s*(?:;|$)/.exec(line);
      if (match?.[1] === undefined) throw new HttpSyntaxError("a malformed chunk size");
      const size = Number.parseInt(match[1], 16);
      if (size === 0) break;
      yield* this.#readBytes(size);
      if (await this.#readLine(2) !== "") throw new HttpSyntaxError("a chunk beyond its size");
    }
    await this.#skipTrailer();
  }

  async *#readBytes(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      if (this.isEmpty && !await this.#fill()) {
        throw new HttpClosedError(`it ended ${left} bytes early`);
      }
      const piece = this.#takeUpTo(left);
      left -= piece.length;
      yield piece;
    }
  }

  #takeUpTo(size: number): Uint8Array {
    const piece = this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + size));
    this.#start += piece.length;
    return piece;
  }

  /** The lines up to an empty one, without it. */
  async #readBlock(): Promise<string> {
    for (let seen = 0;;) {
      const bytes = this.#buffer.subarray(this.#start, this.#end);
      for (let at = bytes.indexOf(10, seen); at >= 0; at = bytes.indexOf(10, at + 1)) {
        const end = bytes[at + 1] === 13 ? at + 2 : at + 1;
        if (at > MAX_HEAD_BYTES) break;
        if (bytes[end] !== 10) continue;
        this.#start += end + 1;
        return LATIN1.decode(bytes.subarray(0, at));
      }
      if (bytes.length > MAX_HEAD_BYTES) {
        throw new HttpSyntaxError(`a head over ${MAX_HEAD_BYTES} bytes`);
      }
      seen = Math.max(0, bytes.length - 3);
      if (!await this.#fill()) throw new HttpClosedError("it ended without an answer");
    }
  }

  /** The fields after the last chunk, which nobody asks for. */
  async #skipTrailer(): Promise<void> {
    for (let size = 0; size <= MAX_HEAD_BYTES;) {
      const line = await this.#readLine(MAX_HEAD_BYTES);
      if (line === "") return;
      size += line.length;
    }
    throw new HttpSyntaxError(`a trailer over ${MAX_HEAD_BYTES} bytes`);
  }

  /** One line without its CRLF. */
  async #readLine(limit: number): Promise<string> {
    for (let seen = 0;;) {
      const bytes = this.#buffer.subarray(this.#start, this.#end);
      const index = bytes.indexOf(10, seen);
      if (index >= 0) {
        this.#start += index + 1;
        return LATIN1.decode(bytes.subarray(0, bytes[index - 1] === 13 ? index - 1 : index));
      }
      seen = bytes.length;
      if (seen > limit) throw new HttpSyntaxError(`a line of more than ${limit} bytes`);
      if (!await this.#fill()) throw new HttpClosedError("it ended without an answer");
    }
  }

  /** Receives more; false at the end of the connection. */
  async #fill(): Promise<boolean> {
    if (this.#ahead !== undefined) {
      const ahead = this.#ahead;
      this.#ahead = undefined;
      const count = await ahead;
      this.#end = count ?? 0;
      return count !== null;
    }
    if (this.isEmpty) this.#start = this.#end = 0;
    if (this.#end === this.#buffer.length) this.#makeRoom();
    const count = await this.#source.read(this.#buffer.subarray(this.#end));
    this.#end += count ?? 0;
    return count !== null;
  }

  #makeRoom(): void {
    const kept = this.#buffer.subarray(this.#start, this.#end);
    const tight = kept.length > this.#buffer.length / 2;
    const room = new Uint8Array(this.#buffer.length * (tight ? 2 : 1));
    room.set(kept);
    this.#buffer = room;
    this.#start = 0;
    this.#end = kept.length;
  }
}

/** How the body of an answer ends (RFC 9112, section 6.3). */
export function framingOf(method: string, head: HttpAnswerHead): Framing {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return 0;
  const coding = head.headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (coding.toLowerCase() === "chunked") return "chunked";
    throw new HttpSyntaxError(`transfer coding ${JSON.stringify(coding)}`);
  }
  const length = head.headers.get("content-length");
  if (length === undefined) return "until-close";
  if (!/^\d{1,15}$/.test(length)) throw new HttpSyntaxError("a malformed content-length");
  return Number(length);
}

function parseFields(lines: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new HttpSyntaxError("a header without a name");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}
