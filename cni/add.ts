/**
 * ADD: parse request → which network → allocate → plumb → result.
 *
 * etcd is asked beside the making of the devices, and the switch is told beside the setting up of
 * the pod's side; what needs the outcome of another step waits for just that. Every effect's
 * opposite is registered before it happens, so a failure leaves nothing behind.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { BUILD } from "fabric/build";
import { asFabricError, FabricError } from "../mod/error.ts";
import type { Store } from "../mod/etcd/store.ts";
import { limitTrafficToPod, type Shaper, shaperOf } from "../mod/host/bandwidth.ts";
import { hostIfname } from "../mod/host/ifname.ts";
import { addLeakFilter, delLeakFilter } from "../mod/host/leak_filter.ts";
import { addVeth, delLink, setLinkUp } from "../mod/host/link.ts";
import { checkNetnsPath, netnsMissing } from "../mod/host/netns.ts";
import { type ConfiguredPod, configurePod } from "../mod/host/pod.ts";
import type { PodInterface } from "../mod/host/pod_plan.ts";
import { createUndo, type Undo, type UndoFailure } from "../mod/host/undo.ts";
import { allocate } from "../mod/ipam/allocate.ts";
import type { AllocateRequest, Allocation } from "../mod/ipam/allocation.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { physicalNetworkKey } from "../mod/ipam/keys.ts";
import { seenInstead, storeChanged } from "../mod/ipam/known.ts";
import { release } from "../mod/ipam/release.ts";
import { decodeResource } from "../mod/ipam/stored.ts";
import { DEFAULT_MTU } from "../mod/model/network.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import { connectOvsdb, delPort, type Ovsdb, readSwitch } from "../mod/ovsdb/mod.ts";
import { attachmentRef, type Call } from "./call.ts";
import { portFacts, recordOf } from "./facts.ts";
import { readKnownStore } from "./known_store.ts";
import { asking, withDetails } from "./neighbour.ts";
import { readNodeIdentity } from "./node_identity.ts";
import { addResult, podInterface } from "./pod_interface.ts";
import type { AddRequest } from "./request.ts";
import { chainResult, type CniResult } from "./result.ts";
import { finishEntriesOf } from "./spooled.ts";
import {
  commonNeeds,
  makeBridge,
  planBridge,
  type PlannedBridge,
  plugIn,
  uplinksToWatch,
} from "./switch_port.ts";
import { ADD_WAIT_MS, takeTurn } from "./turn.ts";

/** A connection to ovsdb-server, and every answer from it. */
export const OVSDB_TIMEOUT_MS = 1_800;

/** What an ADD made. */
export interface Added {
  readonly result: CniResult;
  readonly record: AttachmentRecord;
  /** An earlier ADD had recorded it, and its answer was lost. */
  readonly existing: boolean;
}

/**
 * Attaches the sandbox's interface.
 *
 * @throws {FabricError} Whole: nothing is left in etcd, in Open vSwitch or on the host, unless
 * `details.reason` is `undo`.
 */
export async function add(request: AddRequest, call: Call): Promise<Added> {
  const { containerId, ifname, netns } = request.sandbox;
  checkNetnsPath(netns);
  if (isMissing(netns)) throw netnsMissing(netns);
  const { ingress, egress } = request.wanted.bandwidth;
  const shapers = {
    ingress: ingress === undefined ? undefined : shaperOf(ingress),
    egress: egress === undefined ? undefined : shaperOf(egress),
  };
  const host = await hostIfname(containerId, ifname);
  using turn = await takeTurn(call, host, { waitMs: ADD_WAIT_MS });
  if (!turn.taken) throw stillBusy(ifname);
  await using store = await call.openStore();
  const context = call.ipam(store);
  // A DEL of an earlier life of this container that was not said yet goes first.
  await finishEntriesOf(host, call, context);
  const failures: UndoFailure[] = [];
  const undo = createUndo((failure) => failures.push(failure));
  try {
    const added = await attach({ request, call, context, store, host, shapers, undo });
    undo.keep();
    faultPoint("add:before-result");
    return added;
  } catch (error) {
    const instead = seenInstead(asFabricError(error));
    if (instead !== undefined) call.remember(instead);
    faultPoint("add:before-undo");
    await undo.undo();
    faultPoint("add:after-undo");
    turn.forget();
    throw failures.length === 0 ? error : notUndone(asFabricError(error), failures);
  }
}

function stillBusy(ifname: string): FabricError {
  return new FabricError("try-again", `Another call for interface ${ifname} is still under way`, {
    remedy: "the runtime tries again, or deletes the sandbox",
  });
}

