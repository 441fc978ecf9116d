/**
 * A machine that booted: what it attached before is gone with the boot, provably, since a sandbox
 * lives in the kernel's memory. It is ended before the first ADD of the new boot commits; that ADD
 * writes the new boot id into the node's record, so it is done once.
 *
 * @module
 */

import { inParallel } from "../parallel.ts";
import type { AttachmentRecord } from "../model/records.ts";
import type { AddState } from "./allocate_state.ts";
import type { AllocateRequest } from "./allocation.ts";
import type { IpamContext } from "./context.ts";
import { listNodeAttachments, release } from "./release.ts";

/** So many attachments are ended at a time. */
const AT_ONCE = 8;

/**
 * Ends what earlier boots of this machine left, where this is the first ADD of its boot.
 *
 * @returns True where something was ended: what was read before is not so any more.
 */
export async function endEarlierBoots(
  context: IpamContext,
  request: Pick<AllocateRequest, "attachment" | "machineId" | "bootId">,
  { node }: Pick<AddState, "node">,
): Promise<boolean> {
  const { machineId, bootId, attachment } = request;
  const known = node.value?.status;
  if (known?.bootId === undefined || known.bootId === bootId) return false;
  const gone: AttachmentRecord[] = [];
  const { cluster, node: name } = attachment;
  for await (const record of listNodeAttachments(context.store, cluster, name)) {
    // The same container may come back: then its ADD goes on with its record.
    if (record.containerId === attachment.containerId) continue;
    if (record.machineId === machineId && record.bootId !== bootId) gone.push(record);
  }
  // ADDs that begin side by side share the work.
  const from = Math.floor(context.random() * gone.length);
  await inParallel([...gone.slice(from), ...gone.slice(0, from)], AT_ONCE, async (record) => {
    await release(context, record, { endedBy: "boot" });
  });
  return gone.length > 0;
}
