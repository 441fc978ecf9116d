/**
 * Brings a network's free index to its spec: keys for addresses that the network does not hand out
 * (any more) go, and intervals that reach over the edge are cut.
 *
 * @module
 */

import { readPages } from "../etcd/pages.ts";
import {
  type Compare,
  type KeyValue,
  type Operation,
  type Store,
  underPrefix,
} from "../etcd/store.ts";
import { intersectRanges, mergeRanges, type Range } from "../ip/range.ts";
import type { NetworkSpec } from "../model/network.ts";
import { parseFreeEntry, putInterval, runInParts } from "./free.ts";
import { freePrefix } from "./keys.ts";
import { allocatable } from "./pool.ts";

export interface CleanRequest {
  readonly network: string;
  /** Undefined: the network does not exist, nothing of its index stays. */
  readonly spec: NetworkSpec | undefined;
  /** Holds while the caller may write. */
  readonly held: Compare;
  /** For the keys of what is left of an interval: unique to this call. */
  readonly tag: string;
}

/** Keys per page, and operations per transaction: each may hold a few more inside. */
const PAGE = 500;
const BATCH = 48;
/** Pieces of an interval that are written together with its end. */
const MAX_PIECES = 24;
/** How often keys that an ADD changed meanwhile are looked at again. */
const MAX_PASSES = 4;

/** @returns false as soon as `held` did not hold: the rest was not done. */
export async function cleanIndex(store: Store, request: CleanRequest): Promise<boolean> {
  let serial = 0;
  const nextTag = (): string => `${request.tag}-${(serial++).toString(36)}`;
  for (const family of [4, 6] as const) {
    const prefix = underPrefix(freePrefix(request.network, family));
    const free = request.spec === undefined ? [] : mergeRanges(allocatable(request.spec, family));
    if (free.length === 0) {
      const gone = await store.txn({ compare: [request.held], success: [{ delete: prefix }] });
      if (!gone.succeeded) return false;
      continue;
    }
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const outcome = await cleanPass(store, { ...request, prefix, free, nextTag });
      if (outcome === "lost") return false;
      if (outcome === "clean") break;
    }
  }
  return true;
}

interface PassRequest extends CleanRequest {
  readonly prefix: { readonly key: string; readonly end: string };
  readonly free: readonly Range[];
  readonly nextTag: () => string;
}

/** `changed`: an ADD or DEL was faster with a key, which is to be looked at again. */
async function cleanPass(
  store: Store,
  request: PassRequest,
): Promise<"clean" | "changed" | "lost"> {
  let changed = false;
  for await (const page of readPages(store, request.prefix, { size: PAGE })) {
    const operations: Operation[] = [];
    for (const kv of page) {
      const pieces = piecesOf(kv, request.free);
      if (pieces === undefined) continue;
      const puts = pieces.map((piece) => putInterval(request.network, piece, request.nextTag()));
      if (puts.length > MAX_PIECES && !await runInParts(store, puts, [request.held])) return "lost";
      operations.push({
        txn: {
          compare: [{ key: kv.key, target: "mod", op: "=", revision: kv.modRevision }],
          success: [{ delete: { key: kv.key } }, ...(puts.length > MAX_PIECES ? [] : puts)],
        },
      });
    }
    for (let i = 0; i < operations.length; i += BATCH) {
      const success = operations.slice(i, i + BATCH);
      const response = await store.txn({ compare: [request.held], success });
      if (!response.succeeded) return "lost";
      if (response.results.some((r) => r.kind === "txn" && !r.response.succeeded)) changed = true;
    }
  }
  return changed ? "changed" : "clean";
}

/** What stays of the entry; undefined where all of it does. */
function piecesOf(kv: KeyValue, free: readonly Range[]): readonly Range[] | undefined {
  const entry = parseFreeEntry(kv);
  if (entry === undefined) return [];
  const { family } = entry.next;
  const whole: Range = { family, first: entry.next.value, last: entry.end.value };
  const inside = free.find((range) => range.first <= whole.first && whole.last <= range.last);
  return inside === undefined ? intersectRanges([whole], free) : undefined;
}
