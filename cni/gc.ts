/**
 * GC: what the runtime no longer knows goes (CNI specification 1.1.0, GC), of this node and of this
 * conf alone. What is under way, or whose namespace lives, is kept: another runtime may use the same
 * conf.
 *
 * The records in the store are its journal: each attachment is taken off the host and then ended in
 * one transaction, so a GC that is killed goes on where it was when it is called again.
 *
 * @module
 */

import { asFabricError, type FabricError } from "../mod/error.ts";
import { linkExists } from "../mod/host/link.ts";
import { whyMachineEnded } from "../mod/ipam/holder.ts";
import { nodeKey } from "../mod/ipam/keys.ts";
import { listNodeAttachments } from "../mod/ipam/release.ts";
import { type DecodeOptions, decodeResource } from "../mod/ipam/stored.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import { connectOvsdb, delPort, listPorts, type Port, readSwitch } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";
import { inParallel } from "../mod/parallel.ts";
import { collect, type Collector } from "./collect.ts";
import { nodeFacts } from "../mod/node/port_facts.ts";
import { forgetFilters } from "./filters.ts";
import { asking } from "./neighbour.ts";
import { readNodeIdentity } from "../mod/node/identity.ts";
import type { GcRequest } from "./request.ts";
import { keepServices } from "./keep_services.ts";
import { finishSome } from "./spooled.ts";

/** GC never refuses on schema (rule 12). */
const ANY: DecodeOptions = { anySchema: true };
/** So many attachments are taken off at a time. */
const AT_ONCE = 8;

/** What a GC did. */
export interface Collected {
  readonly removed: readonly AttachmentRecord[];
  /** Not valid by the runtime's list, and kept. */
  readonly kept: number;
}

/**
 * Removes what is not valid.
 *
 * @throws {FabricError} The first fault, after everything else was done; the runtime calls again.
 */
export async function gc(request: GcRequest, call: Call): Promise<Collected> {
  await using store = await call.openStore();
  const context = call.ipam(store);
  await using db = await asking("ovsdb", () => connectOvsdb({ socket: call.config.ovsdb.socket }));
  await finishSome(call, context, { entries: 1_000, untilMs: 10_000 });
  const work: Work = {
    call,
    context,
    db,
    valid: new Set(request.valid.map(keyOf)),
    machine: await readNodeIdentity(call),
    confName: request.conf.name,
  };
  const stale = await call.steps.time("read", () => staleRecords(work));
  const faults: FabricError[] = [];
  const removed: AttachmentRecord[] = [];
  let kept = 0;
  await inParallel(stale, AT_ONCE, async (record) => {
    try {
      if (await collect(work, record)) removed.push(record);
      else kept++;
    } catch (error) {
      faults.push(asFabricError(error));
    }
  });
  await call.steps.time("ports", () => removeOrphans(work));
  await call.steps.time("filters", () => forgetFilters(call.run));
  await call.steps.time("services", async () => {
    await keepServices(call, db, await readSwitch(db, { services: true }));
  });
  const [fault] = faults;
  if (fault !== undefined) throw fault;
  return { removed, kept };
}

interface Work extends Collector {
  readonly valid: ReadonlySet<string>;
  readonly confName: string;
}

function keyOf({ containerId, ifname }: {
  readonly containerId: string;
  readonly ifname: string;
}): string {
  // Neither may hold a slash.
  return `${containerId}/${ifname}`;
}

async function staleRecords(work: Work): Promise<readonly AttachmentRecord[]> {
  const { cluster, node } = work.call.config;
  const { store } = work.context;
  const stale: AttachmentRecord[] = [];
  await asking("etcd", async () => {
    const [kv] = (await store.range({ key: nodeKey(cluster, node) })).kvs;
    const registered = kv === undefined ? undefined : decodeResource(kv, "Node", ANY);
    for await (const record of listNodeAttachments(store, cluster, node)) {
      if (record.confName !== work.confName || work.valid.has(keyOf(record))) continue;
      // What another machine of this name attached is not for this runtime to say.
      const own = record.machineId === work.machine.machineId || record.machineId === "";
      if (own || whyMachineEnded(record, registered) !== undefined) stale.push(record);
    }
  });
  return stale;
}

/** Ports of this node and conf that no record stands for: what was killed between the two. */
async function removeOrphans(work: Work): Promise<void> {
  const { call, db, confName, context } = work;
  const facts = { ...nodeFacts(call.config), "conf-name": confName };
  const ports = await asking("ovsdb", () => listPorts(db, { externalIds: facts }));
  const orphans = ports.filter(({ externalIds }) => !work.valid.has(keyOfPort({ externalIds })));
  if (orphans.length === 0) return;
  const recorded = new Set<string>();
  const { cluster, node } = call.config;
  for await (const record of listNodeAttachments(context.store, cluster, node)) {
    recorded.add(keyOf(record));
  }
  await inParallel(orphans, AT_ONCE, async (port) => {
    if (recorded.has(keyOfPort(port)) || await linkExists(call.run, port.name)) return;
    await asking("ovsdb", () => delPort(db, port.name));
    call.log.write("warning", "port without a record removed", { port: port.name });
  });
}

function keyOfPort({ externalIds }: Pick<Port, "externalIds">): string {
  return keyOf({
    containerId: externalIds["container-id"] ?? "",
    ifname: externalIds["ifname"] ?? "",
  });
}
