/**
 * Rule 7: a fixed address moves to a new holder only when the old attachment has ended. Its DEL or
 * GC ran (then the owner has no holder), or the same machine has a new boot id, or its node is
 * fenced. That nobody sees the old sandbox any more proves nothing.
 *
 * @module
 */

import type { Compare, Operation } from "../etcd/store.ts";
import { parseInterfaceAddress } from "../ip/prefix.ts";
import {
  type AttachmentRecord,
  AttachmentRecordSchema,
  HistoryRecordSchema,
  type OwnerRecord,
} from "../model/records.ts";
import { keysOf } from "./allocate_state.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { attachmentKey, historyKey, nodeKey } from "./keys.ts";
import { decodeRecord, decodeResource } from "./stored.ts";

/** What a commit compares and does to take over from a dead holder. */
export interface OldHolder {
  readonly compares: readonly Compare[];
  readonly operations: readonly Operation[];
}

/** Undefined while the owner's holder may still live. */
export async function endedHolder(
  context: IpamContext,
  owner: OwnerRecord,
  self: { readonly machineId: string; readonly bootId: string },
): Promise<OldHolder | undefined> {
  const { holder } = owner;
  if (holder === undefined) return { compares: [], operations: [] };
  const key = attachmentKey(holder);
  const read = await context.store.txn({
    success: [{ range: { key } }, { range: { key: nodeKey(holder.cluster, holder.node) } }],
  });
  const attachment = keysOf(read.results[0])[0];
  const node = keysOf(read.results[1])[0];
  // No attachment under a holder: somebody repaired half of it. The owner's revision guards us.
  if (attachment === undefined) return { compares: [], operations: [] };
  const record = decodeRecord(AttachmentRecordSchema, attachment);
  const status = node === undefined ? undefined : decodeResource(node, "Node");
  const rebooted = [self, status?.status ?? {}].some(({ machineId, bootId }) =>
    machineId === record.machineId && bootId !== undefined && bootId !== record.bootId
  );
  if (!rebooted && status?.spec.fenced === undefined) return undefined;
  return await takeOver(context, { key, revision: attachment.modRevision, record });
}

async function takeOver(
  context: IpamContext,
  old: { readonly key: string; readonly revision: number; readonly record: AttachmentRecord },
): Promise<OldHolder> {
  const keys = old.record.addresses.map(({ address, id }) =>
    historyKey(parseInterfaceAddress(address).address, id)
  );
  const read = await context.store.txn({ success: keys.map((key) => ({ range: { key } })) });
  const ended = read.results.flatMap(keysOf).map((kv): Operation => ({
    put: kv.key,
    value: JSON.stringify({
      ...decodeRecord(HistoryRecordSchema, kv),
      end: timestamp(context),
      endedBy: "superseded",
    }),
  }));
  return {
    compares: [{ key: old.key, target: "mod", op: "=", revision: old.revision }],
    operations: [{ delete: { key: old.key } }, ...ended],
  };
}
