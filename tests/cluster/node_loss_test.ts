/** What becomes of fixed addresses when nodes, kubelets and cables fail in a real cluster. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { eventually } from "../lab/mod.ts";
import { startCluster } from "./cluster.ts";
import { untilTold } from "./events.ts";
import { untilNodeReady } from "./node.ts";
import { podsOf } from "./pods.ts";
import { rolledOut, settled, untilPods } from "./rollouts.ts";
import { ipsOf } from "./scenario.ts";
import { untilSound } from "./sound.ts";
import { barePod, daemonSet, deployment, statefulSet } from "./workloads.ts";

const FIXED = { "beyondfabric.io/fixed": "true" };

/** Scheduled to a node by its name. */
const on = (node: string) => ({ nodeSelector: { "kubernetes.io/hostname": node } });

Deno.test("no fixed address is ever at two places, whatever fails in a real cluster", async (t) => {
  await using cluster = await startCluster();
  const [first, second] = cluster.nodes;
  assert(first !== undefined && second !== undefined);
  const server = await cluster.lab.addServer({
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });

  await t.step("a DaemonSet's addresses belong to the nodes", async () => {
    await cluster.apply(daemonSet("agent", { annotations: FIXED }));
    await rolledOut(cluster, "daemonset/agent");
    const byNode = async () =>
      Object.fromEntries((await settled(cluster, "agent", 2)).map(({ node, ip }) => [node, ip]));
    const before = await byNode();
    await cluster.kubectl("rollout", "restart", "daemonset/agent");
    await rolledOut(cluster, "daemonset/agent");
    assertEquals(await byNode(), before);
  });

  await t.step("a static Pod starts, and keeps its address when its file changes", async () => {
    const file = "/etc/kubernetes/manifests/edge.json";
    const write = (annotations: Readonly<Record<string, string>>) =>
      first.host.writeFile(file, JSON.stringify(barePod("edge", { annotations })));
    await write(FIXED);
    const [before] = await untilPods(cluster, "edge", (pods) => pods.some(({ ready }) => ready));
    await write({ ...FIXED, changed: "yes" });
    const [after] = await untilPods(
      cluster,
      "edge",
      (pods) => pods.some(({ ready, uid }) => ready && uid !== before?.uid),
    );
    assertEquals(after?.ip, before?.ip);
    await first.host.execOk(["rm", file]);
    await untilPods(cluster, "edge", (pods) => pods.length === 0);
  });

  await t.step("a dead kubelet: the address waits for the end of the old sandbox", async () => {
    await cluster.kubectl("cordon", "host2");
    await cluster.apply(statefulSet("queue", { replicas: 1, annotations: FIXED }));
    await rolledOut(cluster, "statefulset/queue");
    const [before] = await settled(cluster, "queue", 1);
    await cluster.kubectl("uncordon", "host2");
    await cluster.kubectl("cordon", "host1");
    await first.stopKubelet();
    await cluster.kubectl("delete", "pod", "queue-0", "--force", "--grace-period=0");
    await untilTold(cluster, "queue-0", /still held by .*host1/);
    assertEquals((await podsOf(cluster, "queue")).map(({ ready }) => ready), [false]);
    assert(await server.reaches(before?.ip ?? ""), "the old sandbox lives and has its address");
    first.startKubelet();
    const [after] = await untilPods(cluster, "queue", ([pod]) => pod?.ready === true);
    assertEquals([after?.ip, after?.node], [before?.ip, "host2"]);
    assert(await server.reaches(before?.ip ?? ""));
    await cluster.kubectl("uncordon", "host1");
    await untilNodeReady(cluster.plane, "host1");
  });

  await t.step("a node that is cut off keeps its addresses until it is dead by word", async () => {
    await cluster.kubectl("cordon", "host1");
    const [before] = await untilPods(cluster, "queue", ([pod]) => pod?.node === "host2");
    await cluster.kubectl("uncordon", "host1");
    await second.host.setCable("management", false);
    await eventually("host2 is not Ready", async () => {
      const path = `-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}`;
      return (await cluster.kubectl("get", "node", "host2", path)) !== "True";
    }, { timeoutMs: 90_000 });
    await cluster.kubectl("delete", "pod", "queue-0", "--force", "--grace-period=0");
    await untilTold(cluster, "queue-0", /still held by .*host2/);
    assertEquals((await podsOf(cluster, "queue")).map(({ ready }) => ready), [false]);
    assert(await server.reaches(before?.ip ?? ""), "it still runs on the node that is cut off");
    await second.host.powerOff();
    const taint = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute";
    await cluster.kubectl("taint", "node", "host2", taint);
    const [after] = await untilPods(cluster, "queue", ([pod]) => pod?.ready === true);
    assertEquals([after?.ip, after?.node], [before?.ip, "host1"]);
    assert(await server.reaches(before?.ip ?? ""));
    await second.host.powerOn();
    await second.boot();
    await cluster.kubectl("taint", "node", "host2", `${taint}-`);
    await untilNodeReady(cluster.plane, "host2");
    await rolledOut(cluster, "daemonset/agent");
    assert(await server.reaches(before?.ip ?? ""));
    await untilSound(cluster);
  });

  await t.step("a power cut and a boot: the Pods come back with their addresses", async () => {
    const annotations = FIXED;
    await cluster.apply(deployment("desk", { replicas: 3, annotations, pod: on("host1") }));
    await rolledOut(cluster, "deployment/desk");
    const ips = () => ipsOf(cluster, "desk", 3);
    const before = await ips();
    await first.host.powerCycle();
    await first.boot();
    await untilNodeReady(cluster.plane, "host1");
    await eventually("the Pods answer again", async () => {
      const answers = await Promise.all(before.map((ip) => server.reaches(ip)));
      return answers.every((answer) => answer);
    }, { timeoutMs: 120_000 });
    await rolledOut(cluster, "deployment/desk");
    assertEquals(await ips(), before);
    await untilSound(cluster);
    assertMatch(await cluster.admin("get", "addresses", "--network", "vlan100"), /desk/);
  });
});
