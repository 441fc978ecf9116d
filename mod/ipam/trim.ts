/**
 * Retention of the history: ended records that a network's `spec.history` does not keep go, by age
 * and by count, and only once they are in an export. Records of networks that are gone, or that
 * have no rule, go only by a rule that the caller gives.
 *
 * Killed at any point it leaves nothing half-done: a record and its entry in `history-by-owner/`
 * go in one transaction, and the next run does the rest.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { readPages } from "../etcd/pages.ts";
import { type KeyValue, type Store, underPrefix } from "../etcd/store.ts";
import { BinaryHeap } from "../std/binary_heap.js";
import type { Retention } from "../model/network.ts";
import { type HistoryRecord, HistoryRecordSchema, type NetworkRef } from "../model/records.ts";
import type { IpamContext } from "./context.ts";
import { readExported } from "./exported.ts";
import { historyIdentity } from "./history_identity.ts";
import { scanHistory } from "./history_scan.ts";
import { historyByOwnerKey, PREFIXES } from "./keys.ts";
import { decodeRecord, decodeResource } from "./stored.ts";

export interface TrimOptions {
  /** For networks without a rule of their own, and those that exist no more. Default: keep all. */
  readonly otherwise?: Retention;
  /** Count, delete nothing. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
  /** Told after each window. */
  readonly onProgress?: (progress: { readonly read: number; readonly trimmed: number }) => void;
  /** Keys of one window; smaller in tests. */
  readonly windowSize?: number;
}

/** What happened to the records of one network. */
export interface TrimCount {
  readonly network: NetworkRef;
  /** False where no network of this name and uid exists any more. */
  readonly exists: boolean;
  /** Ended records that were there. */
  readonly ended: number;
  /** Those that went (with `dryRun`: that would go). */
  readonly trimmed: number;
  /** Those that its rule does not keep, but no export holds. */
  readonly notExported: number;
}

export interface TrimReport {
  /** Everything through this revision is exported; 0: nothing ever was. */
  readonly exported: number;
  readonly networks: readonly TrimCount[];
  /** Records that nobody can read: left alone. */
  readonly unreadable: number;
}

/** Records of one transaction: a compare and two operations each. */
const BATCH = 60;
const DAY_MS = 86_400_000;

/** A network's rule, with its count turned into a revision. */
interface Rule {
  /** Ended before this time (ms): too old. */
  readonly oldest: number;
  /** Ended at this revision or before: too many. */
  readonly cutoff: number;
}

interface Tally {
  readonly network: NetworkRef;
  readonly exists: boolean;
  ended: number;
  trimmed: number;
  notExported: number;
}

/** Deletes what retention does not keep. Runs beside ADDs and DELs without disturbing them. */
export async function trimHistory(
  context: IpamContext,
  options: TrimOptions = {},
): Promise<TrimReport> {
  const { revision: exported, header } = await readExported(context.store);
  const run: Run = { context, options, exported, through: header.revision };
  const retentions = await readRetentions(context.store);
  const cutoffs = await findCutoffs(run, retentions);
  const tallies = new Map<string, Tally>();
  let unreadable = 0;
  let read = 0;
  let trimmed = 0;
  for await (const kvs of scan(run)) {
    const doomed: Doomed[] = [];
    for (const kv of kvs) {
      const record = readRecord(kv);
      if (record === undefined) unreadable++;
      if (record?.end === undefined) continue;
      const { uid } = record.network;
      const tally = tallies.get(uid) ?? newTally(record.network, retentions.has(uid));
      tallies.set(uid, tally);
      tally.ended++;
      const rule = ruleOf(uid, { run, retentions, cutoffs });
      if (!(Date.parse(record.end) < rule.oldest || kv.modRevision <= rule.cutoff)) continue;
      if (kv.modRevision > exported) tally.notExported++;
      else doomed.push({ kv, record, tally });
    }
    for (let i = 0; i < doomed.length; i += BATCH) {
      trimmed += await trimBatch(run, doomed.slice(i, i + BATCH));
    }
    read += kvs.length;
    options.onProgress?.({ read, trimmed });
  }
  return { exported, networks: [...tallies.values()], unreadable };
}

interface Run {
  readonly context: IpamContext;
  readonly options: TrimOptions;
  readonly exported: number;
  readonly through: number;
}

