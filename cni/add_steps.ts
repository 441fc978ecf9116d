/**
 * The steps of an ADD, each an effect with its opposite.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { asFabricError, FabricError, isKind } from "../mod/error.ts";
import type { Store } from "../mod/etcd/store.ts";
import { setLinkUp } from "../mod/host/link.ts";
import { takeNetnsTurn } from "../mod/host/netns_turn.ts";
import { plumb, type PlumbSettings, unplumb } from "../mod/host/plumb.ts";
import type { ConfiguredPod } from "../mod/host/pod.ts";
import { type PodInterface, sourceTableOf } from "../mod/host/pod_plan.ts";
import type { Undo } from "../mod/host/undo.ts";
import type { AllocateRequest, Allocation } from "../mod/ipam/allocation.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import { physicalNetworkKey } from "../mod/ipam/keys.ts";
import { release } from "../mod/ipam/release.ts";
import { decodeResource } from "../mod/ipam/stored.ts";
import { DEFAULT_MTU } from "../mod/model/network.ts";
import { connectOvsdb, delPort, type Ovsdb, readSwitch } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";
import { portFacts, recordOf } from "../mod/node/port_facts.ts";
import type { KubeLeg, ResolvedAdd } from "./kube_leg.ts";
import { asking, withDetails } from "./neighbour.ts";
import type { AddRequest } from "./request.ts";
import { podServices } from "../mod/node/services/notes.ts";
import {
  makeBridge,
  planBridge,
  type PlannedBridge,
  plugIn,
  uplinksToWatch,
} from "../mod/node/switch_port.ts";

/** A connection to ovsdb-server, and every answer from it. */
const OVSDB_TIMEOUT_MS = 1_800;

/** What all steps of one ADD share. */
export interface Work {
  readonly request: AddRequest;
  readonly call: Call;
  /** Undefined on a node without Kubernetes. */
  readonly kube: KubeLeg | undefined;
  readonly context: IpamContext;
  readonly store: Store;
  /** Name of the host's end, and of the port. */
  readonly host: string;
  readonly undo: Undo;
  /** Set when the port is in the datapath: from then on neighbours may have seen its addresses. */
  readonly seen: { port: boolean };
}

/** etcd: one transaction holds everything. Its opposite ends only what this call recorded. */
export function allocateAddresses(
  work: Work,
  resolved: ResolvedAdd,
): Promise<Allocation> {
  const { call, context, undo, seen } = work;
  let made: Allocation | undefined;
  return undo.effect({
    what: "addresses",
    do: () =>
      call.steps.time("etcd", () =>
        asking("etcd", async () => {
          faultPoint("add:before-allocate");
          made = await resolved.allocate(context);
          faultPoint("add:after-allocate");
          return made;
        })),
    // An allocation that failed left nothing, or has told the store so itself (rule 3).
    undo: async () => {
      if (made === undefined || made.existing) return;
      // Addresses that nobody has seen need no rest.
      await asking(
        "etcd",
        () => release(context, resolved.asked.attachment, { endedBy: "undo", cool: seen.port }),
      );
    },
  });
}

/** The node's switch. */
export interface Switch {
  readonly db: Ovsdb;
  readonly state: Awaited<ReturnType<typeof readSwitch>>;
}

/** Reaches ovsdb-server. */
export function dialSwitch({ config }: Call): Promise<Ovsdb> {
  return asking(
    "ovsdb",
    () => connectOvsdb({ socket: config.ovsdb.socket, timeoutMs: OVSDB_TIMEOUT_MS }),
  );
}

/** What the switch is like, before anything is asked of it. */
export function readState({ config }: Call, db: Ovsdb): Promise<Switch> {
  return asking("ovsdb", async () => ({
    db,
    state: await readSwitch(db, {
      ports: uplinksToWatch(config),
      services: config.services !== undefined,
    }),
  }));
}

/**
 * The host: devices, filter and limits, then the pod's side, which is told its addresses when they
 * are known and announces them when it is connected.
 */
export function plumbSandbox(
  { request, call, host, undo }: Work,
  legs: {
    readonly settings: Promise<PlumbSettings>;
    readonly planning: Promise<PodInterface>;
    readonly connected: Promise<unknown>;
    readonly linked: PromiseWithResolvers<void>;
    /** Whether the default routes come to this interface. */
    readonly routed: PromiseWithResolvers<boolean>;
  },
): Promise<ConfiguredPod> {
  const { ifname, netns } = request.sandbox;
  const { settings, planning, connected, linked, routed } = legs;
  const linking = call.steps.time("veth", () => linked.promise);
  linking.catch(() => {});
  return undo.effect({
    what: `device ${host}`,
    do: () =>
      call.steps.time("host", async () => {
        let made = false;
        let turn: Disposable | undefined;
        const ready = async (): Promise<PodInterface> => {
          const pod = reached(await planning);
          if (pod.defaultRoute === "first") turn = await takeNetnsTurn(netns);
          return pod;
        };
        const onLinked = (): void => {
          made = true;
          faultPoint("add:after-veth");
          linked.resolve();
        };
        faultPoint("add:before-veth");
        try {
          const configured = await plumb(call.run, ready(), {
            host,
            netns,
            ifname,
            settings,
            connected,
            onLinked,
            onRoute: routed.resolve,
          });
          faultPoint("add:after-pod");
          return configured;
        } catch (cause) {
          // A conflict of another step is none of these devices, which are ours to take back.
          if (!made || !isKind(cause, "conflict")) throw cause;
          throw new FabricError("host", "another step of this ADD failed", { cause });
        } finally {
          turn?.[Symbol.dispose]();
        }
      }),
    undo: () =>
      unplumb(call.run, {
        host,
        netns,
        sourceTable: sourceTableOf(ifname),
        services: podServices(call.config, host),
      }),
  });
}

/** The plan is about to be handed to the pod's side. */
function reached(pod: PodInterface): PodInterface {
  faultPoint("add:before-pod");
  return pod;
}

/** The bridge of the pod's network; made first where it is missing and shall be made. */
export async function bridgeOf(
  work: Work,
  { allocation, node: { db, state } }: {
    readonly allocation: Allocation;
    readonly node: Switch;
  },
): Promise<PlannedBridge> {
  const bridge = planBridge(work.call.config, allocation.network.spec.physicalNetwork, state);
  if (!bridge.missing) return bridge;
  const mtu = await physicalMtu(work, allocation);
  await asking("ovsdb", () => makeBridge(db, bridge, { mtu })).catch((error) => {
    throw withDetails(asFabricError(error), { reason: "bridge" });
  });
  return bridge;
}

/** The switch: resolves to the port's number when ovs-vswitchd has it in its datapath. */
export async function plug(
  work: Work,
  { asked, allocation, db, bridge }: {
    readonly asked: AllocateRequest;
    readonly allocation: Allocation;
    readonly db: Ovsdb;
    readonly bridge: PlannedBridge;
  },
): Promise<number> {
  const { call, host, undo, seen } = work;
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
            // Traffic to the pod is limited: the switch must leave the limit alone.
            noopQos: asked.bandwidth?.ingress !== undefined,
          }, { likely: allocation.again, raise: () => setLinkUp(call.run, host) });
          faultPoint("add:after-port");
          return plugged;
        })),
    undo: () => unplug(call, host),
  });
  const ofport = await call.steps.time("ofport", () => asking("vswitchd", () => up));
  seen.port = true;
  faultPoint("add:after-ofport");
  return ofport;
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
