/**
 * Scenarios: what people do with Pods that run, and what nodes do to them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually, requireOk } from "../lab/mod.ts";
import { untilTold } from "./events.ts";
import { untilNodeReady } from "./node.ts";
import { rolledOut, settled, untilPods } from "./rollouts.ts";
import { ADMIN_KUBECONFIG } from "./control_plane.ts";
import { FIXED, ipsOf, type Scenario, type World } from "./scenario.ts";
import { TOOLS } from "../lab/mod.ts";
import { barePod, containers, statefulSet } from "./workloads.ts";

/** Probes inside of the container, exec, logs, port-forward; a container that starts again. */
async function probes({ cluster, server }: World): Promise<void> {
  const test = (condition: string) => ({
    exec: { command: ["test", ...condition.split(" ")] },
    periodSeconds: 1,
    failureThreshold: 1,
  });
  const main = containers({
    command: ["sh", "-c", "echo begun; touch /tmp/up; exec /agnhost netexec --http-port=8080"],
    startupProbe: { ...test("-e /tmp/up"), failureThreshold: 30 },
    readinessProbe: test("! -e /tmp/busy"),
    livenessProbe: test("! -e /tmp/dead"),
  });
  await cluster.apply(barePod("probed", { pod: main }));
  const isReady = async (ready: boolean) =>
    (await untilPods(cluster, "probed", ([pod]) => pod?.ready === ready))[0];
  const pod = await isReady(true);
  const ip = pod?.ip ?? "";
  assert(await server.reaches(ip));
  const inside = (...argv: readonly string[]) => cluster.kubectl("exec", "probed", "--", ...argv);
  assertMatch(
    await inside("ip", "-o", "-4", "address", "show", "eth0"),
    new RegExp(`${ip}/24`),
  );
  assertMatch(await cluster.kubectl("logs", "probed"), /begun/);
  await using forward = cluster.lab.management.start([
    ...[`${TOOLS}kubernetes/kubectl`, `--kubeconfig=${ADMIN_KUBECONFIG}`],
    ...["port-forward", "pod/probed", "18080:8080"],
  ]);
  await forward.until(/Forwarding from 127/, 60_000);
  const url = "http://127.0.0.1:18080/hostname";
  assertEquals(await cluster.lab.management.execOk(["curl", "--silent", url]), "probed");
  await inside("touch", "/tmp/busy");
  await isReady(false);
  assert(await server.reaches(ip), "a Pod that is not ready has its address");
  await inside("rm", "/tmp/busy");
  await isReady(true);
  await inside("touch", "/tmp/dead");
  const restarts = "-o=jsonpath={.status.containerStatuses[0].restartCount}";
  await eventually(
    "the container starts again",
    async () => await cluster.kubectl("get", "pod", "probed", restarts) === "1",
    { timeoutMs: 60_000 },
  );
  const again = await isReady(true);
  assertEquals([again?.uid, again?.ip], [pod?.uid, pod?.ip]);
  assertMatch(await cluster.kubectl("logs", "probed", "--previous"), /begun/);
}

/** Evicted by the API, and ended by its kubelet as in an eviction: the next Pod has the address. */
async function evicted({ cluster }: World): Promise<void> {
  await cluster.apply(statefulSet("greedy", { annotations: FIXED }));
  await rolledOut(cluster, "statefulset/greedy");
  const [before] = await settled(cluster, "greedy", 1);
  const next = async (former: string | undefined) => {
    const [pod] = await untilPods(
      cluster,
      "greedy",
      ([it]) => it?.ready === true && it.uid !== former,
    );
    assertEquals(pod?.ip, before?.ip);
    return pod?.uid;
  };
  const metadata = { name: "greedy-0", namespace: "default" };
  const input = JSON.stringify({ apiVersion: "policy/v1", kind: "Eviction", metadata });
  const path = "/api/v1/namespaces/default/pods/greedy-0/eviction";
  await cluster.plane.kubectl(["create", `--raw=${path}`, "-f-"], { input });
  const second = await next(before?.uid);
  const deadline = JSON.stringify({ spec: { activeDeadlineSeconds: 1 } });
  await cluster.kubectl("patch", "pod", "greedy-0", "--type=merge", `--patch=${deadline}`);
  await next(second);
}

