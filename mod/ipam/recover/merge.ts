/**
 * Compares the store with what a node holds, and makes the store agree: what runs is recorded again,
 * and what does not run any more is ended. In any order of the nodes, and as often as one likes.
 *
 * @module
 */

import { hostIfname } from "../../host/ifname.ts";
import { readPages } from "../../etcd/pages.ts";
import { underPrefix } from "../../etcd/store.ts";
import type { Node } from "../../model/network.ts";
import { type AttachmentRecord, AttachmentRecordSchema } from "../../model/records.ts";
import { API_VERSION } from "../../model/resource.ts";
import { type IpamContext, timestamp } from "../context.ts";
import {
  attachmentKey,
  nodeKey,
  RECOVER_PENDING,
  recoverNodeKey,
  recoverPendingKey,
  recoverPendingPrefix,
} from "../keys.ts";
import { listNodeAttachments, release } from "../release.ts";
import { decodeRecord, encodeRecord, encodeResource, SCHEMA } from "../stored.ts";
import type { RecoverAnswer } from "./answer.ts";
import { recordAgain } from "./record_again.ts";
import { type Comparing, ifEra, readComparing, type Waiting } from "./state.ts";
import * as v from "valibot";

/** What became of an answer. */
export interface Merged {
  readonly cluster: string;
  readonly node: string;
  readonly held: number;
  /** Such as the store did not have. */
  readonly recorded: readonly AttachmentRecord[];
  /** Such as the store had, and that run no more. */
  readonly ended: readonly AttachmentRecord[];
  /** Whose device is there, though no port says so: they stay recorded. */
  readonly doubtful: readonly AttachmentRecord[];
}

/** After each step, for tests that stop it there, and for people. */
export type OnStep = (step: string) => void;

/**
 * Merges the answer of one node.
 *
 * @throws {FabricError} `conflict`: the store is not being recovered; `unavailable`;
 * `unknown-outcome` (say it again).
 */
export async function mergeAnswer(
  context: IpamContext,
  answer: RecoverAnswer,
  onStep: OnStep = () => {},
): Promise<Merged> {
  const comparing = await readComparing(context);
  const { cluster, node } = answer;
  const held = new Map(
    answer.attachments.filter((one) => one.cluster === cluster && one.node === node)
      .map((record) => [attachmentKey(record), record]),
  );
  await registerNode(context, answer, comparing);
  onStep("registered");
  const { ended, doubtful } = await endOthers(context, { answer, held, onStep });
  // What the store said of a store before this one means nothing now.
  const seenAt = answer.seen?.clusterId === comparing.clusterId ? answer.seen.revision : 0;
  await forgetEnded(context, { answer, held, comparing });
  const recorded: AttachmentRecord[] = [];
  for (const record of held.values()) {
    if (await recordOne(context, { record, comparing, seenAt })) recorded.push(record);
    onStep("recorded");
  }
  const value = encodeRecord({
    at: timestamp(context),
    machineId: answer.machineId,
    held: held.size,
    recorded: recorded.length,
    ended: ended.length,
  });
  await context.store.txn({
    compare: [ifEra(comparing)],
    success: [{ put: recoverNodeKey("answered", { cluster, node }), value }],
  });
  onStep("answered");
  return { cluster, node, held: held.size, recorded, ended, doubtful };
}

/** What waited after an earlier answer of the node, and has ended by now. */
async function forgetEnded(
  context: IpamContext,
  { answer, held, comparing }: {
    readonly answer: RecoverAnswer;
    readonly held: ReadonlyMap<string, AttachmentRecord>;
    readonly comparing: Comparing;
  },
): Promise<void> {
  const pending = new Set([...held.values()].map(recoverPendingKey));
  const range = underPrefix(recoverPendingPrefix(answer.cluster, answer.node));
  for await (const page of readPages(context.store, range, { keysOnly: true })) {
    for (const { key } of page) {
      if (pending.has(key)) continue;
      await context.store.txn({ compare: [ifEra(comparing)], success: [{ delete: { key } }] });
    }
  }
}

