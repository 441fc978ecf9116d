/**
 * Writing a backup into a store. It may be killed at any point and said again.
 *
 * 1. The backup is read to its end before anything is written: a damaged one changes nothing.
 * 2. `meta/era` gets a new era and says that a restore is under way. From here on no ADD, fix or
 *    reserve commits: each compares the era. Every later transaction of the restore compares it, too.
 * 3. What stands there is deleted, when that was asked for.
 * 4. The keys are written in the order of their mod revisions, those of one revision in one
 *    transaction: an owner and its addresses keep one revision, and the history its order.
 * 5. `meta/era` says that the store has to be compared with what the nodes hold (rule 10).
 *
 * A restore that died is found by what `meta/era` says, and begins anew.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";
import { readPages } from "../../etcd/pages.ts";
import { type Compare, type KeyRange, type Operation, underPrefix } from "../../etcd/store.ts";
import { keysOf } from "../allocate_state.ts";
import { type IpamContext, timestamp } from "../context.ts";
import {
  META_ERA,
  META_EXPORTED,
  META_SCHEMA,
  PREFIXES,
  recoverNodeKey,
  unescapeSegment,
} from "../keys.ts";
import { LineSorter } from "../line_sorter.ts";
import { parseEra } from "../meta.ts";
import { SCHEMA } from "../stored.ts";
import { EVERYTHING } from "./backup.ts";
import { type BackupKey, readBackup, type Verified } from "./format.ts";

export interface RestoreOptions {
  /** The lines of the backup, from its beginning. */
  readonly lines: AsyncIterable<string>;
  /** For what does not fit into memory; it is deleted at the end. */
  readonly scratch: string;
  /** What stands in the store goes. Default false: a store that is not empty is refused. */
  readonly overwrite?: boolean;
  readonly onProgress?: (step: RestoreStep, keys: number) => void;
}

export type RestoreStep = "read" | "begun" | "deleted" | "written" | "done";

export interface Restored extends Verified {
  /** Keys that were written. */
  readonly keys: number;
}

/** Operations of a transaction, and its size: below etcd's limits. */
const MAX_KEYS = 100;
const MAX_LENGTH = 600_000;
const NOT_RESTORED = [META_ERA, META_EXPORTED];

/**
 * Restores a backup.
 *
 * @throws {FabricError} `invalid`: the backup is damaged; `schema`: this version cannot read it;
 * `conflict`: the store is not empty, or another restore began; `unavailable`; `unknown-outcome`
 * (say it again).
 */
export async function restoreStore(
  context: IpamContext,
  options: RestoreOptions,
): Promise<Restored> {
  const { onProgress = () => {} } = options;
  await using sorter = new LineSorter(options.scratch);
  let seen = 0;
  const verified = await readBackup(options.lines, async (key) => {
    await sorter.add({
      sortKey: String(key.m).padStart(16, "0"),
      text: JSON.stringify({ k: key.k, v: key.v }),
    });
    if (++seen % 5000 === 0) onProgress("read", seen);
  });
  checkSchema(verified);
  onProgress("read", seen);
  const from = verified.tail.sha256;
  let held = await begin(context, { from, overwrite: options.overwrite === true });
  onProgress("begun", 0);
  await expectNodes(context, held);
  await deleteAll(context, held, (keys) => onProgress("deleted", keys));
  onProgress("deleted", 0);
  const keys = await writeAll(context, { sorter, held, onProgress });
  held = await finish(context, held, from);
  onProgress("done", keys);
  return { ...verified, keys };
}

function checkSchema({ head }: Verified): void {
  if (head.schema === SCHEMA || head.schema === SCHEMA - 1) return;
  throw new FabricError(
    "schema",
    `The backup has schema ${head.schema}, this version reads ${SCHEMA}`,
    {
      field: "FILE",
      value: String(head.schema),
      remedy: `restore it with the version of fabric that wrote it: ${head.version}`,
    },
  );
}

function ifEra(revision: number): Compare {
  return { key: META_ERA, target: "mod", op: "=", revision };
}

/** What `meta/era` is put to; every later transaction compares the revision. */
async function begin(
  context: IpamContext,
  { from, overwrite }: { readonly from: string; readonly overwrite: boolean },
): Promise<number> {
  const { store } = context;
  const read = await store.txn({
    success: [
      { range: { key: META_ERA } },
      { range: { ...EVERYTHING, limit: 1, keysOnly: true } },
    ],
  });
  const era = keysOf(read.results[0])[0];
  const count = read.results[1]?.kind === "range" ? read.results[1].response.count : 0;
  const died = era === undefined ? undefined : parseEra(era).recovering;
  const isOurs = died?.phase === "restoring" && died.from === from;
  if (count > 0 && !overwrite && !isOurs) {
    throw new FabricError("conflict", `The store is not empty: it has ${count} keys`, {
      field: "--overwrite",
      value: String(count),
      remedy: "name an empty etcd.prefix, or add --overwrite to lose what it has",
    });
  }
  const recovering = { since: timestamp(context), phase: "restoring", from };
  const response = await store.txn({
    compare: [ifEra(era?.modRevision ?? 0)],
    success: [{ put: META_ERA, value: JSON.stringify({ era: context.newId(), recovering }) }],
  });
  if (!response.succeeded) throw crossed();
  return response.header.revision;
}

