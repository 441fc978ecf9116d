/**
 * Taking an interface off the host: what DEL and GC have in common. Everything may be missing.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { isKind } from "../mod/error.ts";
import { unplumb } from "../mod/host/plumb.ts";
import { sourceTableOf } from "../mod/host/pod_plan.ts";
import { podServices } from "../mod/node/services/notes.ts";
import { connectOvsdb, delPort, type Ovsdb } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";

/** ovsdb-server has so long to answer a DEL, which can do without. */
const OVSDB_TIMEOUT_MS = 1_800;

/** A connection to ovsdb-server; undefined when it does not answer. */
export async function connectIfUp(call: Call): Promise<Ovsdb | undefined> {
  try {
    return await connectOvsdb({
      socket: call.config.ovsdb.socket,
      timeoutMs: OVSDB_TIMEOUT_MS,
    });
  } catch (error) {
    if (!isKind(error, "unavailable")) throw error;
    call.log.write("warning", "ovsdb-server does not answer", { error: error.message });
    return undefined;
  }
}

/** What is to be taken off the host. */
export interface Detachable {
  /** Name of the port and of the host's end. */
  readonly port: string;
  readonly ifname: string;
  /** The pod's namespace, when it may live on. */
  readonly netns: string | undefined;
}

/**
 * Takes it off. With its devices gone the pod can no longer use its addresses, so the store may be
 * told also when ovsdb-server did not answer.
 *
 * @returns True when the port may still be in the database.
 * @throws {FabricError} When the host refuses: then the addresses may still be in use.
 */
export async function detach(
  what: Detachable,
  call: Call,
  connecting: Promise<Ovsdb | undefined>,
): Promise<{ readonly portRemains: boolean }> {
  const { port, ifname, netns } = what;
  const { run, steps } = call;
  const results = await Promise.allSettled([
    steps.time("port", () => removePort(port, connecting, call)),
    steps.time("host", async () => {
      faultPoint("del:before-veth");
      const sourceTable = sourceTableOf(ifname);
      await unplumb(run, {
        host: port,
        ...(netns === undefined ? {} : { netns, sourceTable }),
        services: podServices(call.config, port),
      });
      faultPoint("del:after-veth");
    }),
  ]);
  const [removed] = results;
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return { portRemains: removed.status === "fulfilled" && !removed.value };
}

/** True when it is not there any more. */
async function removePort(
  port: string,
  connecting: Promise<Ovsdb | undefined>,
  call: Call,
): Promise<boolean> {
  const db = await connecting;
  if (db === undefined) return false;
  try {
    faultPoint("del:before-port");
    await delPort(db, port);
    faultPoint("del:after-port");
    return true;
  } catch (error) {
    if (!isKind(error, "unavailable", "unknown-outcome")) throw error;
    call.log.write("warning", "ovsdb-server does not answer", { error: error.message });
    return false;
  }
}
