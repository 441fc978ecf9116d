/**
 * Many Pods: a network with exactly as many addresses as there are Pods, on ten nodes, and a rollout
 * of Pods with fixed addresses. The API's objects are real; the sandboxes are the lab's, and ADD and
 * DEL are called as a kubelet's runtime calls them. Each node has its door to the API server, as an
 * installation has it.
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
import { openDoorOn } from "../kube/door_fixture.ts";
import { resultOf } from "../e2e/by_hand.ts";
import { processorMs } from "./plugin_driver.ts";
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
  /** Seconds of processors in all ADDs of a node: what they take when nothing else runs beside them. */
  readonly processorSecondsPerNode: number;
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

async function startBed(count: number): Promise<KubeBed> {
  const exact = { vlan: 500, subnets: [{ cidr: "10.44.0.0/20", ranges: [rangeOf(count)] }] };
  const bed = await startKubeBed({ hosts: NODES, networks: { exact }, defaultNetwork: "exact" });
  const doors = await Promise.all(bed.hosts.map((host) => openDoorOn(host, bed.kube)));
  const close = async (): Promise<void> => {
    for (const door of doors) await door.stop();
    await bed[Symbol.asyncDispose]();
  };
  return { ...bed, [Symbol.asyncDispose]: close };
}

const LETTERS = "bcdfghjklmnpqrstvwxz2456789";
/** Five letters, as a ReplicaSet adds to its name for each of its Pods. */
function suffixOf(index: number): string {
  const digits = [0, 1, 2, 3, 4].map((place) => Math.floor(index / LETTERS.length ** place));
  return digits.map((digit) => LETTERS[digit % LETTERS.length]).join("");
}

async function makePods(
  bed: KubeBed,
  owner: OwnerRef,
  { count, hostOf }: {
    readonly count: number;
    /** The host of a Pod by its number. */
    readonly hostOf: (index: number) => number;
  },
): Promise<readonly ApiPod[]> {
  const pods: ApiPod[] = [];
  await inParallel(Array.from({ length: count }, (_, i) => i), AT_ONCE, async (i) => {
    const node = bed.host(hostOf(i)).plan.name;
    pods[i] = await makePod(bed.kube, `${owner.name}-${suffixOf(i)}`, { owner, node });
  });
  return pods;
}

const inTurns = (index: number): number => index % NODES;
/** Another node than before. */
const onTheNext = (index: number): number => (index + 1) % NODES;

/** Starts all Pods, node by node. */
export async function measurePods(count: number): Promise<PodsRow> {
  await using bed = await startBed(count);
  const deployment = await makeWorkload(bed.kube, "Deployment", "many");
  const owner = await makeWorkload(bed.kube, "ReplicaSet", "many-7d4b9c6f58", {
    owner: deployment,
  });
  const pods = await makePods(bed, owner, { count, hostOf: inTurns });
  const times: number[][] = [];
  const processor: number[] = [];
  const addresses = new Set<string>();
  for (const [at, host] of bed.hosts.entries()) {
    const own = pods.filter((_, i) => inTurns(i) === at);
    const durations: number[] = [];
    const sandboxes = [];
    for (const pod of own) sandboxes.push({ pod, sandbox: await host.sandbox() });
    const before = processorMs();
    for (const { pod, sandbox } of sandboxes) {
      const { answer } = await tryAdd(host, pod, { sandbox });
      for (const { address } of resultOf(answer).ips) addresses.add(address);
      durations.push(answer.durationMs);
    }
    processor.push((processorMs() - before) / 1000);
    times.push(durations);
  }
  return {
    case: `${count} Pods on ${NODES} nodes, as many addresses`,
    pods: count,
    addSecondsPerNode: median(times.map((all) => all.reduce((sum, ms) => sum + ms, 0) / 1000)),
    addMedianMs: median(times.flat()),
    processorSecondsPerNode: median(processor),
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
  const setOf = (name: string): Promise<OwnerRef> =>
    makeWorkload(bed.kube, "ReplicaSet", `roll-${name}`, { owner: deployment });
  const [old, next] = [await setOf("5f6d7c8b9d"), await setOf("7d4b9c6f58")];
  const before = await makePods(bed, old, { count, hostOf: inTurns });
  const after = await makePods(bed, next, { count, hostOf: onTheNext });
  const running: RunningPod[] = [];
  for (const [i, pod] of before.entries()) {
    running.push(await runPod(bed.host(inTurns(i)), pod));
  }
  const held = new Set(running.flatMap(({ addresses }) => addresses));
  const start = performance.now();
  let same = 0;
  for (const [i, old] of running.entries()) {
    const pod = after[i];
    if (pod === undefined) break;
    await forceDelete(bed.kube, old.pod);
    await old.stop();
    const next = await runPod(bed.host(onTheNext(i)), pod);
    same += next.addresses.filter((address) => held.has(address)).length;
  }
  return {
    case: `rollout of ${count} Pods with fixed addresses`,
    pods: count,
    seconds: (performance.now() - start) / 1000,
    sameAddresses: same,
  };
}
