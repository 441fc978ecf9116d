/**
 * A recovery, from its beginning to its end: which nodes have answered, and when pods may start.
 *
 * While `meta/era` says that the store is being compared, no ADD, fix or reserve commits: every free
 * address of the store may be one that a node uses which has not answered yet. It ends when each
 * registered node has answered, or an administrator gave it up, and nothing waits any more.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";
import { readPages } from "../../etcd/pages.ts";
import { type Compare, type KeyValue, type Operation, underPrefix } from "../../etcd/store.ts";
import type { NodeRef } from "../admit.ts";
import { type IpamContext, timestamp } from "../context.ts";
import { describeUsers, unchanged } from "../in_use.ts";
import {
  META_ERA,
  PREFIXES,
  RECOVER_PENDING,
  recoverNodeKey,
  recoverNodePrefix,
  unescapeSegment,
} from "../keys.ts";
import { type Era, parseEra } from "../meta.ts";
import { decodeRecord, encodeRecord } from "../stored.ts";

const AnsweredSchema = v.looseObject({
  v: v.number(),
  at: v.string(),
  machineId: v.optional(v.string()),
  /** Attachments that the node holds. */
  held: v.optional(v.number()),
  /** Of these, such as the store did not have. */
  recorded: v.optional(v.number()),
  /** Attachments of the store that the node does not hold any more. */
  ended: v.optional(v.number()),
  /** It does not answer any more: an administrator's word. */
  givenUp: v.optional(
    v.looseObject({ by: v.optional(v.string()), reason: v.optional(v.string()) }),
  ),
});
export type Answered = v.InferOutput<typeof AnsweredSchema>;

const PendingSchema = v.looseObject({ v: v.number(), why: v.string() });

export interface NodeState extends NodeRef {
  /** Undefined: it is waited for. */
  readonly answered: Answered | undefined;
}

/** What waits: an attachment that a node holds, and that could not be recorded. */
export interface Waiting {
  readonly key: string;
  /** `CLUSTER/NODE/CONTAINER/INTERFACE`. */
  readonly attachment: string;
  readonly why: string;
}

export interface RecoverState {
  readonly era: Era;
  /** Of `meta/era`; every transaction of a recovery compares it. */
  readonly eraRevision: number;
  /** Of the store, when it was looked at. */
  readonly revision: number;
  readonly nodes: readonly NodeState[];
  readonly waiting: readonly Waiting[];
}

/** `meta/era` of a store that is being compared. */
export interface Comparing {
  readonly era: Era;
  readonly eraRevision: number;
  readonly revision: number;
  readonly clusterId: string;
}

async function readEra(context: IpamContext): Promise<Comparing> {
  const { kvs, header } = await context.store.range({ key: META_ERA });
  const [kv] = kvs;
  if (kv === undefined) {
    throw new FabricError("not-found", "The store is empty: there is nothing to recover", {
      remedy: "restore a backup first, or see that etcd.endpoints and etcd.prefix are right",
    });
  }
  return {
    era: parseEra(kv),
    eraRevision: kv.modRevision,
    revision: header.revision,
    clusterId: header.clusterId,
  };
}

/**
 * The store that is being compared.
 *
 * @throws {FabricError} `conflict`: it is not, or a restore is under way.
 */
export async function readComparing(context: IpamContext): Promise<Comparing> {
  const comparing = await readEra(context);
  const phase = comparing.era.recovering?.phase;
  if (phase === "comparing") return comparing;
  throw phase === "restoring"
    ? new FabricError("conflict", "A restore is under way", {
      remedy: "wait for it, or run it again if it was stopped",
    })
    : new FabricError("conflict", "The store is not being recovered", {
      remedy: "if etcd was restored or replaced by other means: fabric-admin recover start",
    });
}

/** Holds while nobody began or ended a recovery. */
export function ifEra({ eraRevision }: Pick<Comparing, "eraRevision">): Compare {
  return { key: META_ERA, target: "mod", op: "=", revision: eraRevision };
}

/**
 * Stops ADDs until the store was compared with what the nodes hold: where etcd was restored by other
 * means than `restore`. False where it is so already.
 */
export async function startRecovery(context: IpamContext): Promise<boolean> {
  const { era, eraRevision } = await readEra(context);
  if (era.recovering !== undefined) return false;
  const recovering = { since: timestamp(context), phase: "comparing" };
  const response = await context.store.txn({
    compare: [ifEra({ eraRevision })],
    success: [{ put: META_ERA, value: JSON.stringify({ era: context.newId(), recovering }) }],
  });
  if (response.succeeded) return true;
  throw new FabricError("try-again", "Somebody else began meanwhile", { remedy: "look again" });
}