/** True where it was recorded; what waits is kept, so that another node's answer frees its way. */
async function recordOne(
  context: IpamContext,
  input: {
    readonly record: AttachmentRecord;
    readonly comparing: Comparing;
    readonly seenAt: number;
  },
): Promise<boolean> {
  const { record, comparing, seenAt } = input;
  const result = await recordAgain(context, input);
  const key = recoverPendingKey(record);
  const value = result.outcome === "waits"
    ? encodeRecord({ why: result.why, record, seenAt })
    : undefined;
  const { kvs } = await context.store.range({ key });
  if (value !== undefined && kvs[0]?.value !== value) {
    await context.store.txn({ compare: [ifEra(comparing)], success: [{ put: key, value }] });
  } else if (value === undefined && kvs.length > 0) {
    await context.store.txn({ compare: [ifEra(comparing)], success: [{ delete: { key } }] });
  }
  return result.outcome === "recorded";
}

const PendingSchema = v.looseObject({
  why: v.string(),
  record: AttachmentRecordSchema,
  seenAt: v.number(),
});

/**
 * Tries again what waits, until nothing of it moves any more.
 *
 * @returns what waits still.
 */
export async function retryWaiting(
  context: IpamContext,
  onStep: OnStep = () => {},
): Promise<readonly Waiting[]> {
  const comparing = await readComparing(context);
  while (true) {
    let moved = false;
    const waiting: Waiting[] = [];
    for await (const page of readPages(context.store, underPrefix(RECOVER_PENDING))) {
      for (const kv of page) {
        const { record, seenAt } = decodeRecord(PendingSchema, kv);
        moved = await recordOne(context, { record, comparing, seenAt }) || moved;
        onStep("retried");
        const [now] = (await context.store.range({ key: kv.key })).kvs;
        if (now === undefined) continue;
        const { cluster, node, containerId, ifname } = record;
        const attachment = [cluster, node, containerId, ifname].join("/");
        waiting.push({ key: kv.key, attachment, why: decodeRecord(PendingSchema, now).why });
      }
    }
    if (!moved) return waiting;
  }
}

/** A node that registered after the backup was made. */
async function registerNode(
  context: IpamContext,
  answer: RecoverAnswer,
  comparing: Comparing,
): Promise<void> {
  const { cluster, node: name, zone, machineId, bootId } = answer;
  const key = nodeKey(cluster, name);
  const node: Node = {
    apiVersion: API_VERSION,
    kind: "Node",
    metadata: { name, uid: context.newId(), creationTimestamp: timestamp(context) },
    spec: { cluster, zone },
    status: { machineId, bootId, schema: SCHEMA },
  };
  await context.store.txn({
    compare: [ifEra(comparing), { key, target: "create", op: "=", revision: 0 }],
    success: [{ put: key, value: encodeResource(node) }],
  });
}

/**
 * Ends what the store has of the node and the node does not hold: neither a port nor a device of it
 * is there, and without its device no sandbox can send.
 */
async function endOthers(
  context: IpamContext,
  { answer, held, onStep }: {
    readonly answer: RecoverAnswer;
    readonly held: ReadonlyMap<string, AttachmentRecord>;
    readonly onStep: OnStep;
  },
): Promise<Pick<Merged, "ended" | "doubtful">> {
  const devices = new Set(answer.devices);
  const ended: AttachmentRecord[] = [];
  const doubtful: AttachmentRecord[] = [];
  const { store } = context;
  for await (const record of listNodeAttachments(store, answer.cluster, answer.node)) {
    if (held.has(attachmentKey(record))) continue;
    // Another machine had the name: this one cannot speak for it.
    if (record.machineId !== answer.machineId) continue;
    if (devices.has(await hostIfname(record.containerId, record.ifname))) {
      doubtful.push(record);
      continue;
    }
    await release(context, record, { endedBy: "recover" });
    ended.push(record);
    onStep("ended");
  }
  return { ended, doubtful };
}
