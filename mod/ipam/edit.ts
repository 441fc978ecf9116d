/**
 * How every edit of the kinds runs (rule 11): edits serialise on one key, `meta/edit`, that ADDs do
 * not compare. An edit reads, decides, and commits under the compare that nobody edited meanwhile;
 * otherwise it reads again.
 *
 * An edit that writes much of the free index claims the key first, writes the index of the ADDED
 * addresses, and then commits, so that a crash at any point leaves every address findable: an index
 * key outside the spec is skipped by ADDs, an address without an index key would be lost. What is
 * left over is removed after the commit, or, after a crash, by the next edit, which finds the claim.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError, isKind } from "../error.ts";
import { isCompacted } from "../etcd/pages.ts";
import type { Compare, KeyValue, Operation, Store } from "../etcd/store.ts";
import type { Range } from "../ip/range.ts";
import { keysOf } from "./allocate_state.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { indexOperations, runInParts } from "./free.ts";
import { META_EDIT, META_ERA, META_SCHEMA, networkKey } from "./keys.ts";
import { checkNotRestoring, checkStoreSchema, initialiseStore, STORE_IS_NEW } from "./meta.ts";
import { cleanIndex } from "./network_index.ts";
import { decodeRecord, decodeResource, encodeRecord } from "./stored.ts";

/** What an edit decides by; anything that changes after `revision` makes its commit fail. */
export interface EditBase {
  readonly revision: number;
  /** The object as it stands. */
  readonly object: KeyValue | undefined;
}

/** What an edit wants to write. */
export interface EditPlan {
  /** Besides that nobody edited meanwhile and the object is as it was read. */
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly index?: IndexChange;
}

/** What becomes of a network's free index. */
export interface IndexChange {
  readonly network: string;
  /** Addresses that were not handed out before, one list per family. */
  readonly added: readonly (readonly Range[])[];
  /** Whether keys may be left over that the new spec does not hand out. */
  readonly clean: boolean;
}

/** What a decision comes to: nothing to write, or a plan and what it answers when it stands. */
export type Decision<T> =
  | { readonly done: T }
  | { readonly plan: EditPlan; readonly result: (revision: number) => T };

/** Operations of the index that go along with the commit; more of them go before it. */
const MAX_INDEX_IN_COMMIT = 96;
const MAX_ATTEMPTS = 40;
/** After that a claim that nobody moves is taken over: its holder has died. */
export const CLAIM_PATIENCE_MS = 3_000;
const POLL_MS = 25;

const EditSchema = v.looseObject({
  v: v.number(),
  at: v.string(),
  /** The network whose free index is being written or cleaned. */
  claim: v.optional(v.string()),
});

interface FullBase extends EditBase {
  readonly editRevision: number;
  readonly eraRevision: number;
  readonly claim: string | undefined;
}

/** One edit. */
export interface Edit<T> {
  /** The key of the object. */
  readonly key: string;
  /** Called again whenever somebody else was faster. */
  readonly decide: (base: EditBase) => Promise<Decision<T>>;
  /** Default {@linkcode CLAIM_PATIENCE_MS}. */
  readonly claimPatienceMs?: number | undefined;
}

/**
 * Runs an edit until it stands.
 *
 * @throws {FabricError} what `decide` throws; `try-again` when others are faster all the time;
 * `schema`; `unavailable`; `unknown-outcome` (running it again shows what became of it).
 */
export async function runEdit<T>(context: IpamContext, edit: Edit<T>): Promise<T> {
  const { key, decide, claimPatienceMs = CLAIM_PATIENCE_MS } = edit;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const base = await readUnclaimed(context, { key, claimPatienceMs });
    const decision = await decideAt(base, decide);
    if (decision !== undefined) {
      if ("done" in decision) return decision.done;
      const revision = await commit(context, { base, key, plan: decision.plan });
      if (revision !== undefined) return decision.result(revision);
    }
    await sleep(context.random() * Math.min(250, 10 * (attempt + 1)));
  }
  throw new FabricError("try-again", `Lost ${MAX_ATTEMPTS} races against other edits`, {
    remedy: "run it again",
  });
}

