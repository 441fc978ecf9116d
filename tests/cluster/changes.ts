/**
 * Scenarios: addresses are changed, are too few, or are held by a Pod that does not end.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually, requireOk } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";
import { untilTold } from "./events.ts";
import { podsOf } from "./pods.ts";
import { rolledOut, settled, untilPods } from "./rollouts.ts";
import { FIXED, IPS, ipsOf, type Scenario, type World } from "./scenario.ts";
import { findingsOf } from "./sound.ts";
import { containers, deployment, statefulSet } from "./workloads.ts";

/** One merge patch. */
function patch(cluster: Cluster, object: string, change: unknown): Promise<string> {
  return cluster.kubectl("patch", object, "--type=merge", `--patch=${JSON.stringify(change)}`);
}

/** Codes that check finds with what it may know of Kubernetes. */
async function codesOf({ cluster: { lab, plane } }: World): Promise<readonly string[]> {
  const file = "/etc/fabric/ctl-kubeconfig";
  const token = await plane.serviceAccountToken("kube-system", "fabric-ctl");
  await lab.host(0).writeFile(file, plane.kubeconfig(token), { mode: 0o600 });
  const env = { FABRIC_KUBERNETES_KUBECONFIG: file };
  const findings = await findingsOf(lab.host(0), { what: ["kubernetes"], env });
  return findings.map(({ code }) => code);
}

/** A rollout that needs more addresses than are listed says so, and both ways out work. */
async function tooFew(world: World): Promise<void> {
  const { cluster } = world;
  const annotations = { [IPS]: "10.100.0.60-10.100.0.61,fd00:100::60-fd00:100::61" };
  const surge = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  await cluster.apply(
    deployment("tight", { replicas: 2, annotations, spec: { strategy: surge } }),
  );
  await rolledOut(cluster, "deployment/tight");
  const listed = await ipsOf(cluster, "tight", 2);
  assertEquals(listed, ["10.100.0.60", "10.100.0.61"]);
  assert((await codesOf(world)).includes("F-K-07"));
  const before = (await settled(cluster, "tight", 2)).map(({ name }) => name);
  await cluster.kubectl("rollout", "restart", "deployment/tight");
  const told =
    /lists 2 addresses.*wants 2 replicas \+ surge 1 = 3 addresses at once.*on-exhausted/s;
  const surging = await untilPods(cluster, "tight", (pods) => pods.length === 3);
  const waiting = surging.find(({ name }) => !before.includes(name));
  await untilTold(cluster, waiting?.name ?? "", told);
  await untilTold(cluster, "tight", told);
  const borrow = { "beyondfabric.io/on-exhausted": "borrow" };
  await patch(cluster, "deployment/tight", {
    spec: { template: { metadata: { annotations: borrow } } },
  });
  await rolledOut(cluster, "deployment/tight");
  const wait = { "beyondfabric.io/on-exhausted": null };
  await patch(cluster, "deployment/tight", {
    spec: {
      strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      template: { metadata: { annotations: wait } },
    },
  });
  await rolledOut(cluster, "deployment/tight");
  assertEquals(await ipsOf(cluster, "tight", 2), listed);
  assert(!(await codesOf(world)).includes("F-K-07"));
}

