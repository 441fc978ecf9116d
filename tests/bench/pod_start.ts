/**
 * From "the Pod exists" to "the Pod is Ready", 20 Pods at once on one node, with fabric and with the
 * reference plugin `bridge` in turns: the same cluster, node, kubelet, runtime and image.
 *
 * @module
 */

import { type Cluster, startCluster } from "../cluster/cluster.ts";
import { CLUSTER_DIR } from "../cluster/control_plane.ts";
import { barePod, deployment } from "../cluster/workloads.ts";
import { eventually, TOOLS } from "../lab/mod.ts";
import { median, percentile } from "./table.ts";

export interface StartRow {
  readonly plugin: string;
  readonly pods: number;
  /** Seconds until a Pod is Ready, over all Pods of all rounds. */
  readonly median: number;
  readonly p95: number;
  /** This plugin's / bridge's, of the same round; the median over the rounds. */
  readonly medianRatio: number;
  readonly p95Ratio: number;
}

/** It sorts before ours, so a runtime that finds it uses it. */
const BRIDGE_CONFLIST = "/etc/cni/net.d/05-bridge.conflist";
const BRIDGE = {
  cniVersion: "1.0.0",
  name: "bridge",
  plugins: [{
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    ipMasq: true,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: "10.51.0.0/22" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  }],
};
const PLUGINS = ["fabric", "bridge"] as const;
type Plugin = typeof PLUGINS[number];

/** Starts `pods` Pods `rounds` times with each plugin. */
export async function measurePodStart(
  { pods, rounds }: { readonly pods: number; readonly rounds: number },
): Promise<readonly StartRow[]> {
  await using cluster = await startCluster({ nodes: 1 });
  const [host] = cluster.lab.hosts;
  for (const plugin of ["bridge", "host-local"]) {
    await host?.mount(`${TOOLS}cni/${plugin}`, `/opt/cni/bin/${plugin}`);
  }
  // The first round fills the caches of kernel and runtime; it is not counted.
  const rows: Record<Plugin, (readonly number[])[]> = { fabric: [], bridge: [] };
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? PLUGINS : PLUGINS.toReversed();
    for (const plugin of order) {
      await usePlugin(cluster, plugin);
      const seconds = await startPods(cluster, { name: `${plugin}-${round}`, pods });
      if (round > 0) rows[plugin].push(seconds);
    }
  }
  const ratio = (plugin: Plugin, p: number): number =>
    median(rows[plugin].map((own, i) => percentile(own, p) / percentile(rows.bridge[i] ?? [], p)));
  return PLUGINS.map((plugin) => ({
    plugin,
    pods,
    median: median(rows[plugin].flat()),
    p95: percentile(rows[plugin].flat(), 95),
    medianRatio: ratio(plugin, 50),
    p95Ratio: ratio(plugin, 95),
  }));
}

/** The runtime watches the folder; that it took the new file is seen by a Pod's address. */
async function usePlugin(cluster: Cluster, plugin: Plugin): Promise<void> {
  const host = cluster.lab.host(0);
  if (plugin === "bridge") await host.writeFile(BRIDGE_CONFLIST, JSON.stringify(BRIDGE));
  else await host.execOk(["rm", "-f", BRIDGE_CONFLIST]);
  await eventually(`the runtime uses ${plugin}`, async () => {
    const name = `probe-${crypto.randomUUID().slice(0, 8)}`;
    await cluster.apply(barePod(name));
    await cluster.kubectl("wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
    const address = await cluster.kubectl("get", "pod", name, "-o=jsonpath={.status.podIP}");
    await cluster.kubectl("delete", "pod", name, "--grace-period=1");
    return address.startsWith("10.51.") === (plugin === "bridge");
  }, { timeoutMs: 60_000 });
}

/** Seconds from the first sight of each Pod to its being Ready. */
async function startPods(
  cluster: Cluster,
  { name, pods }: { readonly name: string; readonly pods: number },
): Promise<readonly number[]> {
  const watch = cluster.lab.management.start([
    `${TOOLS}kubernetes/kubectl`,
    `--kubeconfig=${CLUSTER_DIR}/admin.conf`,
    "get",
    "pods",
    `--selector=app=${name}`,
    "--watch",
    `-o=jsonpath={.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}`,
  ]);
  const seen = new Map<string, number>();
  const ready = new Map<string, number>();
  try {
    await cluster.apply(deployment(name, { replicas: pods }));
    let read = 0;
    await eventually(`${pods} Pods are Ready`, () => {
      const now = performance.now();
      const text = watch.output();
      const end = text.lastIndexOf("\n") + 1;
      for (const line of text.slice(read, end).split("\n")) {
        const [pod = "", status] = line.trim().split(" ");
        if (pod === "") continue;
        if (!seen.has(pod)) seen.set(pod, now);
        if (status === "True" && !ready.has(pod)) ready.set(pod, now);
      }
      read = end;
      return Promise.resolve(ready.size === pods);
    }, { timeoutMs: 180_000, everyMs: 10 });
  } finally {
    await watch.stop();
  }
  await cluster.kubectl("delete", "deployment", name, "--cascade=foreground");
  await eventually(
    "the Pods are gone",
    async () => await cluster.kubectl("get", "pods", "-o=name") === "",
  );
  return [...ready].map(([pod, at]) => (at - (seen.get(pod) ?? at)) / 1000);
}
