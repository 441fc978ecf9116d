/**
 * STATUS: would an ADD succeed now (CNI specification 1.1.0, STATUS). It has two seconds of its own,
 * and changes nothing but a counter of Open vSwitch. Then it mends what is stale of the way to Services,
 * which takes as long as it takes: runtimes call it every few seconds, so running pods need not wait for
 * the next ADD.
 *
 * @module
 */

import { asFabricError, FabricError } from "../mod/error.ts";
import { admitMachine } from "../mod/ipam/admit.ts";
import { META_ERA, META_SCHEMA, nodeKey, zoneKey } from "../mod/ipam/keys.ts";
import { isSameStore, storeChanged } from "../mod/ipam/known.ts";
import { checkRecovered, checkStoreSchema } from "../mod/ipam/meta.ts";
import { decodeResource } from "../mod/ipam/stored.ts";
import { connectOvsdb, readSwitch, syncVswitchd } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";
import { readNodeIdentity } from "../mod/node/identity.ts";
import { readKnownStore } from "../mod/node/known_store.ts";
import { openKubeClient } from "../mod/kube/client.ts";
import { readKubeconfig } from "../mod/kube/kubeconfig.ts";
import { namespacePath } from "../mod/kube/paths.ts";
import { asking } from "./neighbour.ts";
import { keepServices } from "./keep_services.ts";
import { startTimer } from "../mod/timer.ts";

/** With the start of the process it stays under two seconds. */
const LIMIT_MS = 1_600;
/** Each step fails by itself before that, and says what it was. */
const MARGIN_MS = 150;

/**
 * Looks at all that an ADD needs.
 *
 * @throws {FabricError} With `details.reason` `not-ready` (code 50), or `cut-off` (51) when running
 * pods may be without a connection too. The message names everything that is amiss.
 */
export async function status(call: Call): Promise<void> {
  const [etcd, vswitch, kubernetes] = await Promise.all([
    faultOf("etcd", call, () => checkStore(call)),
    faultOf("Open vSwitch", call, () => checkSwitch(call)),
    faultOf("Kubernetes", call, () => checkApiServer(call)),
  ]);
  const services = vswitch === undefined
    ? await keepServicesOf(call).then(() => undefined, asFabricError)
    : undefined;
  const faults = [etcd, vswitch, kubernetes, services].filter((fault) => fault !== undefined);
  if (faults.length === 0) return;
  const cutOff = faults.some(({ details }) => details["reason"] === "cut-off");
  const remedies = faults.flatMap(({ remedy }) => remedy === undefined ? [] : [remedy]);
  throw new FabricError("unavailable", faults.map(({ message }) => message).join("; "), {
    ...(remedies.length === 0 ? {} : { remedy: remedies.join("; ") }),
    details: { reason: cutOff ? "cut-off" : "not-ready" },
  });
}

/** What is amiss with a neighbour; not to have answered in time is amiss too. */
async function faultOf(
  neighbour: string,
  call: Call,
  check: () => Promise<void>,
): Promise<FabricError | undefined> {
  const late = Promise.withResolvers<never>();
  const cancel = startTimer(
    LIMIT_MS,
    () => late.reject(new FabricError("unavailable", `${neighbour} answers too slowly`)),
  );
  try {
    await call.steps.time(neighbour, () => Promise.race([check(), late.promise]));
    return undefined;
  } catch (error) {
    return asFabricError(error);
  } finally {
    cancel();
  }
}

async function checkStore(call: Call): Promise<void> {
  const { zone, stateDir, cluster, node } = call.config;
  const known = readKnownStore(stateDir);
  if (known?.changed !== undefined) throw storeChanged(known, known.changed);
  await using store = await call.openStore({ timeoutMs: LIMIT_MS - MARGIN_MS });
  const { results, header } = await asking("etcd", () =>
    store.txn({
      success: [META_SCHEMA, zoneKey(zone), META_ERA, nodeKey(cluster, node)].map((key) => ({
        range: { key },
      })),
    }));
  if (known !== undefined && !isSameStore(known, header)) throw storeChanged(known, header);
  const [schema, found, era, registered] = results.map((result) =>
    result.kind === "range" ? result.response.kvs[0] : undefined
  );
  if (schema !== undefined) checkStoreSchema(schema);
  if (era !== undefined) checkRecovered(era);
  if (registered !== undefined) {
    const { machineId } = await readNodeIdentity(call);
    admitMachine({ cluster, node }, machineId, decodeResource(registered, "Node"));
  }
  if (found === undefined) {
    throw new FabricError("not-found", `Zone ${zone} of this node does not exist`, {
      field: "zone",
      value: zone,
      remedy: "create it with fabric-admin apply, or correct zone in the node's configuration",
    });
  }
}

/** An ADD reads its Pod there; whether we may is seen by reading the namespace that all have. */
async function checkApiServer({ config }: Call): Promise<void> {
  const { kubernetes } = config;
  if (kubernetes === undefined) return;
  await asking("kubernetes", async () => {
    const to = await readKubeconfig(kubernetes.kubeconfig);
    const client = openKubeClient(to, { timeoutMs: LIMIT_MS - MARGIN_MS });
    try {
      await client.get(namespacePath("kube-system"));
    } finally {
      client[Symbol.dispose]();
    }
  });
}

async function checkSwitch(call: Call): Promise<void> {
  const { config } = call;
  await using db = await connectOvsdb({
    socket: config.ovsdb.socket,
    timeoutMs: LIMIT_MS - MARGIN_MS,
  });
  const { bridges } = await readSwitch(db);
  const missing = Object.values(config.physicalNetworks)
    .filter(({ bridge, create }) => !create && !bridges.some(({ name }) => name === bridge))
    .map(({ bridge }) => bridge);
  try {
    await syncVswitchd(db, { timeoutMs: LIMIT_MS - 2 * MARGIN_MS });
  } catch (error) {
    throw cutOff(asFabricError(error).message, "see that ovs-vswitchd runs");
  }
  if (missing.length > 0) {
    const what = missing.length === 1 ? "Bridge" : "Bridges";
    throw cutOff(
      `${what} ${missing.join(", ")} of this node's configuration not found`,
      "make it, or correct physicalNetworks in the node's configuration",
    );
  }
}

/** Its commands have times of their own; half of a way would be worse than a late answer. */
async function keepServicesOf(call: Call): Promise<void> {
  await using db = await connectOvsdb({ socket: call.config.ovsdb.socket });
  await keepServices(call, db, await readSwitch(db, { services: true }));
}

/** Pods that run need this too. */
function cutOff(message: string, remedy: string): FabricError {
  return new FabricError("unavailable", message, { remedy, details: { reason: "cut-off" } });
}