/** A node is emptied by a taint, and then by a drain that heeds a budget. */
async function emptied({ cluster, server }: World): Promise<void> {
  await cluster.apply({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "shop" },
    spec: { minAvailable: 2, selector: { matchLabels: { app: "shop" } } },
  });
  const before = await ipsOf(cluster, "shop", 3);
  const gone = (node: string) =>
    untilPods(
      cluster,
      "shop",
      (pods) =>
        pods.length === 3 && pods.every((pod) => pod.ready && !pod.ending && pod.node !== node),
    );
  await cluster.kubectl("taint", "node", "host3", "maintenance=now:NoExecute");
  await gone("host3");
  assertEquals(await ipsOf(cluster, "shop", 3), before);
  await cluster.kubectl("taint", "node", "host3", "maintenance-");
  const flags = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s"];
  await cluster.kubectl("drain", "host2", ...flags);
  await gone("host2");
  assertEquals(await ipsOf(cluster, "shop", 3), before);
  await cluster.kubectl("uncordon", "host2");
  for (const ip of before) assert(await server.reaches(ip), ip);
  await cluster.kubectl("delete", "pdb", "shop");
}

/** containerd and kubelet are updated: Pods do not notice. */
async function runtimeUpdate({ cluster, server }: World): Promise<void> {
  const [first] = cluster.nodes;
  const here = (await settled(cluster, "shop", 3)).filter(({ node }) => node === "host1");
  assert(first !== undefined && here.length > 0);
  await using capture = server.start(["ping", "-n", "-i", "0.2", here[0]?.ip ?? ""]);
  await first.restartRuntime();
  const restarted = Date.now();
  await eventually("the kubelet says that its node is ready", async () => {
    const path = `-o=jsonpath={.status.conditions[?(@.type=="Ready")].lastHeartbeatTime}`;
    return Date.parse(await cluster.kubectl("get", "node", "host1", path)) > restarted;
  }, { timeoutMs: 120_000 });
  await untilNodeReady(cluster.plane, "host1");
  const answers = [...(await capture.stop()).matchAll(/icmp_seq=(\d+) .*time=/g)];
  const last = Number(answers.at(-1)?.[1]);
  assert(answers.length >= last - 1, `${answers.length} of ${last} answers`);
  assert(await server.reaches(here[0]?.ip ?? ""), "it still answers");
  const after = (await settled(cluster, "shop", 3)).filter(({ node }) => node === "host1");
  assertEquals(after, here);
  await cluster.kubectl("delete", "pod", here[0]?.name ?? "");
  await rolledOut(cluster, "deployment/shop");
}

/** A dead node is fenced by hand; when it boots, it is let in again by hand. */
async function fenced({ cluster, server }: World): Promise<void> {
  const third = cluster.nodes[2];
  assert(third !== undefined);
  await cluster.kubectl("cordon", "host1");
  await cluster.kubectl("cordon", "host2");
  await cluster.apply(statefulSet("vault", { annotations: FIXED }));
  await rolledOut(cluster, "statefulset/vault");
  await cluster.kubectl("uncordon", "host1");
  await cluster.kubectl("uncordon", "host2");
  const [before] = await settled(cluster, "vault", 1);
  assertEquals(before?.node, "host3");
  await third.host.powerOff();
  await cluster.kubectl("cordon", "host3");
  await cluster.kubectl("delete", "pod", "vault-0", "--force", "--grace-period=0");
  await untilTold(cluster, "vault-0", /still held by .*host3/);
  const admin = async (...args: readonly string[]) =>
    requireOk(await cluster.lab.host(0).admin(args));
  const name = ["--cluster", cluster.plane.uid, "host3", "--yes"];
  assertMatch(await admin("fence", ...name, "--reason=power"), /fenced/);
  const [after] = await settled(cluster, "vault", 1);
  assert(after?.node !== "host3");
  assertEquals(after?.ip, before?.ip);
  assert(await server.reaches(after?.ip ?? ""));
  await third.host.powerOn();
  await admin("unfence", ...name);
  await third.boot();
  await cluster.kubectl("uncordon", "host3");
  await untilNodeReady(cluster.plane, "host3");
  await rolledOut(cluster, "daemonset/agent");
  await rolledOut(cluster, "deployment/shop");
}

/** All of them; they go on with what the kinds have left. */
export const LIFE: readonly Scenario[] = [
  ["probes, exec, logs, port-forward, a container that starts again", probes],
  ["evicted, and ended by the kubelet", evicted],
  ["a node emptied by a taint, and by a drain under a budget", emptied],
  ["an update of containerd and kubelet", runtimeUpdate],
  ["a dead node fenced by hand", fenced],
];
