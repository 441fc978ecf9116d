/**
 * What Kubernetes adds to an ADD: the same executable on the same host, cold, with and without a
 * kubeconfig, for a Pod of a Deployment (Pod, Namespace, ReplicaSet and Deployment are read).
 *
 * @module
 */

import { stringify } from "yaml";
import { makePod, makeWorkload, ours, startKubeBed } from "../kube/bed.ts";
import { defaultConfig } from "../lab/fabric.ts";
import type { Job, Times } from "./plugin_driver.ts";
import { median, percentile } from "./table.ts";

export interface KubernetesRow {
  readonly case: string;
  readonly addMedian: number;
  readonly addP95: number;
  /** Over the same ADD without Kubernetes. */
  readonly addsMedian: number;
  readonly addsP95: number;
}

/** Calls both in turns. */
export async function measureKubernetes(rounds: number): Promise<readonly KubernetesRow[]> {
  await using bed = await startKubeBed({ hosts: 1 });
  const host = bed.host(0);
  const plain = stringify({
    ...defaultConfig({ etcd: bed.lab.etcd }, host),
    cluster: bed.kube.uid,
    defaultNetwork: "vlan100",
  });
  await host.writeFile("/etc/fabric/plain.yaml", plain);
  const deployment = await makeWorkload(bed.kube, "Deployment", "bench");
  const fixed = await makeWorkload(bed.kube, "Deployment", "fixed", {
    annotations: ours({ fixed: "true" }),
  });
  const cases = await Promise.all(
    ([["any address", deployment], ["fixed address", fixed]] as const).map(async ([name, of]) => {
      const owner = await makeWorkload(bed.kube, "ReplicaSet", `${of.name}-1`, { owner: of });
      const pod = await makePod(bed.kube, `${of.name}-1-a`, { owner });
      const args = Object.entries({
        IgnoreUnknown: "1",
        K8S_POD_NAMESPACE: pod.namespace,
        K8S_POD_NAME: pod.name,
        K8S_POD_UID: pod.uid,
      }).map(([key, value]) => `${key}=${value}`).join(";");
      return { name, args, config: "/etc/fabric/config.yaml" };
    }),
  );
  const without = "without Kubernetes";
  const job: Job = {
    rounds,
    cniPath: "/opt/cni/bin",
    cases: [{ name: without, args: "", config: "/etc/fabric/plain.yaml" }, ...cases].map((one) => ({
      name: one.name,
      args: one.args,
      program: "/opt/cni/bin/fabric",
      conf: { cniVersion: "1.0.0", name: "fabric", type: "fabric", config: one.config },
    })),
  };
  const driver = new URL("./plugin_driver.ts", import.meta.url).pathname;
  const output = await host.execOk(
    [Deno.execPath(), "run", "--quiet", "--no-check", "--no-lock", "-A", driver],
    { input: JSON.stringify(job), timeoutMs: 300_000 },
  );
  const times: Times = JSON.parse(output);
  const base = times[without]?.add ?? [];
  return Object.entries(times).map(([name, { add }]) => ({
    case: name,
    addMedian: median(add),
    addP95: percentile(add, 95),
    addsMedian: median(add) - median(base),
    addsP95: percentile(add, 95) - percentile(base, 95),
  }));
}
