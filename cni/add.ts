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
import { shaperOf } from "../mod/host/bandwidth.ts";
import type { PlumbSettings } from "../mod/host/plumb.ts";
import { hostIfname } from "../mod/host/ifname.ts";
import { checkNetnsPath, netnsMissing } from "../mod/host/netns.ts";
import type { PodInterface } from "../mod/host/pod_plan.ts";
import { createUndo, type UndoFailure } from "../mod/host/undo.ts";
import type { AllocateRequest } from "../mod/ipam/allocation.ts";
import { seenInstead, storeChanged } from "../mod/ipam/known.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import {
  allocateAddresses,
  bridgeOf,
  dialSwitch,
  plug,
  plumbSandbox,
  readState,
  type Work,
} from "./add_steps.ts";
import { attachmentRef, type Call } from "./call.ts";
import { beginKubeLeg, failureOf, type KubeLeg, withoutKubernetes } from "./kube_leg.ts";
import { recordOf } from "../mod/node/port_facts.ts";
import { readKnownStore } from "../mod/node/known_store.ts";
import { readNodeIdentity } from "../mod/node/identity.ts";
import { addResult, podInterface } from "./pod_interface.ts";
import type { AddRequest } from "./request.ts";
import { chainResult, type CniResult } from "./result.ts";
import { finishEntriesOf } from "./spooled.ts";
import { commonNeeds } from "../mod/node/switch_port.ts";
import { ADD_WAIT_MS, takeTurn } from "../mod/node/turn.ts";
import type { Bandwidth } from "./wanted.ts";

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
  using kube = await beginKubeLeg(request, call);
  try {
    return await addInterface(request, { call, kube });
  } catch (cause) {
    throw await failureOf(cause, request, kube);
  }
}

async function addInterface(
  request: AddRequest,
  { call, kube }: { readonly call: Call; readonly kube: KubeLeg | undefined },
): Promise<Added> {
  const { containerId, ifname, netns } = request.sandbox;
  checkNetnsPath(netns);
  if (isMissing(netns)) throw netnsMissing(netns);
  // Bad rates are refused before anything begins.
  shapersOf(request.wanted.bandwidth);
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
    const added = await attach({
      request,
      call,
      kube,
      context,
      store,
      host,
      undo,
      seen: { port: false },
    });
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

/** @throws {FabricError} `invalid` for a rate that cannot be shaped. */
function shapersOf(
  { ingress, egress }: Partial<Bandwidth>,
): Pick<PlumbSettings, "ingress" | "egress"> {
  return {
    ingress: ingress === undefined ? undefined : shaperOf(ingress),
    egress: egress === undefined ? undefined : shaperOf(egress),
  };
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

/** All steps; each begins as soon as what it needs is there. */
async function attach(work: Work): Promise<Added> {
  const { request, call, host } = work;
  const base = await allocateRequest(request, call);
  // No further step begins when one has failed.
  let failed = false;
  const then = <T, R>(before: Promise<T>, step: (value: T) => R | Promise<R>): Promise<R> =>
    before.then((value) => {
      if (failed) throw new FabricError("internal", "another step of this ADD failed");
      return step(value);
    });
  // The host takes longest and needs nothing to begin with: what it needs later, it is told then.
  const linked = Promise.withResolvers<void>();
  const settled = Promise.withResolvers<PlumbSettings>();
  const planned = Promise.withResolvers<PodInterface>();
  const connected = Promise.withResolvers<unknown>();
  const routed = Promise.withResolvers<boolean>();
  // A step that would have awaited it may never begin.
  for (const { promise } of [linked, routed]) promise.catch(() => {});
  const plumbing = plumbSandbox(work, {
    settings: settled.promise,
    planning: planned.promise,
    connected: connected.promise,
    linked,
    routed,
  });
  const resolving = work.kube?.resolve(base) ?? Promise.resolve(withoutKubernetes(base));
  const allocating = then(resolving, (resolved) => allocateAddresses(work, resolved));
  const dialing = dialSwitch(call);
  const connecting = call.steps.time("ovsdb", async () => readState(call, await dialing));
  const bridging = then(
    Promise.all([allocating, connecting]),
    ([allocation, node]) => bridgeOf(work, { allocation, node }),
  );
  // Only a node that has Services loads the code for them.
  const loading = call.config.services === undefined ? undefined : import("./services_leg.ts");
  const serving = loading === undefined ? undefined : then(
    Promise.all([loading, allocating, bridging, connecting]),
    ([leg, allocation, bridge, node]) =>
      leg.openServices(work, { allocation, bridge, bootId: base.bootId, ...node }),
  );
  const planning = then(
    Promise.all([allocating, serving]),
    ([allocation, services]) => {
      const pod = podInterface(request, allocation);
      return services === undefined ? pod : { ...pod, services: services.reached };
    },
  );
  const needing = then(
    connecting,
    async ({ state }) => commonNeeds(call.config, state) ?? (await bridging).needs,
  );
  const settling = then(
    Promise.all([resolving, needing]),
    ([{ asked }, needs]) => ({ ...needs, ...shapersOf(asked.bandwidth ?? {}) }),
  );
  const plugging = then(
    Promise.all([resolving, allocating, connecting, bridging, linked.promise]),
    ([{ asked }, allocation, { db }, bridge]) => plug(work, { asked, allocation, db, bridge }),
  );
  const attaching = serving === undefined ? undefined : then(
    serving,
    (services) => services.attach(plugging, routed.promise),
  );
  plumbing.catch((error) => {
    linked.reject(error);
    routed.reject(error);
  });
  planning.then(planned.resolve, planned.reject);
  settling.then(settled.resolve, settled.reject);
  // Neighbours hear of the pod when it has all that it shall have.
  Promise.all([plugging, attaching]).then(connected.resolve, connected.reject);

  const steps = [
    resolving,
    allocating,
    dialing,
    connecting,
    bridging,
    settling,
    plumbing,
    plugging,
    ...(serving === undefined ? [] : [serving, attaching]),
  ];
  try {
    const [{ asked }, allocation, pod, { defaultRoute }] = await Promise.all([
      resolving,
      allocating,
      planning,
      plumbing,
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
    await Promise.allSettled(steps);
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
    networks: [wanted.networks, wanted.confNetworks, config.defaultNetwork]
      .find((names) => names.length > 0) ?? [],
    ...(wanted.addresses.length === 0 ? {} : { addresses: wanted.addresses }),
    ...(wanted.mac === undefined ? {} : { mac: wanted.mac }),
    ...(known === undefined ? {} : { known }),
    ...bandwidthOf(wanted),
    fabricVersion: BUILD.version,
  };
}

/** The limits that were asked for. */
function bandwidthOf({ bandwidth }: AddRequest["wanted"]): Pick<AllocateRequest, "bandwidth"> {
  const { ingress, egress } = bandwidth;
  if (ingress === undefined && egress === undefined) return {};
  return {
    bandwidth: {
      ...(ingress === undefined ? {} : { ingress }),
      ...(egress === undefined ? {} : { egress }),
    },
  };
}
