/**
 * Reading millions of keys without hurting those who work beside. etcd counts every key that a
 * range covers, whatever its limit, and holds up writers meanwhile: 65,000 keys cost 10 ms. So a
 * long range is walked in windows that hold about a page each. Where they lie is guessed: from
 * hints, else from how densely the keys lay so far. A wrong guess costs time, nothing else.
 *
 * @module
 */

import type { RangeReader } from "../../etcd/bulk/bulk.ts";
import { isCompacted } from "../../etcd/pages.ts";
import type { KeyRange, KeyValue, RangeResponse } from "../../etcd/store.ts";

/** One look at the store: everything is read as it was at one revision, as long as etcd has that. */
export interface Snapshot {
  readonly reader: RangeReader;
  /** Undefined once etcd has compacted it away: what is read then is newer. */
  revision: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WindowOptions {
  /** Keys at which windows may end, ascending; about a page of keys between two of them. */
  readonly hints?: readonly string[];
  readonly keysOnly?: boolean;
  /** Keys per page; default 1,000. */
  readonly pageSize?: number;
}

/** What one range reads, as it was at the snapshot's revision. */
export async function readRange(
  snapshot: Snapshot,
  request: KeyRange & { readonly limit?: number; readonly keysOnly?: boolean },
): Promise<RangeResponse> {
  const { reader, revision, signal } = snapshot;
  const call = signal === undefined ? {} : { signal };
  if (revision === undefined) return await reader.range(request, call);
  try {
    return await reader.range({ ...request, revision }, call);
  } catch (error) {
    if (!isCompacted(error)) throw error;
    snapshot.revision = undefined;
    return await reader.range(request, call);
  }
}

/** A distance between keys: this many at the place `at` of the key, counted in base 128. */
interface Stride {
  readonly at: number;
  readonly width: number;
}

const BASE = 128;
/** Places of a key that are calculated with: 42 bits. */
const PLACES = 6;
const LIMIT = BASE ** PLACES;

function digits(key: string, at: number): number {
  let value = 0;
  for (let i = at; i < at + PLACES; i++) {
    const code = i < key.length ? key.charCodeAt(i) : 0;
    value = value * BASE + (code < BASE ? code : BASE - 1);
  }
  return value;
}

function fromDigits(value: number): string {
  let text = "";
  let rest = value;
  for (let i = 0; i < PLACES; i++) {
    text = String.fromCharCode(rest % BASE) + text;
    rest = Math.floor(rest / BASE);
  }
  return text;
}

/** The stride that would have held `wanted` keys where `count` lay from `first` to `last`. */
function strideOf(
  first: string,
  last: string,
  { count, wanted }: { readonly count: number; readonly wanted: number },
): Stride | undefined {
  let at = 0;
  while (at < first.length && first[at] === last[at]) at++;
  const distance = digits(last, at) - digits(first, at);
  if (distance <= 0 || count < 2) return undefined;
  return { at, width: Math.max(1, Math.floor(distance / (count - 1) * wanted)) };
}

/** The key that lies a stride behind; undefined where that is behind everything. */
function advance(key: string, { at, width }: Stride): string | undefined {
  let place = at;
  let step = width;
  while (true) {
    const value = digits(key, place) + step;
    if (value < LIMIT) return key.slice(0, place) + fromDigits(value);
    if (place === 0) return undefined;
    place--;
    step = Math.ceil(step / BASE);
  }
}

/** Where the walk is. */
interface Walk {
  readonly key: string;
  /** End of the window that is read. */
  readonly end: string;
  /** End of what the next hint bounds. */
  readonly outer: string;
  readonly stride: Stride | undefined;
  /** Index of the next hint, and how many are passed over at a time. */
  readonly hint: number;
  readonly span: number;
}

/** The keys of the range in their order, a page at a time. */
export async function* scanWindows(
  snapshot: Snapshot,
  range: Required<KeyRange>,
  options: WindowOptions = {},
): AsyncGenerator<readonly KeyValue[]> {
  const { hints = [], keysOnly = false, pageSize = 1000 } = options;
  const bounds = { range, hints, pageSize };
  const ask = (walk: Walk): Promise<RangeResponse> => {
    const { key, end } = walk;
    const answer = readRange(snapshot, { key, end, limit: pageSize, keysOnly });
    // It is awaited later, or never where the caller leaves.
    answer.catch(() => {});
    return answer;
  };
  let walk: Walk | undefined = firstWalk(bounds);
  let pending: Promise<RangeResponse> | undefined = walk === undefined ? undefined : ask(walk);
  while (walk !== undefined && pending !== undefined) {
    const response: RangeResponse = await pending;
    walk = nextWalk(walk, response, bounds);
    // The next page comes while this one is looked at.
    pending = walk === undefined ? undefined : ask(walk);
    if (response.kvs.length > 0) yield response.kvs;
  }
}

interface Bounds {
  readonly range: Required<KeyRange>;
  readonly hints: readonly string[];
  readonly pageSize: number;
}

function firstWalk({ range, hints }: Bounds): Walk | undefined {
  if (range.key >= range.end) return undefined;
  const hint = hints.findIndex((text) => text > range.key);
  const end = hint < 0 ? range.end : hints[hint] ?? range.end;
  const outer = end < range.end ? end : range.end;
  const next = hint < 0 ? hints.length : hint + 1;
  return { key: range.key, end: outer, outer, stride: undefined, hint: next, span: 1 };
}

function nextWalk(walk: Walk, response: RangeResponse, bounds: Bounds): Walk | undefined {
  const { pageSize } = bounds;
  const { kvs, count, more } = response;
  const [first, last] = [kvs[0], kvs.at(-1)];
  if (more && first !== undefined && last !== undefined) {
    const key = `${last.key}\0`;
    const stride = strideOf(first.key, last.key, { count: kvs.length, wanted: pageSize });
    // A few pages left: what they cost once more is little.
    if (count <= 4 * pageSize || stride === undefined) return { ...walk, key };
    return { ...walk, key, stride, end: inner(key, stride, walk.outer) };
  }
  const key = walk.end;
  if (key < walk.outer && walk.stride !== undefined) {
    const { at, width } = walk.stride;
    const factor = kvs.length < pageSize / 8 ? 16 : kvs.length < pageSize / 2 ? 2 : 1;
    const stride = { at, width: width * factor };
    return { ...walk, key, stride, end: inner(key, stride, walk.outer) };
  }
  return nextHint({ ...walk, key: walk.outer }, kvs.length, bounds);
}

function inner(key: string, stride: Stride, outer: string): string {
  const end = advance(key, stride);
  return end === undefined || end >= outer || end <= key ? outer : end;
}

function nextHint(walk: Walk, seen: number, { range, hints, pageSize }: Bounds): Walk | undefined {
  const { key } = walk;
  if (key >= range.end) return undefined;
  const span = seen < pageSize / 4
    ? Math.min(64, walk.span * 2)
    : seen >= pageSize
    ? Math.max(1, Math.floor(walk.span / 2))
    : walk.span;
  let hint = walk.hint + span - 1;
  while (hint < hints.length && (hints[hint] ?? "") <= key) hint++;
  const end = hints[hint] ?? range.end;
  const outer = end < range.end ? end : range.end;
  return { key, end: outer, outer, stride: undefined, hint: hint + 1, span };
}
