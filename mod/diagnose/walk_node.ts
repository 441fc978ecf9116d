/**
 * The walk of this node: its record and bridges, each network that has pods here, and what every pod
 * has on this node.
 *
 * @module
 */

import { asFabricError, FabricError } from "../error.ts";
import { nodeKey } from "../ipam/keys.ts";
import { decodeResource } from "../ipam/stored.ts";
import { bridgeVerdict, uplinkVerdict } from "./bridge_read.ts";
import { type Diagnosis, type Verdict, walk } from "./layer.ts";
import type { Scene } from "./scene.ts";
import { attachmentsHere, type Found } from "./subject.ts";
import { walkNetwork } from "./walk_network.ts";
import { walkPod } from "./walk_pod.ts";

/** So many are walked at a time. */
const AT_ONCE = 6;

export interface WalkNodeOptions {
  /** No further network is begun after so long. */
  readonly limitMs: number;
  readonly onProgress?: (text: string) => void;
}

/** What was found on a node. */
export interface NodeDiagnosis {
  /** The node's own part, one for each physical network. */
  readonly bridges: readonly Diagnosis[];
  readonly networks: readonly Diagnosis[];
  /** Those that are broken on this node. */
  readonly pods: readonly Diagnosis[];
  /** How many interfaces of pods were looked at. */
  readonly looked: number;
}

/**
 * Walks it; `name` is `NODE` or `CLUSTER/NODE`.
 *
 * @throws {FabricError} `invalid`: it is another node.
 */
export async function walkNode(
  scene: Scene,
  name: string,
  options: WalkNodeOptions,
): Promise<NodeDiagnosis> {
  const { cluster, node, physicalNetworks } = scene.config;
  if (name !== node && name !== `${cluster}/${node}`) {
    throw new FabricError("invalid", `This is node ${cluster}/${node}, not ${name}`, {
      field: "NAME",
      value: name,
      remedy: `run there: fabric-admin diagnose node ${name}`,
    });
  }
  const start = performance.now();
  const record = await nodeVerdict(scene);
  const bridges: Diagnosis[] = [];
  for (const physicalNetwork of Object.keys(physicalNetworks)) {
    bridges.push(
      await walk({
        record: () => record,
        port: () => bridgeVerdict(scene, physicalNetwork),
        uplink: () => uplinkVerdict(scene, { physicalNetwork, vlan: 0, anyVlan: true }),
      }, { subject: `node ${node}, physical network ${physicalNetwork}` }),
    );
  }
  const here = await attachmentsHere(scene);
  const pods = await inTurns(here, async (found) => {
    options.onProgress?.(`looking at ${here.length} interfaces`);
    return await walkPod(scene, found, { localOnly: true });
  });
  const names = [...new Set(here.map(({ record }) => record.network.name))].sort();
  const networks = await inTurns(names, async (network) => {
    options.onProgress?.(`asking in ${names.length} networks`);
    const late = performance.now() - start > options.limitMs;
    return late ? await notAsked(network) : await networkOrWhyNot(scene, { network, here });
  });
  return {
    bridges,
    networks,
    pods: pods.filter(({ broken }) => broken !== undefined),
    looked: here.length,
  };
}

async function inTurns<T, R>(items: readonly T[], walkOne: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const [i, item] of queue) results[i] = await walkOne(item);
  }));
  return results;
}

async function notAsked(network: string): Promise<Diagnosis> {
  const verdict: Verdict = { status: "unknown", says: "not asked: the time was up" };
  return await walk({ vlan: () => verdict }, { subject: `network ${network}` });
}

/** Without the store, a pod of the network is asked from all the same. */
async function networkOrWhyNot(
  scene: Scene,
  { network, here }: { readonly network: string; readonly here: readonly Found[] },
): Promise<Diagnosis> {
  try {
    return await walkNetwork(scene, network);
  } catch (error) {
    const found = here.find(({ record }) => record.network.name === network);
    const verdict: Verdict = { status: "unknown", says: asFabricError(error).message };
    const lent = { subject: `network ${network}`, record: () => verdict };
    return found === undefined
      ? await walk({ record: () => verdict }, { subject: lent.subject })
      : await walkPod(scene, found, { lent });
  }
}

/** Layer `record` of a node. */
async function nodeVerdict(scene: Scene): Promise<Verdict> {
  const { cluster, node, zone } = scene.config;
  const key = nodeKey(cluster, node);
  const asked = await scene.ask((store) => store.range({ key }));
  const proof = `fabric-admin describe node ${cluster}/${node}`;
  if ("silent" in asked) {
    return {
      status: "unknown",
      says: "etcd does not answer: running pods do not need it, new ones wait",
      evidence: [{ source: "etcd", says: asked.silent }],
      proof,
      remedy: "see that etcd runs, and that etcd.endpoints of /etc/fabric/config.yaml are right",
    };
  }
  const kv = asked.value.kvs[0];
  const says = `${cluster}/${node} in zone ${zone}`;
  if (kv === undefined) {
    return { status: "ok", says, notes: ["no pod was attached here yet: it has no record"], proof };
  }
  const { spec } = decodeResource(kv, "Node");
  if (spec.fenced !== undefined) {
    return {
      status: "broken",
      says: `node ${node} is fenced: its attachments count as ended, and their addresses may be ` +
        "given to others",
      evidence: [{
        source: key,
        says: `fenced ${spec.fenced.at ?? ""} ${spec.fenced.reason ?? ""}`,
      }],
      proof,
      remedy: `where the node is well: fabric-admin unfence ${cluster}/${node}`,
    };
  }
  const notes = spec.zone === zone ? [] : [`its record says zone ${spec.zone}`];
  return { status: "ok", says, notes, proof };
}