interface Doomed {
  readonly kv: KeyValue;
  readonly record: HistoryRecord;
  readonly tally: Tally;
}

function scan(run: Run): AsyncGenerator<readonly KeyValue[]> {
  const { windowSize, signal } = run.options;
  return scanHistory(run.context.store, {
    through: run.through,
    ...(windowSize === undefined ? {} : { windowSize }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function newTally(network: NetworkRef, exists: boolean): Tally {
  return { network, exists, ended: 0, trimmed: 0, notExported: 0 };
}

function readRecord(kv: KeyValue): HistoryRecord | undefined {
  try {
    return decodeRecord(HistoryRecordSchema, kv);
  } catch {
    return undefined;
  }
}

/** `spec.history` by the network's uid; a network without it counts as one without a rule. */
async function readRetentions(store: Store): Promise<ReadonlyMap<string, Retention | undefined>> {
  const retentions = new Map<string, Retention | undefined>();
  for await (const kvs of readPages(store, underPrefix(PREFIXES.networks))) {
    for (const kv of kvs) {
      const { metadata, spec } = decodeResource(kv, "Network");
      if (metadata.uid !== undefined) retentions.set(metadata.uid, spec.history);
    }
  }
  return retentions;
}

function retentionOf(
  uid: string,
  { options }: Run,
  retentions: ReadonlyMap<string, Retention | undefined>,
): Retention | undefined {
  return retentions.get(uid) ?? options.otherwise;
}

function ruleOf(
  uid: string,
  { run, retentions, cutoffs }: {
    readonly run: Run;
    readonly retentions: ReadonlyMap<string, Retention | undefined>;
    readonly cutoffs: ReadonlyMap<string, number>;
  },
): Rule {
  const days = retentionOf(uid, run, retentions)?.maxAgeDays;
  return {
    oldest: days === undefined ? -Infinity : run.context.now() - days * DAY_MS,
    cutoff: cutoffs.get(uid) ?? 0,
  };
}

/**
 * By uid, the revision of the newest record that is one too many. Needs a look at all records
 * where a rule counts them, and 8 bytes for each that is kept.
 */
async function findCutoffs(
  run: Run,
  retentions: ReadonlyMap<string, Retention | undefined>,
): Promise<ReadonlyMap<string, number>> {
  const counts = [...retentions.values(), run.options.otherwise];
  if (counts.every((retention) => retention?.maxRecords === undefined)) return new Map();
  const newest = new Map<string, BinaryHeap<number>>();
  for await (const kvs of scan(run)) {
    for (const kv of kvs) {
      const record = readRecord(kv);
      if (record?.end === undefined) continue;
      const { uid } = record.network;
      const max = retentionOf(uid, run, retentions)?.maxRecords;
      if (max === undefined) continue;
      const heap = newest.get(uid) ?? new BinaryHeap<number>((a, b) => a - b);
      newest.set(uid, heap);
      heap.push(kv.modRevision);
      if (heap.length > max + 1) heap.pop();
    }
  }
  const cutoffs = new Map<string, number>();
  for (const [uid, heap] of newest) {
    const max = retentionOf(uid, run, retentions)?.maxRecords ?? 0;
    // Both families of one attachment end at one revision, and go together.
    if (heap.length > max) cutoffs.set(uid, heap.peek() ?? 0);
  }
  return cutoffs;
}

/** Deletes the records with their entries by owner; how many went. */
async function trimBatch(run: Run, batch: readonly Doomed[]): Promise<number> {
  if (run.options.dryRun !== true) {
    run.options.signal?.throwIfAborted();
    const { succeeded } = await run.context.store.txn({
      compare: batch.map(({ kv }) => ({
        key: kv.key,
        target: "mod",
        op: "=",
        revision: kv.modRevision,
      })),
      success: batch.flatMap(({ kv, record }) => [
        { delete: { key: kv.key } },
        {
          delete: {
            key: historyByOwnerKey(historyIdentity(record.holder, record.owner), record.id),
          },
        },
      ]),
    });
    if (!succeeded) {
      throw new FabricError("conflict", "Ended records of the history changed during the trim", {
        remedy: "another trim seems to run; run it again",
      });
    }
  }
  for (const { tally } of batch) tally.trimmed++;
  return batch.length;
}