/** A list is edited while Pods run: each keeps what it has, the next one has the new. */
async function inPlace({ cluster }: World): Promise<void> {
  const list = (from: number) => `10.100.0.${from}-10.100.0.${from + 1}`;
  const spread = { ...deployment("moving", { replicas: 2 }) };
  await cluster.apply({
    ...spread,
    metadata: { name: "moving", annotations: { [IPS]: list(70) } },
  });
  await rolledOut(cluster, "deployment/moving");
  assertEquals(await ipsOf(cluster, "moving", 2), ["10.100.0.70", "10.100.0.71"]);
  await cluster.kubectl("annotate", "deployment/moving", "--overwrite", `${IPS}=${list(72)}`);
  assertEquals(await ipsOf(cluster, "moving", 2), ["10.100.0.70", "10.100.0.71"]);
  const [first] = await podsOf(cluster, "moving");
  await cluster.kubectl("delete", "pod", first?.name ?? "");
  await rolledOut(cluster, "deployment/moving");
  const mixed = await ipsOf(cluster, "moving", 2);
  assertEquals(mixed.map((ip) => /\.7[01]$/.test(ip)), [true, false]);
  await cluster.kubectl("rollout", "restart", "deployment/moving");
  await rolledOut(cluster, "deployment/moving");
  assertEquals(await ipsOf(cluster, "moving", 2), ["10.100.0.72", "10.100.0.73"]);
  await eventually("the old ones are nobody's", async () => {
    const table = await cluster.admin("get", "addresses", "--network", "vlan100");
    const isTaken = (ip: string) => new RegExp(`\\b${ip}\\b.*(used|owned)`, "i").test(table);
    return isTaken("10.100.0.72") && !isTaken("10.100.0.70") && !isTaken("10.100.0.71");
  });
}

/** The Namespace's default network changes: Pods that run stay, the next ones are in the new one. */
async function namespaceNetwork({ cluster }: World): Promise<void> {
  const name = "beyondfabric.io/network";
  await cluster.apply(statefulSet("branch", { replicas: 2, annotations: FIXED }));
  await rolledOut(cluster, "statefulset/branch");
  const [before] = await settled(cluster, "branch", 2);
  await cluster.kubectl("annotate", "namespace", "default", `${name}=vlan200`);
  try {
    await cluster.kubectl("delete", "pod", "branch-1");
    await rolledOut(cluster, "statefulset/branch");
    const [stays, next] = await settled(cluster, "branch", 2);
    assertEquals([stays?.ip, next?.ip?.startsWith("10.200.0.")], [before?.ip, true]);
  } finally {
    await cluster.kubectl("annotate", "namespace", "default", `${name}-`);
  }
  await cluster.kubectl("delete", "statefulset", "branch", "--cascade=foreground");
}

/** An old Pod that does not end keeps its address; the new one says for whom it waits. */
async function hung({ cluster }: World): Promise<void> {
  const script = "trap '' TERM; until [ -e /tmp/enough ]; do sleep 0.5; done";
  const pod = {
    ...containers({ command: ["sh", "-c", script] }),
    terminationGracePeriodSeconds: 300,
  };
  await cluster.apply(deployment("deaf", { annotations: FIXED, pod }));
  await rolledOut(cluster, "deployment/deaf");
  const [old] = await settled(cluster, "deaf", 1);
  await cluster.kubectl("rollout", "restart", "deployment/deaf");
  const [next] = (await untilPods(cluster, "deaf", (pods) => pods.length === 2))
    .filter(({ uid }) => uid !== old?.uid);
  await untilTold(cluster, next?.name ?? "", new RegExp(`${old?.ip}.*${old?.name}`, "s"));
  const holder = requireOk(await cluster.lab.host(0).admin(["who", old?.ip ?? ""]));
  assertMatch(holder, new RegExp(old?.name ?? "none"));
  const letGo = (name = "") => cluster.kubectl("exec", name, "--", "touch", "/tmp/enough");
  await letGo(old?.name);
  await rolledOut(cluster, "deployment/deaf");
  const [after] = await settled(cluster, "deaf", 1);
  assertEquals([after?.ip, after?.name], [old?.ip, next?.name]);
  // Nothing that follows waits for one that hangs.
  await cluster.kubectl("delete", "deployment", "deaf", "--cascade=background");
  await untilPods(cluster, "deaf", (pods) => pods.every(({ ending }) => ending));
  await letGo(after?.name);
  await untilPods(cluster, "deaf", (pods) => pods.length === 0);
}

/** All of them. */
export const CHANGES: readonly Scenario[] = [
  ["too few addresses for the surge: both Events say so, both ways out work", tooFew],
  ["a list that is edited under running Pods", inPlace],
  ["the Namespace's network changes under running Pods", namespaceNetwork],
  ["an old Pod that hangs in Terminating", hung],
];
