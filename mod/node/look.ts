/**
 * One look at a node: what the store has recorded of it, and how it really is. Whoever compares the
 * two (check, diagnose) has both from here.
 *
 * @module
 */

import { asFabricError } from "../error.ts";
import {
  observeHost,
  readFlows,
  readMacTable,
  type SeenFlow,
  type SeenHost,
  type SeenMac,
} from "../host/observe.ts";
import { observePod, type PodLook } from "../host/observe_pod.ts";
import type { Identity } from "../host/identity.ts";
import { type Run, stderrOf } from "../host/run.ts";
import { observeSwitch, type SeenSwitch } from "../ovsdb/observe.ts";
import type { NodeContext } from "./context.ts";
import { readNodeIdentity } from "./identity.ts";
import { type KnownStore, readKnownStore } from "./known_store.ts";
import { recordInFacts } from "./port_facts.ts";
import { type NodeRecords, readNodeRecords } from "./records.ts";
import { readSpool, type SpoolFile } from "./spool.ts";

/** A node as it is recorded and as it is. */
export interface NodeLook {
  readonly identity: Identity;
  readonly records: NodeRecords;
  /** What the node knew of the store before it was asked for the records. */
  readonly known: KnownStore | undefined;
  /** Undefined where ovsdb-server does not answer; then `switchFault` says why. */
  readonly switch: SeenSwitch | undefined;
  readonly switchFault: string | undefined;
  /** By bridge; undefined where vswitchd does not answer for it. */
  readonly flows: ReadonlyMap<string, readonly SeenFlow[] | undefined>;
  /** By bridge: where it has learnt which MAC. */
  readonly macs: ReadonlyMap<string, readonly SeenMac[]>;
  readonly host: SeenHost;
  /** By port: the namespaces of attachments, and of ports whose facts name one. */
  readonly pods: ReadonlyMap<string, PodLook>;
  readonly spool: readonly SpoolFile[];
  /** What could not be looked at, and why. */
  readonly unseen: readonly string[];
}

export interface LookOptions {
  /** Looks into the pods of these ports only; default: all. */
  readonly ports?: ReadonlySet<string>;
  /** Told after each pod. */
  readonly onPod?: (done: number, all: number) => void;
}

/** So many pods are looked into at a time. */
const AT_ONCE = 8;

/**
 * Looks. The records are read first, then the switch and the host, then the pods: what changes
 * meanwhile makes a difference that a second look does not see.
 *
 * @throws {FabricError} those of the store, and of programs that fail.
 */
export async function lookAtNode(
  context: NodeContext,
  options: LookOptions = {},
): Promise<NodeLook> {
  const { config, run, ipam } = context;
  const identity = await readNodeIdentity({ ...context, onError: () => {} });
  const known = readKnownStore(config.stateDir);
  const records = await readNodeRecords(ipam.store, {
    ...config,
    physicalNetworks: Object.keys(config.physicalNetworks),
  });
  const [seen, host, spool] = await Promise.all([
    lookAtSwitch(context),
    observeHost(run),
    Promise.resolve(readSpool(config.stateDir)),
  ]);
  const pods = await lookAtPods(context, { records, seen: seen.switch, options });
  return { identity, records, known, ...seen, host, pods, spool };
}

async function lookAtSwitch(
  context: NodeContext,
): Promise<Pick<NodeLook, "switch" | "switchFault" | "flows" | "macs" | "unseen">> {
  const { config, run } = context;
  try {
    await using db = await context.connect();
    const seen = await observeSwitch(db);
    const ours = new Set(Object.values(config.physicalNetworks).map(({ bridge }) => bridge));
    const bridges = seen.bridges.filter(({ name }) => ours.has(name));
    const flows = new Map<string, readonly SeenFlow[] | undefined>();
    const macs = new Map<string, readonly SeenMac[]>();
    const canAsk = await hasTools(run);
    for (const { name } of canAsk ? bridges : []) {
      flows.set(name, await readFlows(run, name));
      macs.set(name, await readMacTable(run, name) ?? []);
    }
    const unseen = canAsk ? [] : ["flows cannot be read: ovs-ofctl is not installed here"];
    return { switch: seen, switchFault: undefined, flows, macs, unseen };
  } catch (cause) {
    const error = asFabricError(cause);
    if (!["unavailable", "forbidden"].includes(error.kind)) throw error;
    const switchFault = error.message;
    return { switch: undefined, switchFault, flows: new Map(), macs: new Map(), unseen: [] };
  }
}

/** Where Open vSwitch runs in a container, the host may lack its tools. */
async function hasTools(run: Run): Promise<boolean> {
  try {
    await run(["sh", "-c", "command -v ovs-ofctl && command -v ovs-appctl"]);
    return true;
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    return false;
  }
}

async function lookAtPods(
  { run }: NodeContext,
  { records, seen, options }: {
    readonly records: NodeRecords;
    readonly seen: SeenSwitch | undefined;
    readonly options: LookOptions;
  },
): Promise<ReadonlyMap<string, PodLook>> {
  const { ports: wanted, onPod } = options;
  const places = new Map<string, { readonly netns: string; readonly ifname: string }>();
  for (const { name, facts } of seen?.ports ?? []) {
    const record = recordInFacts(facts);
    if (record !== undefined) places.set(name, record);
  }
  for (const { port, record } of records.attachments.values()) places.set(port, record);
  const chosen = [...places].filter(([port]) => wanted === undefined || wanted.has(port));
  const pods = new Map<string, PodLook>();
  const queue = chosen.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [port, { netns, ifname }] of queue) {
      pods.set(port, netns === "" ? { state: "gone" } : await observePod(run, { netns, ifname }));
      onPod?.(pods.size, chosen.length);
    }
  }));
  return pods;
}
