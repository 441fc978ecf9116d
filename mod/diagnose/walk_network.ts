/**
 * The walk of a network as this node has it: its record, the bridge and the wire, asked from a pod
 * of the network that runs here.
 *
 * @module
 */

import type { Network, Zone } from "../model/network.ts";
import { networkFree, type SubnetFree } from "../ipam/usage.ts";
import { zoneKey } from "../ipam/keys.ts";
import { getResource } from "../ipam/kinds.ts";
import { decodeResource } from "../ipam/stored.ts";
import { parseLearnedMacs } from "../ovsdb/trace_parse.ts";
import { bridgeVerdict, uplinkVerdict } from "./bridge_read.ts";
import { type Diagnosis, isSound, type Layer, type Verdict, walk } from "./layer.ts";
import { type Scene, wirePorts } from "./scene.ts";
import { attachmentsHere, type Found } from "./subject.ts";
import { walkPod } from "./walk_pod.ts";
import { list, podText, vlanText } from "./words.ts";

/** Pods that are tried, where the first ones are broken themselves. */
const PROBERS = 3;

/** A frame that came in so lately proves that the VLAN passes; in seconds. */
const LATELY = 10;

export interface WalkNetworkOptions {
  readonly onLayer?: (layer: Layer) => void;
}

/**
 * Walks it.
 *
 * @throws {FabricError} `not-found`: there is no such network; `unavailable`: etcd does not answer.
 */
export async function walkNetwork(
  scene: Scene,
  name: string,
  options: WalkNetworkOptions = {},
): Promise<Diagnosis> {
  const store = await scene.store();
  const network = await getResource(store, { kind: "Network", name });
  const record = await recordVerdict(scene, network);
  const here = (await attachmentsHere(scene)).filter((one) => one.record.network.name === name);
  return await askFromPod(scene, { here, network, record, options }) ??
    await withoutPod(scene, { network, record, options, pods: here.length });
}

interface NetworkWalk {
  readonly network: Network;
  readonly record: Verdict;
  readonly options: WalkNetworkOptions;
}

/** The first walk from a pod whose own part is whole; undefined where there is no such pod. */
async function askFromPod(
  scene: Scene,
  { here, network, record, options }: NetworkWalk & { readonly here: readonly Found[] },
): Promise<Diagnosis | undefined> {
  for (const found of here.slice(0, PROBERS)) {
    const local = await walkPod(scene, found, { localOnly: true });
    if (!isSound(local)) continue;
    const subject = `network ${network.metadata.name}, asked from ${podText(found.record)}`;
    return await walkPod(scene, found, { ...options, lent: { subject, record: () => record } });
  }
  return undefined;
}

async function withoutPod(
  scene: Scene,
  { network, record, options, pods }: NetworkWalk & { readonly pods: number },
): Promise<Diagnosis> {
  const { physicalNetwork, vlan } = network.spec;
  return await walk({
    record: () => record,
    port: () => bridgeVerdict(scene, physicalNetwork),
    uplink: () => uplinkVerdict(scene, { physicalNetwork, vlan }),
    vlan: () => arrivalsVerdict(scene, { physicalNetwork, vlan, pods }),
  }, { subject: `network ${network.metadata.name}`, ...options });
}

async function arrivalsVerdict(
  scene: Scene,
  { physicalNetwork, vlan, pods }: {
    readonly physicalNetwork: string;
    readonly vlan: number;
    readonly pods: number;
  },
): Promise<Verdict> {
  const { bridge = "" } = scene.config.physicalNetworks[physicalNetwork] ?? {};
  const proof = `ovs-appctl fdb/show ${bridge}`;
  const numbers = await scene.numbers();
  const uplinks = wirePorts(await scene.switch(), bridge)
    .flatMap(({ interfaces }) => interfaces.map(({ name }) => name));
  const ports = new Set(uplinks.map((name) => String(numbers.get(name)?.openflow)));
  const macs = parseLearnedMacs(await (await scene.control()).call("fdb/show", bridge));
  const newest = macs.filter((one) => ports.has(one.port) && one.vlan === vlan)
    .toSorted((a, b) => a.ageSeconds - b.ageSeconds)[0];
  if (newest !== undefined && newest.ageSeconds <= LATELY) {
    return {
      status: "ok",
      says: `${vlanText(vlan)} passes: a frame of ${newest.mac} came in ${newest.ageSeconds} s ago`,
      proof,
      notes: ["the gateway was not asked: no pod of the network is on this node"],
    };
  }
  const nobody = pods === 0
    ? "no pod of the network is on this node"
    : "the pods of the network on this node are broken themselves";
  return {
    status: "unknown",
    says: `nobody can be asked: ${nobody}, and no frame of ${vlanText(vlan)} came in lately`,
    proof,
    remedy: pods === 0
      ? "run it on a node with such a pod, or listen on the uplink with tcpdump -en"
      : "diagnose one of them: fabric-admin diagnose pod",
  };
}

/** Layer `record`: this node's zone has the network, and there is room for new pods. */
async function recordVerdict(scene: Scene, network: Network): Promise<Verdict> {
  const { name } = network.metadata;
  const { spec } = network;
  const proof = `fabric-admin describe network ${name}`;
  const { zone: zoneName } = scene.config;
  const store = await scene.store();
  const [free, zones] = await Promise.all([
    networkFree(store, network),
    store.range({ key: zoneKey(zoneName) }),
  ]);
  const kv = zones.kvs[0];
  const zone = kv === undefined ? undefined : decodeResource(kv, "Zone");
  const notHere = whyNotHere(network, zone, zoneName);
  if (notHere !== undefined) {
    return { status: "broken", says: notHere, proof, remedy: "correct the zone or the network" };
  }
  const full = fullFamilies(free);
  const room = free.map((one) => `${countText(one.free)} free in ${one.subnet}`);
  if (full.length > 0) {
    return {
      status: "broken",
      says: `network ${name} has no free ${list(full)} address: its new pods cannot start`,
      evidence: free.map(({ subnet, capacity, used, reserved, cooling }) => ({
        source: subnet,
        says: `capacity ${capacity}, in use ${used}, reserved ${reserved}, cooling ${cooling}`,
      })),
      proof,
      remedy: "add a subnet or a range to the network, or release addresses",
    };
  }
  return {
    status: "ok",
    says: `${vlanText(spec.vlan)} of ${spec.physicalNetwork}, ${list(room)}`,
    proof,
  };
}

function countText(count: bigint): string {
  return count > 1_000_000n ? "over a million" : String(count);
}

function whyNotHere(network: Network, zone: Zone | undefined, name: string): string | undefined {
  const { zones, physicalNetwork } = network.spec;
  if (zone === undefined) return `zone ${name} of this node does not exist`;
  if (zones !== undefined && !zones.includes(name)) {
    return `network ${network.metadata.name} does not reach zone ${name} of this node ` +
      `(it reaches ${list(zones)})`;
  }
  if (zone.spec.physicalNetworks.includes(physicalNetwork)) return undefined;
  return `zone ${name} of this node does not have physical network ${physicalNetwork} ` +
    `of network ${network.metadata.name}`;
}

function fullFamilies(free: readonly SubnetFree[]): readonly string[] {
  return ([4, 6] as const)
    .map((family) => free.filter((one) => one.family === family))
    .filter((some) => some.length > 0 && some.every((one) => one.free === 0n))
    .map((some) => `IPv${some[0]?.family}`);
}
