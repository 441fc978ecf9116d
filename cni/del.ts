/**
 * DEL: the host first, then etcd (rule 4). It does well whatever is missing, as often as it is
 * called, also before or during its ADD. What it cannot say for want of an answer, it spools.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { asFabricError, type FabricError } from "../mod/error.ts";
import { hostIfname } from "../mod/host/ifname.ts";
import type { Store } from "../mod/etcd/store.ts";
import { type Prepared, prepareRelease, release } from "../mod/ipam/release.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import { attachmentRef, type Call } from "./call.ts";
import { connectIfUp, detach } from "./detach.ts";
import { asking } from "./neighbour.ts";
import type { DelRequest } from "./request.ts";
import { finishSome } from "./spooled.ts";
import { DEL_WAIT_MS, takeTurn } from "../mod/node/turn.ts";

/** What one DEL does for others when its own work is done. */
const FOR_OTHERS = { entries: 4, untilMs: 500 };

/** What a DEL ended. */
export interface Deleted {
  /** Undefined when there was none, or etcd did not answer. */
  readonly record: AttachmentRecord | undefined;
  /** It was spooled, and why. */
  readonly spooled: FabricError | undefined;
}

/**
 * Detaches the sandbox's interface.
 *
 * @throws {FabricError} `host`, when the host keeps a device: the addresses may still be in use, and
 * the runtime has to call again.
 */
export async function del(request: DelRequest, call: Call): Promise<Deleted> {
  const { containerId, ifname, netns } = request.sandbox;
  const port = await hostIfname(containerId, ifname);
  faultPoint("del:start");
  using turn = await takeTurn(call, port, { waitMs: DEL_WAIT_MS });
  if (!turn.taken) call.log.write("warning", "DEL goes on beside another call", { ifname });
  const connecting = connectIfUp(call);
  const target = { port, ifname, netns: netns === "" ? undefined : netns };
  const detaching = detach(target, call, connecting);
  // Only read while the host is at work: what is read is compared by the transaction that follows.
  const ahead = readAhead(request, call);
  try {
    const { portRemains } = await detaching;
    const deleted = await endRecord(request, { call, port, portRemains, ahead });
    turn.forget();
    return deleted;
  } finally {
    await ahead.opening.then((store) => store[Symbol.asyncDispose](), () => {});
    await connecting.then((db) => db?.[Symbol.asyncDispose](), () => {});
  }
}

/** The store, and what the release will ask it first. Neither fails before it is awaited. */
interface Ahead {
  readonly opening: Promise<Store>;
  readonly prepared: Promise<Prepared>;
}

function readAhead(request: DelRequest, call: Call): Ahead {
  const opening = call.openStore();
  const ref = attachmentRef(call.config, request.sandbox);
  const prepared = opening.then((store) => prepareRelease(call.ipam(store), ref));
  prepared.catch(() => {});
  return { opening, prepared };
}

async function endRecord(
  request: DelRequest,
  { call, port, portRemains, ahead }: {
    readonly call: Call;
    readonly port: string;
    readonly portRemains: boolean;
    readonly ahead: Ahead;
  },
): Promise<Deleted> {
  const ref = attachmentRef(call.config, request.sandbox);
  const spool = (recordRemains: boolean): void => {
    const at = new Date(call.now()).toISOString();
    faultPoint("del:before-spool");
    call.spool.put({ v: 1, ref, port, portRemains, recordRemains, at }, call.id);
    faultPoint("del:after-spool");
  };
  let record: AttachmentRecord | undefined;
  try {
    const context = call.ipam(await ahead.opening);
    const released = await call.steps.time("etcd", () =>
      asking("etcd", () => {
        faultPoint("del:before-release");
        return release(context, ref, { endedBy: "del", prepared: ahead.prepared });
      }));
    faultPoint("del:after-release");
    call.remember(released.header);
    record = released.record;
    if (portRemains) spool(false);
    else await finishSome(call, context, FOR_OTHERS);
  } catch (error) {
    // Whatever the store has against it: the sandbox is gone, and its DEL must not fail for that.
    const spooled = asFabricError(error);
    spool(true);
    return { record, spooled };
  }
  return { record, spooled: undefined };
}
