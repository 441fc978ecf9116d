/**
 * What Kubernetes adds to an ADD: the same executable on the same host, cold, for a Pod of a Deployment
 * (Pod, Namespace, ReplicaSet and Deployment are read), directly and by the node's door, and for a
 * sandbox that is no Pod.
 *
 * @module
 */

import { makePod, makeWorkload, ours, startKubeBed } from "../kube/bed.ts";
import { openDoorOn } from "../kube/door_fixture.ts";
import type { Job, Times } from "./plugin_driver.ts";
import { median, percentile } from "./table.ts";

export interface KubernetesRow {
  readonly case: string;
  readonly addMedian: number;
  readonly addP95: number;
  /** Over the same ADD without Kubernetes. */
  readonly addsMedian: number;
  readonly addsP95: number;
  /** Milliseconds of processors in an ADD. */
  readonly addProcessor: number;
}

const DOOR = "/run/fabric/kubernetes/door.sock";
const AWAY = "/run/fabric/kubernetes/away.sock";
/** A socket can be moved, and is then found at its new place only. */
const move = (from: string, to: string): string => `test ! -e ${from} || mv ${from} ${to}`;

/** Calls all in turns. */
export async function measureKubernetes(rounds: number): Promise<readonly KubernetesRow[]> {
  await using bed = await startKubeBed({ hosts: 1 });
  const host = bed.host(0);
  await using _door = await openDoorOn(host, bed.kube);
  const pods = await Promise.all(
    ([["any", {}], ["fixed", { fixed: "true" }]] as const).map(async ([name, annotations]) => {
      const deployment = await makeWorkload(bed.kube, "Deployment", name, {
        annotations: ours(annotations),
      });
      const owner = await makeWorkload(bed.kube, "ReplicaSet", `${name}-7d4b9c6f58`, {
        owner: deployment,
      });
      const pod = await makePod(bed.kube, `${name}-7d4b9c6f58-x2k9p`, { owner });
      const args = Object.entries({
        IgnoreUnknown: "1",
        K8S_POD_NAMESPACE: pod.namespace,
        K8S_POD_NAME: pod.name,
        K8S_POD_UID: pod.uid,
      }).map(([key, value]) => `${key}=${value}`).join(";");
      return { name: `${name} address`, args };
    }),
  );
  const without = "without Kubernetes";
  const cases = [
    { name: without, args: "", before: move(AWAY, DOOR) },
    ...pods.map(({ name, args }) => ({ name: `door, ${name}`, args, before: move(AWAY, DOOR) })),
    ...pods.map(({ name, args }) => ({ name: `direct, ${name}`, args, before: move(DOOR, AWAY) })),
  ];
  const job: Job = {
    rounds,
    cniPath: "/opt/cni/bin",
    cases: cases.map((one) => ({
      ...one,
      program: "/opt/cni/bin/fabric",
      conf: { cniVersion: "1.0.0", name: "fabric", type: "fabric" },
    })),
  };
  const driver = new URL("./plugin_driver.ts", import.meta.url).pathname;
  const output = await host.execOk(
    [Deno.execPath(), "run", "--quiet", "--no-check", "--no-lock", "-A", driver],
    { input: JSON.stringify(job), timeoutMs: 300_000 },
  );
  const times: Times = JSON.parse(output);
  const base = times[without]?.add ?? [];
  return Object.entries(times).map(([name, { add, addProcessor }]) => ({
    case: name,
    addMedian: median(add),
    addP95: percentile(add, 95),
    addsMedian: median(add) - median(base),
    addsP95: percentile(add, 95) - percentile(base, 95),
    addProcessor,
  }));
}
