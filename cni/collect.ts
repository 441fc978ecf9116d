/**
 * Ending an attachment of this node whose sandbox is gone, without the runtime's DEL: the host first,
 * then the store. What is under way, or whose namespace lives, is kept.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { hostIfname } from "../mod/host/ifname.ts";
import { linkExists } from "../mod/host/link.ts";
import { netnsIdentity } from "../mod/host/netns.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import type { Machine } from "../mod/ipam/holder.ts";
import { readAttachment, release } from "../mod/ipam/release.ts";
import type { AttachmentRef } from "../mod/model/identity.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import { readNodeIdentity } from "../mod/node/identity.ts";
import { takeTurn } from "../mod/node/turn.ts";
import { connectOvsdb, type Ovsdb } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";
import { detach } from "./detach.ts";
import { asking } from "./neighbour.ts";

/** A record this young whose device is not there may be of an ADD that is under way. */
const YOUNG_MS = 60_000;

/** What ending takes. */
export interface Collector {
  readonly call: Call;
  readonly context: IpamContext;
  readonly db: Ovsdb;
  /** This one. */
  readonly machine: Machine;
}

/**
 * Ends one attachment of this node if its sandbox is gone: a runtime that failed after our ADD may
 * never say so.
 *
 * @returns True when it has ended.
 */
export async function collectOne(
  call: Call,
  context: IpamContext,
  ref: AttachmentRef,
): Promise<boolean> {
  const found = await asking("etcd", () => readAttachment(context.store, ref));
  if (found === undefined) return true;
  const machine = await readNodeIdentity(call);
  if (found.record.machineId !== machine.machineId) return false;
  await using db = await asking("ovsdb", () => connectOvsdb({ socket: call.config.ovsdb.socket }));
  return await collect({ call, context, db, machine }, found.record);
}

/** True when the attachment was removed, false when it is kept. */
export async function collect(work: Collector, record: AttachmentRecord): Promise<boolean> {
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
async function isKept(work: Collector, record: AttachmentRecord, port: string): Promise<boolean> {
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
