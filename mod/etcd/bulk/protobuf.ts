/**
 * The four messages of etcd's rpc.proto that bulk reading needs, in protobuf's wire format:
 * RangeRequest and AuthenticateRequest are written, RangeResponse and AuthenticateResponse read.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import type { KeyValue, RangeResponse } from "../store.ts";
import type { WireRangeRequest } from "../wire.ts";

/** Numbers of a field's encoding: a number in base 128, or bytes with their length before them. */
const VARINT = 0;
const BYTES = 2;

class Writer {
  readonly #bytes: number[] = [];

  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.#varint(field * 8 + BYTES);
    this.#varint(value.length);
    for (const byte of value) this.#bytes.push(byte);
  }

  number(field: number, value: number | undefined): void {
    if (value === undefined || value === 0) return;
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
  }

  /** Not negative. */
  #varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes.push(rest % 128 + 128);
    this.#bytes.push(rest);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }
}

/** `etcdserverpb.RangeRequest`. */
export function encodeRangeRequest(
  request: WireRangeRequest<Uint8Array>,
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.bytes(1, request.key);
  if (request.range_end !== undefined) writer.bytes(2, request.range_end);
  writer.number(3, request.limit);
  writer.number(4, request.revision);
  writer.number(5, request.sort_order);
  writer.number(6, request.sort_target);
  writer.number(7, Number(request.serializable ?? false));
  writer.number(8, Number(request.keys_only ?? false));
  writer.number(9, Number(request.count_only ?? false));
  writer.number(10, request.min_mod_revision);
  writer.number(11, request.max_mod_revision);
  return writer.finish();
}

/** `etcdserverpb.AuthenticateRequest`. */
export function encodeAuthenticateRequest(
  { name, password }: { readonly name: string; readonly password: string },
): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  const text = new TextEncoder();
  writer.bytes(1, text.encode(name));
  writer.bytes(2, text.encode(password));
  return writer.finish();
}

function malformed(): FabricError {
  return new FabricError("unknown-outcome", "etcd answered with a malformed message", {
    details: { reason: "protocol" },
  });
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  at: number;

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  get done(): boolean {
    return this.at >= this.#end;
  }

  /** A number up to 2^53; larger ones lose digits, see {@linkcode id}. */
  number(): number {
    let value = 0;
    for (let scale = 1;; scale *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined || scale > 2 ** 63) throw malformed();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** 64 bits as decimal text; signed, as lease ids are, or not. */
  id(signed: boolean): string {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined || shift > 63n) throw malformed();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) break;
    }
    return String(signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value));
  }

  /** Begin and end of a field of bytes, which is passed over. */
  bytes(): readonly [begin: number, end: number] {
    const length = this.number();
    const begin = this.at;
    this.at = begin + length;
    if (this.at > this.#end) throw malformed();
    return [begin, this.at];
  }

  skip(tag: number): void {
    if (tag % 8 === VARINT) this.number();
    else if (tag % 8 === BYTES) this.bytes();
    else throw malformed();
  }

  inside([begin, end]: readonly [begin: number, end: number]): Reader {
    return new Reader(this.#bytes, begin, end);
  }
}

/** Text of the message's bytes. */
export type DecodeText = (bytes: Uint8Array) => string;

/** `etcdserverpb.RangeResponse`; keys, which all begin with the prefix, lose it. */
export function decodeRangeResponse(
  message: Uint8Array,
  { prefix, decode }: { readonly prefix: string; readonly decode: DecodeText },
): RangeResponse {
  const reader = new Reader(message, 0, message.length);
  const kvs: KeyValue[] = [];
  let header = { clusterId: "0", revision: 0 };
  let more = false;
  let count = 0;
  const text = ([begin, end]: readonly [number, number]): string =>
    decode(message.subarray(begin, end));
  while (!reader.done) {
    const tag = reader.number();
    if (tag === 2 * 8 + BYTES) {
      kvs.push(decodeKeyValue(reader.inside(reader.bytes()), { text, cut: prefix.length }));
    } else if (tag === 1 * 8 + BYTES) header = decodeHeader(reader.inside(reader.bytes()));
    else if (tag === 3 * 8 + VARINT) more = reader.number() !== 0;
    else if (tag === 4 * 8 + VARINT) count = reader.number();
    else reader.skip(tag);
  }
  return { header, kvs, count, more };
}

function decodeHeader(reader: Reader): RangeResponse["header"] {
  let clusterId = "0";
  let revision = 0;
  while (!reader.done) {
    const tag = reader.number();
    if (tag === 1 * 8 + VARINT) clusterId = reader.id(false);
    else if (tag === 3 * 8 + VARINT) revision = reader.number();
    else reader.skip(tag);
  }
  return { clusterId, revision };
}

function decodeKeyValue(
  reader: Reader,
  { text, cut }: {
    readonly text: (bytes: readonly [number, number]) => string;
    readonly cut: number;
  },
): KeyValue {
  let key = "";
  let value = "";
  let createRevision = 0;
  let modRevision = 0;
  let version = 0;
  let lease: string | undefined;
  while (!reader.done) {
    const tag = reader.number();
    if (tag === 1 * 8 + BYTES) key = text(reader.bytes()).slice(cut);
    else if (tag === 5 * 8 + BYTES) value = text(reader.bytes());
    else if (tag === 2 * 8 + VARINT) createRevision = reader.number();
    else if (tag === 3 * 8 + VARINT) modRevision = reader.number();
    else if (tag === 4 * 8 + VARINT) version = reader.number();
    else if (tag === 6 * 8 + VARINT) lease = reader.id(true);
    else reader.skip(tag);
  }
  return { key, value, createRevision, modRevision, version, lease };
}

/** The token of an `etcdserverpb.AuthenticateResponse`. */
export function decodeAuthenticateResponse(message: Uint8Array, decode: DecodeText): string {
  const reader = new Reader(message, 0, message.length);
  let token = "";
  while (!reader.done) {
    const tag = reader.number();
    if (tag === 2 * 8 + BYTES) token = decode(message.subarray(...reader.bytes()));
    else reader.skip(tag);
  }
  return token;
}
