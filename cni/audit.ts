/**
 * What a node tells the audit: a network that somebody named and may not use. It goes into the inbox,
 * from where `fabric-ctl serve` takes it into the chain; nodes cannot read or write that.
 *
 * @module
 */

import type { AuditEvent } from "../mod/audit/record.ts";
import { auditInboxKey } from "../mod/audit/record.ts";
import type { FabricError } from "../mod/error.ts";
import { encodeRecord } from "../mod/ipam/stored.ts";
import type { Pod } from "../mod/model/identity.ts";
import type { Call } from "./call.ts";

/** Tells of a refused use. */
export async function tellRefused(
  call: Call,
  { pod, error, containerId }: {
    readonly pod: Pod;
    readonly error: FabricError;
    readonly containerId: string;
  },
): Promise<void> {
  const { cluster, node } = call.config;
  const event: AuditEvent = {
    at: new Date(call.now()).toISOString(),
    who: `Pod ${cluster}/${pod.namespace}/${pod.name}`,
    way: "kubernetes",
    from: `${cluster}/${node}`,
    requestId: containerId,
    action: "useNetwork",
    object: `Network ${error.value ?? ""}`,
    outcome: "refused",
    detail: error.message,
  };
  await using store = await call.openStore({ timeoutMs: 1_000 });
  await store.txn({ success: [{ put: auditInboxKey(call.id), value: encodeRecord(event) }] });
}
