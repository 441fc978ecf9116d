/**
 * Scenarios: fixed addresses of every kind of workload, as its own controller handles it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { PAUSE_IMAGE } from "./images.ts";
import { FIXED, IPS, ipsOf, type Scenario, type World } from "./scenario.ts";
import { rolledOut, settled } from "./rollouts.ts";
import {
  barePod,
  containers,
  cronJob,
  daemonSet,
  deployment,
  job,
  replicaSet,
  statefulSet,
} from "./workloads.ts";

/** A StatefulSet's addresses go by its ordinals, the first of which is not 0. */
async function ordinals({ cluster }: World): Promise<void> {
  const annotations = { [IPS]: "10.100.0.40-10.100.0.44,fd00:100::40-fd00:100::44" };
  await cluster.apply(
    statefulSet("ledger", { replicas: 3, annotations, spec: { ordinals: { start: 5 } } }),
  );
  const are = async (count: number): Promise<void> => {
    await rolledOut(cluster, "statefulset/ledger");
    const pods = await settled(cluster, "ledger", count);
    assertEquals(
      pods.map(({ name, ip }) => [name, ip]),
      Array.from({ length: count }, (_, n) => [`ledger-${5 + n}`, `10.100.0.${40 + n}`]),
    );
  };
  await are(3);
  await cluster.kubectl("delete", "pod", "ledger-6");
  await are(3);
  for (const replicas of [4, 2, 3]) {
    await cluster.kubectl("scale", "statefulset/ledger", `--replicas=${replicas}`);
    await are(replicas);
  }
  await cluster.kubectl("set", "image", "statefulset/ledger", `main=${PAUSE_IMAGE}`);
  await are(3);
}

/** A DaemonSet has an address on every node, also in a rollout and when Pods are deleted. */
async function daemons({ cluster }: World): Promise<void> {
  const byNode = async (): Promise<Readonly<Record<string, string | undefined>>> => {
    await rolledOut(cluster, "daemonset/agent");
    const pods = await settled(cluster, "agent", 3);
    return Object.fromEntries(pods.map(({ node, ip }) => [node, ip]));
  };
  await cluster.apply(daemonSet("agent", { annotations: FIXED }));
  const before = await byNode();
  assertEquals(Object.keys(before).toSorted(), ["host1", "host2", "host3"]);
  await cluster.kubectl("set", "image", "daemonset/agent", `main=${PAUSE_IMAGE}`);
  assertEquals(await byNode(), before);
  await cluster.kubectl("delete", "pods", "--selector=app=agent");
  assertEquals(await byNode(), before);
}

/** Whatever happens to a Deployment's Pods, they have the slots that it has. */
async function slots({ cluster }: World): Promise<void> {
  await cluster.apply(deployment("shop", { replicas: 3, annotations: FIXED }));
  await rolledOut(cluster, "deployment/shop");
  const all = await ipsOf(cluster, "shop", 3);
  const scaled = async (replicas: number): Promise<readonly string[]> => {
    await cluster.kubectl("scale", "deployment/shop", `--replicas=${replicas}`);
    return await ipsOf(cluster, "shop", replicas);
  };
  assert((await scaled(1)).every((ip) => all.includes(ip)));
  assertEquals(await scaled(0), []);
  assertEquals(await scaled(3), all);
  await cluster.kubectl("set", "image", "deployment/shop", `main=${PAUSE_IMAGE}`);
  await rolledOut(cluster, "deployment/shop");
  assertEquals(await ipsOf(cluster, "shop", 3), all);
  await cluster.kubectl("delete", "deployment/shop", "--cascade=background");
  await cluster.apply(deployment("shop", { replicas: 3, annotations: FIXED }));
  assertEquals(await ipsOf(cluster, "shop", 3), all);
}

/** A Job's Pods, and those of a CronJob's Jobs, have the same address one after the other. */
async function jobs({ cluster }: World): Promise<void> {
  const pod = containers({ command: ["true"] });
  const done = async (name: string): Promise<readonly string[]> => {
    await cluster.kubectl("wait", "--for=condition=Complete", `job/${name}`, "--timeout=120s");
    const ips = "-o=jsonpath={.items[*].status.podIP}";
    return (await cluster.kubectl("get", "pods", `-l=job-name=${name}`, ips)).split(" ");
  };
  const options = { annotations: FIXED, pod };
  await cluster.apply(
    job("batch", { ...options, spec: { completions: 3 } }),
    job("parts", {
      ...options,
      spec: { completions: 3, parallelism: 3, completionMode: "Indexed" },
    }),
    cronJob("nightly", options),
  );
  await cluster.kubectl("create", "job", "night1", "--from=cronjob/nightly");
  const [batch, parts, night1] = [await done("batch"), await done("parts"), await done("night1")];
  await cluster.kubectl("create", "job", "night2", "--from=cronjob/nightly");
  assertEquals([batch.length, new Set(batch).size], [3, 1]);
  assertEquals(new Set(parts).size, 3);
  assertEquals([night1.length, await done("night2")], [1, night1]);
}

/** A bare Pod and a bare ReplicaSet are workloads, too. */
async function bare({ cluster }: World): Promise<void> {
  await cluster.apply(
    barePod("solo", { annotations: FIXED }),
    replicaSet("pair", { replicas: 2, annotations: FIXED }),
  );
  const [solo] = await settled(cluster, "solo", 1);
  const pair = (await settled(cluster, "pair", 2)).map(({ ip }) => ip).toSorted();
  await cluster.kubectl("delete", "pods", "--selector=app in (solo,pair)");
  await cluster.apply(barePod("solo", { annotations: FIXED }));
  assertEquals((await settled(cluster, "solo", 1)).map(({ ip }) => ip), [solo?.ip]);
  assertEquals((await settled(cluster, "pair", 2)).map(({ ip }) => ip).toSorted(), pair);
}

/** Each interface of a Pod has a network and addresses of its own. */
async function secondInterface({ cluster }: World): Promise<void> {
  const annotations = {
    ...FIXED,
    "beyondfabric.io/fixed.eth1": "true",
    "beyondfabric.io/network.eth1": "vlan200",
  };
  await cluster.apply(statefulSet("dual", { replicas: 1, annotations }));
  await rolledOut(cluster, "statefulset/dual");
  const addresses = async (): Promise<readonly (string | undefined)[]> => {
    const said = await cluster.kubectl("exec", "dual-0", "--", "ip", "-o", "-4", "address");
    return ["eth0", "eth1"].map((device) =>
      new RegExp(`${device} +inet (\\S+)/24`).exec(said)?.[1]
    );
  };
  const before = await addresses();
  assertEquals(before.map((it) => it?.slice(0, 7)), ["10.100.", "10.200."]);
  const [pod] = await settled(cluster, "dual", 1);
  assertEquals(before[0], pod?.ip);
  await cluster.kubectl("delete", "pod", "dual-0");
  await settled(cluster, "dual", 1);
  assertEquals(await addresses(), before);
}

/** All of them. */
export const KINDS: readonly Scenario[] = [
  ["a StatefulSet with its first ordinal, scaled and rolled out", ordinals],
  ["a DaemonSet on three nodes, rolled out and deleted", daemons],
  ["a Deployment scaled, rolled out, deleted and made again", slots],
  ["a Job, an indexed Job and the Jobs of a CronJob", jobs],
  ["a bare Pod and a bare ReplicaSet", bare],
  ["both interfaces of a Pod", secondInterface],
];