async function decideAt<T>(
  base: EditBase,
  decide: (base: EditBase) => Promise<Decision<T>>,
): Promise<Decision<T> | undefined> {
  try {
    return await decide(base);
  } catch (error) {
    if (isCompacted(error)) return undefined;
    throw error;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function readBase(store: Store, key: string): Promise<FullBase> {
  const keys = [META_EDIT, META_ERA, META_SCHEMA, key];
  const read = await store.txn({ success: keys.map((key) => ({ range: { key } })) });
  const [edit, era, schema, object] = keys.map((_, index) => keysOf(read.results[index])[0]);
  if (schema !== undefined) checkStoreSchema(schema);
  if (era !== undefined) checkNotRestoring(era);
  return {
    revision: read.header.revision,
    object,
    editRevision: edit?.modRevision ?? 0,
    eraRevision: era?.modRevision ?? 0,
    claim: edit === undefined ? undefined : decodeRecord(EditSchema, edit).claim,
  };
}

/** Waits for the holder of a claim; one that does not move any more is finished in its place. */
async function readUnclaimed(
  context: IpamContext,
  { key, claimPatienceMs }: { readonly key: string; readonly claimPatienceMs: number },
): Promise<FullBase> {
  let base = await readBase(context.store, key);
  let since = performance.now();
  while (base.claim !== undefined) {
    if (performance.now() - since > claimPatienceMs) {
      await takeOver(context, { base, network: base.claim });
    } else {
      await sleep(POLL_MS * (0.5 + context.random()));
    }
    const next = await readBase(context.store, key);
    if (next.editRevision !== base.editRevision) since = performance.now();
    base = next;
  }
  return base;
}

function ifEditIs(revision: number): Compare {
  return { key: META_EDIT, target: "mod", op: "=", revision };
}

function putEdit(context: IpamContext, claim?: string): Operation {
  const at = timestamp(context);
  return { put: META_EDIT, value: encodeRecord(claim === undefined ? { at } : { at, claim }) };
}

/** Brings the index of a network to its spec in the place of an editor that died. */
async function takeOver(
  context: IpamContext,
  claimed: { readonly base: FullBase; readonly network: string },
): Promise<void> {
  const { base, network } = claimed;
  const response = await context.store.txn({
    compare: [ifEditIs(base.editRevision)],
    success: [putEdit(context, network)],
  });
  if (response.succeeded) await finish(context, { network, revision: response.header.revision });
}

/** Removes what is left over, and gives the claim back; stops where somebody took it. */
async function finish(
  context: IpamContext,
  claim: { readonly network: string; readonly revision: number },
): Promise<void> {
  const { network, revision } = claim;
  const { kvs } = await context.store.range({ key: networkKey(network) });
  const [kv] = kvs;
  const spec = kv === undefined ? undefined : decodeResource(kv, "Network").spec;
  const held = ifEditIs(revision);
  if (!await cleanIndex(context.store, { network, spec, held, tag: `x${text(revision)}` })) return;
  await context.store.txn({ compare: [held], success: [putEdit(context)] });
}

function text(revision: number): string {
  return revision.toString(36);
}

interface Commit {
  readonly base: FullBase;
  readonly key: string;
  readonly plan: EditPlan;
}

/** The revision of the commit; undefined where somebody was faster. */
async function commit(context: IpamContext, input: Commit): Promise<number | undefined> {
  const { base, key, plan } = input;
  const added = (tag: string): readonly Operation[] =>
    plan.index?.added.flatMap((ranges) =>
      indexOperations(plan.index?.network ?? "", ranges, tag)
    ) ?? [];
  let held = base.editRevision;
  // Tags differ between claims and direct commits: a dead claim may have the same revision.
  let index = added(`d${text(held)}`);
  const claim = plan.index?.network;
  if (claim !== undefined && index.length > MAX_INDEX_IN_COMMIT) {
    const claimed = await context.store.txn({
      compare: [ifEditIs(held)],
      success: [putEdit(context, claim)],
    });
    if (!claimed.succeeded) return undefined;
    held = claimed.header.revision;
    if (!await runInParts(context.store, added(`c${text(held)}`), [ifEditIs(held)])) {
      return undefined;
    }
    index = [];
  }
  const isNew = base.eraRevision === 0;
  const response = await context.store.txn({
    compare: [
      ifEditIs(held),
      isNew ? STORE_IS_NEW : { key: META_ERA, target: "mod", op: "=", revision: base.eraRevision },
      { key, target: "mod", op: "=", revision: base.object?.modRevision ?? 0 },
      ...plan.compare,
    ],
    success: [
      putEdit(context, plan.index?.clean === true ? plan.index.network : undefined),
      ...isNew ? initialiseStore(context.newId()) : [],
      ...plan.success,
      ...index,
    ],
  });
  if (!response.succeeded) {
    // What was written before is left over now, unless somebody else has the claim already.
    if (claim !== undefined && held !== base.editRevision) {
      await finish(context, { network: claim, revision: held });
    }
    return undefined;
  }
  const { revision } = response.header;
  if (plan.index?.clean === true) await finishLater(context, plan.index.network, revision);
  return revision;
}

/** The edit stands; what it left over may wait for the next one where etcd is in trouble. */
async function finishLater(context: IpamContext, network: string, revision: number): Promise<void> {
  try {
    await finish(context, { network, revision });
  } catch (error) {
    if (!isKind(error, "unavailable", "unknown-outcome")) throw error;
  }
}