/** Where a path can be looked at without asking a program; it is looked at again by `ip`. */
function isMissing(path: string): boolean {
  try {
    Deno.statSync(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function notUndone(error: FabricError, failures: readonly UndoFailure[]): FabricError {
  const rest = failures.map(({ what, error: cause }) =>
    `${what} (${asFabricError(cause).message})`
  );
  return new FabricError(error.kind, `${error.message}; not taken back: ${rest.join(", ")}`, {
    remedy: error.remedy ?? "the runtime's DEL cleans up",
    details: { ...error.details, reason: "undo" },
    cause: error,
  });
}

interface Work {
  readonly request: AddRequest;
  readonly call: Call;
  readonly context: IpamContext;
  readonly store: Store;
  /** Name of the host's end, and of the port. */
  readonly host: string;
  readonly shapers: Readonly<Record<"ingress" | "egress", Shaper | undefined>>;
  readonly undo: Undo;
}

/** All steps; each begins as soon as what it needs is there. */
async function attach(work: Work): Promise<Added> {
  const { request, call, host } = work;
  const asked = await allocateRequest(request, call);
  // No further step begins when one has failed.
  let failed = false;
  const then = <T, R>(before: Promise<T>, step: (value: T) => R | Promise<R>): Promise<R> =>
    before.then((value) => {
      if (failed) throw new FabricError("internal", "another step of this ADD failed");
      return step(value);
    });
  const allocating = allocateAddresses(work, asked);
  const dialing = dialSwitch(call);
  const connecting = call.steps.time("ovsdb", async () => readState(call, await dialing));
  // To start the first program keeps this one busy for some milliseconds; by now the neighbours
  // have their questions, and answer meanwhile.
  const linking = then(dialing, () => makeDevices(work));
  const planning = then(allocating, (allocation) => podInterface(request, allocation));
  const bridging = then(
    Promise.all([allocating, connecting]),
    ([{ network }, { state }]) => planBridge(call.config, network.spec.physicalNetwork, state),
  );
  const needing = then(
    Promise.all([connecting, linking]),
    async ([{ state }]) => commonNeeds(call.config, state) ?? (await bridging).needs,
  );
  const filtering = then(needing, ({ leakFilter }) => leakFilter ? filterLeaks(work) : undefined);
  const limiting = then(linking, () => limitIngress(work));
  const plugging = then(
    Promise.all([allocating, connecting, bridging, linking]),
    ([allocation, { db }, bridge]) => plug(work, { asked, allocation, db, bridge }),
  );
  const connected = Promise.all([plugging, filtering, limiting]);
  const configuring = then(
    needing,
    ({ txOffload }) => setUpPod(work, { planning, connected, txOffload }),
  );

  const steps = [allocating, linking, connecting, planning, bridging, needing, configuring];
  try {
    const [allocation, pod, { defaultRoute }] = await Promise.all([
      allocating,
      planning,
      configuring,
      connected,
      ...steps,
    ]);
    const own = addResult(request, { allocation, pod, host, defaultRoute });
    call.remember(allocation.header);
    return {
      result: chainResult(request.previous, own),
      record: recordOf(asked, allocation, call.now()),
      existing: allocation.existing,
    };
  } catch (error) {
    failed = true;
    // Nothing of this call may still be under way when it is taken back.
    await Promise.allSettled([...steps, plugging, filtering, limiting]);
    throw error;
  } finally {
    await dialing.then((db) => db[Symbol.asyncDispose](), () => {});
  }
}

async function allocateRequest(
  { conf, sandbox, pod, wanted }: AddRequest,
  call: Call,
): Promise<AllocateRequest> {
  const { config } = call;
  const { machineId, bootId } = await readNodeIdentity(call);
  const known = readKnownStore(config.stateDir);
  if (known?.changed !== undefined) throw storeChanged(known, known.changed);
  return {
    attachment: attachmentRef(config, sandbox),
    confName: conf.name,
    ...(pod === undefined ? {} : { pod }),
    netns: sandbox.netns,
    machineId,
    bootId,
    zone: config.zone,
    networks: wanted.networks.length > 0 ? wanted.networks : config.defaultNetwork,
    ...(wanted.addresses.length === 0 ? {} : { addresses: wanted.addresses }),
    ...(wanted.mac === undefined ? {} : { mac: wanted.mac }),
    ...(known === undefined ? {} : { known }),
    fabricVersion: BUILD.version,
  };
}

/** etcd: one transaction holds everything. Its opposite ends only what this call recorded. */
function allocateAddresses(work: Work, asked: AllocateRequest): Promise<Allocation> {
  const { call, context, undo } = work;
  let made: Allocation | undefined;
  return undo.effect({
    what: "addresses",
    do: () =>
      call.steps.time("etcd", () =>
        asking("etcd", async () => {
          faultPoint("add:before-allocate");
          made = await allocate(context, asked);
          faultPoint("add:after-allocate");
          return made;
        })),
    // An allocation that failed left nothing, or has told the store so itself (rule 3).
    undo: async () => {
      if (made === undefined || made.existing) return;
      // Nobody has seen the addresses: they need no rest.
      await asking(
        "etcd",
        () => release(context, asked.attachment, { endedBy: "undo", cool: false }),
      );
    },
  });
}

function makeDevices({ request, call, host, undo }: Work): Promise<void> {
  const { ifname, netns } = request.sandbox;
  return undo.effect({
    what: `device ${host}`,
    do: () =>
      call.steps.time("veth", async () => {
        faultPoint("add:before-veth");
        await addVeth(call.run, { host, peer: ifname, netns });
        faultPoint("add:after-veth");
      }),
    undo: () => delLink(call.run, host),
  });
}

interface Switch {
  readonly db: Ovsdb;
  readonly state: Awaited<ReturnType<typeof readSwitch>>;
}

function dialSwitch({ config }: Call): Promise<Ovsdb> {
  return asking(
    "ovsdb",
    () => connectOvsdb({ socket: config.ovsdb.socket, timeoutMs: OVSDB_TIMEOUT_MS }),
  );
}

function readState({ config }: Call, db: Ovsdb): Promise<Switch> {
  return asking("ovsdb", async () => ({
    db,
    state: await readSwitch(db, { ports: uplinksToWatch(config) }),
  }));
}

/** The frames of the pod stay away from the host's own stack (only a netdev datapath needs that). */
function filterLeaks({ call, host, undo }: Work): Promise<void> {
  return undo.effect({
    what: `filter of ${host}`,
    do: () =>
      call.steps.time("filter", async () => {
        faultPoint("add:before-filter");
        await addLeakFilter(call.run, host);
        faultPoint("add:after-filter");
      }),
    undo: () => delLeakFilter(call.run, host),
  });
}

async function limitIngress({ call, host, shapers }: Work): Promise<void> {
  const shaper = shapers.ingress;
  if (shaper === undefined) return;
  await call.steps.time("limit", () => limitTrafficToPod(call.run, { device: host, shaper }));
}

/** The switch: resolves when ovs-vswitchd has the port in its datapath. */
async function plug(
  work: Work,
  { asked, allocation, db, bridge }: {
    readonly asked: AllocateRequest;
    readonly allocation: Allocation;
    readonly db: Ovsdb;
    readonly bridge: PlannedBridge;
  },
): Promise<void> {
  const { call, host, shapers, undo } = work;
  if (bridge.missing) {
    const mtu = await physicalMtu(work, allocation);
    await asking("ovsdb", () => makeBridge(db, bridge, { mtu })).catch((error) => {
      throw withDetails(asFabricError(error), { reason: "bridge" });
    });
  }
  const { mtu } = allocation;
  const { up } = await undo.effect({
    what: `port ${host}`,
    do: () =>
      call.steps.time("port", () =>
        asking("ovsdb", async () => {
          faultPoint("add:before-port");
          const plugged = await plugIn(db, {
            bridge: bridge.config.bridge,
            name: host,
            vlan: allocation.network.spec.vlan,
            externalIds: portFacts(recordOf(asked, allocation, call.now())),
            mtuRequest: mtu,
            ...(bridge.mtu === undefined ? {} : { bridgeMtu: bridge.mtu }),
            noopQos: shapers.ingress !== undefined,
          }, { likely: allocation.again, raise: () => setLinkUp(call.run, host) });
          faultPoint("add:after-port");
          return plugged;
        })),
    undo: () => unplug(call, host),
  });
  await call.steps.time("ofport", () => asking("vswitchd", () => up));
  faultPoint("add:after-ofport");
}

/** By a connection of its own: the one at hand may be what broke. */
async function unplug({ config }: Call, host: string): Promise<void> {
  await using db = await connectOvsdb({
    socket: config.ovsdb.socket,
    timeoutMs: OVSDB_TIMEOUT_MS,
  });
  await delPort(db, host);
}

/** What a bridge that is made here gets; asked once in a node's life. */
async function physicalMtu({ store }: Work, { network }: Allocation): Promise<number> {
  const { kvs } = await asking(
    "etcd",
    () => store.range({ key: physicalNetworkKey(network.spec.physicalNetwork) }),
  );
  const [kv] = kvs;
  const mtu = kv === undefined ? undefined : decodeResource(kv, "PhysicalNetwork").spec.mtu;
  return mtu ?? DEFAULT_MTU;
}

/** The pod's side. Its programs start before the addresses are known, and announce at the end. */
function setUpPod(
  { request, call, shapers, undo }: Work,
  legs: {
    readonly planning: Promise<PodInterface>;
    readonly connected: Promise<unknown>;
    readonly txOffload: boolean;
  },
): Promise<ConfiguredPod> {
  const { ifname, netns } = request.sandbox;
  const { egress } = shapers;
  return undo.effect({
    what: "pod",
    do: () =>
      call.steps.time("pod", async () => {
        faultPoint("add:before-pod");
        const { planning, connected, txOffload } = legs;
        const configured = await configurePod(call.run, planning, {
          netns,
          ifname,
          txOffload,
          connected,
          ...(egress === undefined ? {} : { egress }),
        });
        faultPoint("add:after-pod");
        return configured;
      }),
    // It goes with the devices.
    undo: () => Promise.resolve(),
  });
}
