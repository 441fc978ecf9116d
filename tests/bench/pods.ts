/**
 * Many Pods: a network with exactly as many addresses as there are Pods, on ten nodes, and a rollout
 * of Pods with fixed addresses. The API's objects are real; the sandboxes are the lab's, and ADD and
 * DEL are called as a kubelet's runtime calls them.
 *
 * @module
 */

import { inParallel } from "../../mod/parallel.ts";
import {
  type ApiPod,
  forceDelete,
  type KubeBed,
  makePod,
  makeWorkload,
  ours,
  type OwnerRef,
  type RunningPod,
  runPod,
  startKubeBed,
  tryAdd,
} from "../kube/bed.ts";
import { resultOf } from "../e2e/by_hand.ts";
import { median } from "./table.ts";

const NODES = 10;
/** API objects that are made at a time. */
const AT_ONCE = 16;

export interface PodsRow {
  readonly case: string;
  readonly pods: number;
  /** Of all ADDs of a node one after another: our share of what a kubelet does. */
  readonly addSecondsPerNode: number;
  readonly addMedianMs: number;
  readonly distinctAddresses: number;
}

export interface RolloutRow {
  readonly case: string;
  readonly pods: number;
  /** DEL of the old Pod and ADD of the new one, one Pod after another. */
  readonly seconds: number;
  /** Addresses that were the workload's before and after. */
  readonly sameAddresses: number;
}

/** `10.44.0.2-…`, so many addresses. */
function rangeOf(count: number): string {
  const last = count + 1;
  return `10.44.0.2-10.44.${last >> 8}.${last & 255}`;
}

function startBed(count: number): Promise<KubeBed> {
  const exact = { vlan: 500, subnets: [{ cidr: "10.44.0.0/20", ranges: [rangeOf(count)] }] };
  return startKubeBed({ hosts: NODES, networks: { exact }, defaultNetwork: "exact" });
}

async function makePods(
  bed: KubeBed,
  owner: OwnerRef,
  { names, annotations = {} }: {
    readonly names: readonly string[];
    readonly annotations?: Readonly<Record<string, string>>;
  },
): Promise<readonly ApiPod[]> {
  const pods = new Map<string, ApiPod>();
  await inParallel(names, AT_ONCE, async (name) => {
    const node = bed.host(pods.size % NODES).plan.name;
    pods.set(name, await makePod(bed.kube, name, { owner, annotations, node }));
  });
  return names.flatMap((name) => pods.get(name) ?? []);
}

/** Starts all Pods, node by node. */
export async function measurePods(count: number): Promise<PodsRow> {
  await using bed = await startBed(count);
  const owner = await makeWorkload(bed.kube, "ReplicaSet", "many");
  const names = Array.from({ length: count }, (_, i) => `many-${i}`);
  const pods = await makePods(bed, owner, { names });
  const times: number[][] = [];
  const addresses = new Set<string>();
  for (const [at, host] of bed.hosts.entries()) {
    const own = pods.filter((_, i) => i % NODES === at);
    const durations: number[] = [];
    for (const pod of own) {
      const { answer } = await tryAdd(host, pod);
      for (const { address } of resultOf(answer).ips) addresses.add(address);
      durations.push(answer.durationMs);
    }
    times.push(durations);
  }
  return {
    case: `${count} Pods on ${NODES} nodes, as many addresses`,
    pods: count,
    addSecondsPerNode: median(times.map((all) => all.reduce((sum, ms) => sum + ms, 0) / 1000)),
    addMedianMs: median(times.flat()),
    distinctAddresses: addresses.size,
  };
}

/** Replaces all Pods of a Deployment that has exactly as many addresses. */
export async function measureRollout(count: number): Promise<RolloutRow> {
  await using bed = await startBed(count);
  const annotations = ours({ ips: rangeOf(count) });
  const deployment = await makeWorkload(bed.kube, "Deployment", "roll", {
    annotations,
    spec: { replicas: count },
  });
  const sets = await Promise.all(
    ["old", "new"].map((name) =>
      makeWorkload(bed.kube, "ReplicaSet", `roll-${name}`, { owner: deployment })
    ),
  );
  const [before, after] = await Promise.all(sets.map((owner) =>
    makePods(bed, owner, {
      names: Array.from({ length: count }, (_, i) => `${owner.name}-${i}`),
    })
  ));
  const running: RunningPod[] = [];
  for (const [i, pod] of (before ?? []).entries()) {
    running.push(await runPod(bed.host(i % NODES), pod));
  }
  const held = new Set(running.flatMap(({ addresses }) => addresses));
  const start = performance.now();
  let same = 0;
  for (const [i, pod] of (after ?? []).entries()) {
    const old = running[i];
    if (old === undefined) break;
    await forceDelete(bed.kube, old.pod);
    await old.stop();
    // Another node than before.
    const next = await runPod(bed.host((i + 1) % NODES), pod);
    same += next.addresses.filter((address) => held.has(address)).length;
  }
  return {
    case: `rollout of ${count} Pods with fixed addresses`,
    pods: count,
    seconds: (performance.now() - start) / 1000,
    sameAddresses: same,
  };
}
