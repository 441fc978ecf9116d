/**
 * Rule 7: a fixed address moves to a new holder only when the old attachment has ended. Its DEL or
 * GC ran (then the owner has no holder), or the same machine has a new boot id, or its node is
 * fenced, or its machine was replaced. That nobody sees the old sandbox any more proves nothing.
 *
 * @module
 */

import type { Compare, KeyValue, Operation } from "../etcd/store.ts";
import { parseInterfaceAddress } from "../ip/prefix.ts";
import { type Holder, sameOwner } from "../model/identity.ts";
import { coolingSeconds, type Network, type Node } from "../model/network.ts";
import {
  AddressRecordSchema,
  type AttachmentRecord,
  AttachmentRecordSchema,
  HistoryRecordSchema,
  type OwnerRecord,
} from "../model/records.ts";
import { keysOf, type Seen } from "./allocate_state.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { addressKey, attachmentKey, historyKey, nodeKey } from "./keys.ts";
import { leavingAddresses, letGo } from "./owned.ts";
import { networkPools } from "./pool.ts";
import { decodeRecord, decodeResource } from "./stored.ts";

/** What a commit compares and does to take over from a holder that has ended. */
export interface OldHolder {
  readonly compares: readonly Compare[];
  readonly operations: readonly Operation[];
}

/** The machine that asks, which knows its own boot. */
export interface Machine {
  readonly machineId: string;
  readonly bootId: string;
  /** Why the holder has ended, by what others than the store know; undefined while it may live. */
  readonly whyOver?: (holder: Holder) => Promise<string | undefined>;
}

/** A holder that has ended, and what a commit compares for it to have ended still. */
export interface Ended {
  readonly why: string;
  readonly compares: readonly Compare[];
  /** Undefined where it has no attachment. */
  readonly attachment: AttachmentRecord | undefined;
}

/** Why the holder has ended; undefined while it may live. */
export async function whyEnded(
  context: IpamContext,
  holder: Holder,
  self?: Machine,
): Promise<Ended | undefined> {
  const key = attachmentKey(holder);
  const read = await context.store.txn({
    success: [{ range: { key } }, { range: { key: nodeKey(holder.cluster, holder.node) } }],
  });
  const attachment = keysOf(read.results[0])[0];
  const found = keysOf(read.results[1])[0];
  if (attachment === undefined) {
    // Somebody repaired half of it. The revision of what names the holder guards us.
    return {
      why: "it has no attachment any more",
      attachment: undefined,
      compares: [{ key, target: "create", op: "=", revision: 0 }],
    };
  }
  const record = decodeRecord(AttachmentRecordSchema, attachment);
  const node = found === undefined ? undefined : decodeResource(found, "Node");
  const why = whyMachineEnded(record, node, self) ??
    await self?.whyOver?.(holder);
  if (why === undefined) return undefined;
  const unchanged = (kv: KeyValue): Compare => ({
    key: kv.key,
    target: "mod",
    op: "=",
    revision: kv.modRevision,
  });
  return {
    why,
    attachment: record,
    compares: [attachment, ...found === undefined ? [] : [found]].map(unchanged),
  };
}

/** Why everything that ran on the attachment's machine then has ended. */
export function whyMachineEnded(
  { machineId, bootId }: Pick<Machine, "machineId" | "bootId">,
  node: Node | undefined,
  self?: Machine,
): string | undefined {
  const rebooted = [...self === undefined ? [] : [self], node?.status ?? {}].some((now) =>
    now.machineId === machineId && now.bootId !== undefined && now.bootId !== bootId
  );
  if (rebooted) return "its host has booted since";
  if (node?.spec.fenced !== undefined) return "its node is fenced";
  if (node?.spec.replaced?.some((one) => one.machineId === machineId) === true) {
    return "its machine was replaced";
  }
  return undefined;
}

interface OwnerInput {
  readonly owner: Seen<OwnerRecord> & { readonly value: OwnerRecord };
  readonly network: Network;
  readonly self: Machine;
}

/**
 * What an owner's next ADD does about the holder before it, and about addresses that were that
 * holder's and not the owner's any more. Undefined while the holder may live.
 */
export async function endedHolder(
  context: IpamContext,
  input: OwnerInput,
): Promise<OldHolder | undefined> {
  const { holder } = input.owner.value;
  const ended = holder === undefined ? undefined : await whyEnded(context, holder, input.self);
  if (holder !== undefined && ended === undefined) return undefined;
  const attachment = ended?.attachment;
  const leaving = await freeLeaving(context, input);
  const over = attachment === undefined
    ? []
    : [{ delete: { key: attachmentKey(attachment) } }, ...await endHistories(context, attachment)];
  return {
    compares: [...ended?.compares ?? [], ...leaving.compares],
    operations: [...over, ...leaving.operations],
  };
}

async function endHistories(
  context: IpamContext,
  { addresses }: AttachmentRecord,
): Promise<readonly Operation[]> {
  const keys = addresses.map(({ address, id }) =>
    historyKey(parseInterfaceAddress(address).address, id)
  );
  return (await readAll(context, keys)).flatMap((kv) => {
    const record = decodeRecord(HistoryRecordSchema, kv);
    if (record.end !== undefined) return [];
    const ended = { ...record, end: timestamp(context), endedBy: "superseded" };
    return [{ put: kv.key, value: JSON.stringify(ended) }];
  });
}

async function freeLeaving(
  context: IpamContext,
  { owner, network }: OwnerInput,
): Promise<OldHolder> {
  const leaving = leavingAddresses(owner.value);
  if (leaving.length === 0) return { compares: [], operations: [] };
  const { name } = network.metadata;
  const found = await readAll(context, leaving.map((address) => addressKey(name, address)));
  const seconds = coolingSeconds(network.spec);
  // Not a shared lease: one that is gone would fail this ADD, and this is rare.
  const lease = seconds === 0 ? undefined : (await context.store.grantLease(seconds)).id;
  const pools = networkPools(network.spec);
  const revision = Number(network.metadata.resourceVersion ?? 0);
  const parts = leaving.flatMap((address) => {
    const kv = found.find(({ key }) => key === addressKey(name, address));
    const record = kv === undefined ? undefined : decodeRecord(AddressRecordSchema, kv);
    const of = record?.owner;
    if (kv === undefined || of === undefined || !sameOwner(of, owner.value.owner)) return [];
    return [letGo({
      network: { name, revision, pools },
      address,
      modRevision: kv.modRevision,
      releasedAt: context.now(),
      lease,
      uses: record?.uses,
    })];
  });
  return {
    compares: parts.flatMap(({ compare }) => compare),
    operations: parts.flatMap(({ success }) => success),
  };
}

async function readAll(
  context: IpamContext,
  keys: readonly string[],
): Promise<readonly KeyValue[]> {
  if (keys.length === 0) return [];
  const read = await context.store.txn({ success: keys.map((key) => ({ range: { key } })) });
  return read.results.flatMap(keysOf);
}
