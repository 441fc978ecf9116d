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

import { faultPoint } from "fabric/fault";
import { asFabricError, type FabricError } from "../mod/error.ts";
import { hostIfname } from "../mod/host/ifname.ts";
import { linkExists } from "../mod/host/link.ts";
import { netnsIdentity } from "../mod/host/netns.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { type Machine, whyMachineEnded } from "../mod/ipam/holder.ts";
import { nodeKey } from "../mod/ipam/keys.ts";
import { listNodeAttachments, release } from "../mod/ipam/release.ts";
import { type DecodeOptions, decodeResource } from "../mod/ipam/stored.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import { connectOvsdb, delPort, listPorts, type Ovsdb, type Port } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";
import { inParallel } from "../mod/parallel.ts";
import { detach } from "./detach.ts";
import { nodeFacts } from "../mod/node/port_facts.ts";
import { forgetFilters } from "./filters.ts";
import { asking } from "./neighbour.ts";
import { readNodeIdentity } from "../mod/node/identity.ts";
import type { GcRequest } from "./request.ts";
import { finishSome } from "./spooled.ts";
import { takeTurn } from "../mod/node/turn.ts";

/** GC never refuses on schema (rule 12). */
const ANY: DecodeOptions = { anySchema: true };
/** A record this young whose device is not there may be of an ADD that is under way. */
const YOUNG_MS = 60_000;
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
  const [fault] = faults;
  if (fault !== undefined) throw fault;
  return { removed, kept };
}

interface Work {
  readonly call: Call;
  readonly context: IpamContext;
  readonly db: Ovsdb;
  readonly valid: ReadonlySet<string>;
  readonly machine: Machine;
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

/** True when the attachment was removed, false when it is kept. */
async function collect(work: Work, record: AttachmentRecord): Promise<boolean> {
  const { call, context, db } = work;
  const port = await hostIfname(record.containerId, record.ifname);
  using turn = await takeTurn(call, port, { waitMs: 0 });
  if (!turn.taken || await isKept(work, record, port)) return false;
  faultPoint("gc:before-host");
  await detach(
    { port, ifname: record.ifname, netns: undefined },
    call,
    Promise.resolve(db),
  );
  faultPoint("gc:after-host");
  const { header } = await asking("etcd", () => release(context, record, { endedBy: "gc" }));
  faultPoint("gc:after-release");
  call.remember(header);
  turn.forget();
  return true;
}

/** Whether the attachment may still be in use, or about to be. */
async function isKept(work: Work, record: AttachmentRecord, port: string): Promise<boolean> {
  const { call } = work;
  // Another boot took all namespaces with it, whatever stands at their paths now.
  if (record.bootId !== work.machine.bootId) return false;
  const [device, namespace] = await Promise.all([
    linkExists(call.run, port),
    netnsIdentity(call.run, record.netns),
  ]);
  const age = call.now() - Date.parse(record.since);
  const young = age >= 0 && age < YOUNG_MS;
  // The device goes with its namespace: as long as it is there, the namespace lives somewhere.
  if (device) return namespace !== undefined || young;
  return young && namespace !== undefined;
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