function nodeOf(kv: Pick<KeyValue, "key">, prefix: string): NodeRef {
  const [cluster = "", node = ""] = kv.key.slice(prefix.length).split("/").map(unescapeSegment);
  return { cluster, node };
}

/** How far it is. */
export async function readRecovery(context: IpamContext): Promise<RecoverState> {
  const base = await readEra(context);
  const nodes = new Map<string, NodeState>();
  for (const prefix of [PREFIXES.nodes, recoverNodePrefix("expected")]) {
    for await (const page of readPages(context.store, underPrefix(prefix), { keysOnly: true })) {
      for (const kv of page) {
        const ref = nodeOf(kv, prefix);
        nodes.set(recoverNodeKey("answered", ref), { ...ref, answered: undefined });
      }
    }
  }
  const prefix = recoverNodePrefix("answered");
  for await (const page of readPages(context.store, underPrefix(prefix))) {
    for (const kv of page) {
      nodes.set(kv.key, { ...nodeOf(kv, prefix), answered: decodeRecord(AnsweredSchema, kv) });
    }
  }
  const waiting: Waiting[] = [];
  for await (const page of readPages(context.store, underPrefix(RECOVER_PENDING))) {
    for (const kv of page) {
      const attachment = kv.key.slice(RECOVER_PENDING.length).split("/").map(unescapeSegment);
      const { why } = decodeRecord(PendingSchema, kv);
      waiting.push({ key: kv.key, attachment: attachment.join("/"), why });
    }
  }
  const sorted = [...nodes].sort(([a], [b]) => a < b ? -1 : 1).map(([, node]) => node);
  return { ...base, nodes: sorted, waiting };
}

/**
 * Says that there are nodes which the store does not know: they registered after the backup, and are
 * waited for like the others.
 *
 * @throws {FabricError} `conflict`: no recovery is under way.
 */
export async function expectNodes(context: IpamContext, refs: readonly NodeRef[]): Promise<void> {
  const comparing = await readComparing(context);
  for (const { cluster, node } of refs) {
    const value = JSON.stringify({ cluster, node, at: timestamp(context) });
    await commitWord(context, comparing, {
      put: recoverNodeKey("expected", { cluster, node }),
      value,
    });
  }
}

async function commitWord(
  context: IpamContext,
  comparing: Comparing,
  operation: Operation,
): Promise<void> {
  const response = await context.store.txn({ compare: [ifEra(comparing)], success: [operation] });
  if (response.succeeded) return;
  throw new FabricError("conflict", "The recovery ended meanwhile", { remedy: "look again" });
}

/**
 * Says that a node will not answer any more. What the store has recorded there stays, so nobody else
 * gets that; what it got after the backup nobody knows: it must be off.
 *
 * @throws {FabricError} `conflict`: no recovery is under way.
 */
export async function giveUpNode(
  context: IpamContext,
  ref: NodeRef,
  word: { readonly by?: string; readonly reason?: string },
): Promise<void> {
  const comparing = await readComparing(context);
  const value = encodeRecord({ at: timestamp(context), givenUp: word });
  await commitWord(context, comparing, { put: recoverNodeKey("answered", ref), value });
}

/**
 * Ends the recovery: ADDs run again.
 *
 * @throws {FabricError} `conflict`: nodes have not answered, or something waits, by name.
 */
export async function finishRecovery(context: IpamContext): Promise<RecoverState> {
  await readComparing(context);
  const state = await readRecovery(context);
  const silent = state.nodes.filter(({ answered }) => answered === undefined);
  if (silent.length > 0) {
    const names = silent.map(({ cluster, node }) => `${cluster}/${node}`);
    const first = names.slice(0, 5);
    throw new FabricError(
      "conflict",
      `Not every node has answered: ${describeUsers({ count: names.length, first })}`,
      {
        remedy: "run fabric-admin recover collect there; a node that is off for good: " +
          "fabric-admin recover give-up NODE",
        details: { nodes: names },
      },
    );
  }
  if (state.waiting.length > 0) {
    const first = state.waiting.slice(0, 5).map(({ attachment, why }) => `${attachment} (${why})`);
    throw new FabricError(
      "conflict",
      `Not all attachments are recorded: ${describeUsers({ count: state.waiting.length, first })}`,
      { remedy: "do what it says, then run recover collect on that node again" },
    );
  }
  const { recovering: _, ...era } = state.era;
  const response = await context.store.txn({
    compare: [
      ifEra(state),
      unchanged(underPrefix(PREFIXES.nodes), state.revision),
      unchanged(underPrefix(PREFIXES.recover), state.revision),
    ],
    success: [
      { put: META_ERA, value: JSON.stringify(era) },
      { delete: underPrefix(PREFIXES.recover) },
    ],
  });
  if (response.succeeded) return state;
  throw new FabricError("try-again", "A node answered meanwhile", { remedy: "run it again" });
}