function crossed(): FabricError {
  return new FabricError("conflict", "Another restore began meanwhile, or the store is in use", {
    remedy: "see who else restores; then run it again",
  });
}

/** Nodes of the store that is overwritten: they may hold addresses that the backup knows nothing of. */
async function expectNodes(context: IpamContext, held: number): Promise<void> {
  const range = underPrefix(PREFIXES.nodes);
  for await (const page of readPages(context.store, range, { keysOnly: true, size: MAX_KEYS })) {
    await commit(
      context,
      held,
      page.map(({ key }): Operation => {
        const [, cluster = "", node = ""] = key.split("/").map(unescapeSegment);
        const value = JSON.stringify({ cluster, node, at: timestamp(context) });
        return { put: recoverNodeKey("expected", { cluster, node }), value };
      }),
    );
  }
}

async function commit(
  context: IpamContext,
  held: number,
  success: readonly Operation[],
): Promise<void> {
  const response = await context.store.txn({ compare: [ifEra(held)], success });
  if (!response.succeeded) throw crossed();
}

/** A page at a time: one request for a million keys would stop etcd for seconds. */
async function deleteAll(
  context: IpamContext,
  held: number,
  onProgress: (keys: number) => void,
): Promise<void> {
  const keep = [META_ERA, PREFIXES.recover];
  const expected = underPrefix(`${PREFIXES.recover}expected/`);
  const parts: readonly Required<KeyRange>[] = [
    { key: EVERYTHING.key, end: keep[0] ?? "" },
    { key: `${META_ERA}\0`, end: expected.key },
    { key: expected.end, end: EVERYTHING.end },
  ];
  let count = 0;
  for (const part of parts) {
    while (true) {
      const { kvs } = await context.store.range({ ...part, limit: 1000, keysOnly: true });
      const [first, last] = [kvs[0], kvs.at(-1)];
      if (first === undefined || last === undefined) break;
      await commit(context, held, [{ delete: { key: first.key, end: `${last.key}\0` } }]);
      count += kvs.length;
      onProgress(count);
    }
  }
}

const SortedSchema = v.object({ k: v.string(), v: v.string() });

/** A transaction that is being put together, of whole groups of one mod revision. */
class Batch {
  readonly keys: Pick<BackupKey, "k" | "v">[] = [];
  length = 0;

  /** Whether the group goes along: also no two intervals of one address, which keep their order. */
  fits(group: Batch): boolean {
    if (this.keys.length === 0) return true;
    if (this.keys.length + group.keys.length > MAX_KEYS) return false;
    if (this.length + group.length > MAX_LENGTH) return false;
    const addresses = new Set(this.keys.flatMap(historyOf));
    return !group.keys.flatMap(historyOf).some((address) => addresses.has(address));
  }

  add(key: Pick<BackupKey, "k" | "v">): void {
    this.keys.push(key);
    this.length += key.k.length + key.v.length;
  }
}

function historyOf({ k }: Pick<BackupKey, "k">): readonly string[] {
  return k.startsWith(PREFIXES.history) ? [k.slice(0, k.lastIndexOf("/"))] : [];
}

async function writeAll(
  context: IpamContext,
  { sorter, held, onProgress }: {
    readonly sorter: LineSorter;
    readonly held: number;
    readonly onProgress: (step: RestoreStep, keys: number) => void;
  },
): Promise<number> {
  let count = 0;
  let batch = new Batch();
  const write = async (): Promise<void> => {
    // A group is as large as the transaction that once wrote it, so it fits into one.
    const success = batch.keys.map(({ k, v }): Operation => ({ put: k, value: v }));
    if (success.length > 0) await commit(context, held, success);
    count += success.length;
    batch = new Batch();
    onProgress("written", count);
  };
  let group = new Batch();
  let revision = "";
  const close = async (): Promise<void> => {
    if (!batch.fits(group)) await write();
    for (const key of group.keys) batch.add(key);
    group = new Batch();
  };
  for await (const { sortKey, text } of sorter.sorted()) {
    const key = v.parse(SortedSchema, JSON.parse(text));
    if (NOT_RESTORED.includes(key.k) || key.k.startsWith(PREFIXES.recover)) continue;
    if (sortKey !== revision) await close();
    revision = sortKey;
    group.add(key);
  }
  await close();
  await write();
  return count;
}

async function finish(context: IpamContext, held: number, from: string): Promise<number> {
  const { kvs } = await context.store.range({ key: META_ERA });
  const [kv] = kvs;
  if (kv === undefined || kv.modRevision !== held) throw crossed();
  const era = parseEra(kv);
  const recovering = { since: timestamp(context), phase: "comparing", from };
  const { kvs: schema } = await context.store.range({ key: META_SCHEMA });
  const response = await context.store.txn({
    compare: [ifEra(held)],
    success: [
      { put: META_ERA, value: JSON.stringify({ ...era, recovering }) },
      ...schema.length > 0 ? [] : [{ put: META_SCHEMA, value: JSON.stringify({ schema: SCHEMA }) }],
    ],
  });
  if (!response.succeeded) throw crossed();
  return response.header.revision;
}
