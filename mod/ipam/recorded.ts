/**
 * An ADD that finds its attachment recorded: its first answer was lost, or the sandbox came back
 * without a DEL. It gets the same addresses, and the record learns where the sandbox lives now.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Compare } from "../etcd/store.ts";
import type { AttachmentRecord } from "../model/records.ts";
import { tombstoneNotNewer } from "./allocate_commit.ts";
import type { AddState } from "./allocate_state.ts";
import { type AllocateRequest, type Allocation, allocationOf } from "./allocation.ts";
import type { IpamContext } from "./context.ts";
import { attachmentKey, networkKey } from "./keys.ts";
import { decodeResource } from "./stored.ts";

/** The attachment is recorded: the same addresses again, and where the sandbox lives now. */
export async function recorded(
  context: IpamContext,
  input: {
    readonly request: AllocateRequest;
    readonly state: AddState;
    readonly record: AttachmentRecord;
  },
): Promise<Allocation> {
  const { request, state, record } = input;
  const key = attachmentKey(request.attachment);
  const networkRange = { key: networkKey(record.network.name) };
  const updated: AttachmentRecord = {
    ...record,
    netns: request.netns,
    machineId: request.machineId,
    bootId: request.bootId,
    confName: request.confName,
    ...(request.bandwidth === undefined ? {} : { bandwidth: request.bandwidth }),
  };
  const unchanged: Compare = {
    key,
    target: "mod",
    op: "=",
    revision: state.attachment.modRevision,
  };
  const response = await context.store.txn({
    compare: [unchanged, tombstoneNotNewer(request.attachment, state.header.revision)],
    success: [{ put: key, value: JSON.stringify(updated) }, { range: networkRange }],
  });
  const read = response.results[1];
  if (!response.succeeded || read?.kind !== "range") {
    throw new FabricError(
      "try-again",
      `The record of container ${request.attachment.containerId} changed during its ADD`,
    );
  }
  const kv = read.response.kvs[0];
  if (kv === undefined) {
    throw new FabricError("not-found", `Network ${record.network.name} does not exist any more`, {
      field: "network",
      value: record.network.name,
    });
  }
  const network = decodeResource(kv, "Network");
  return allocationOf(network, record, {
    existing: true,
    again: true,
    youngOwner: false,
    header: response.header,
    transactions: 1,
  });
}
