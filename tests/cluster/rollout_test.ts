/** Fixed addresses in rollouts, scalings, drains and a power cut of a real cluster. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { effort } from "../effort.ts";
import { startCluster } from "./cluster.ts";
import { rolledOut, settled, untilPods } from "./rollouts.ts";
import { ipsOf } from "./scenario.ts";
import { watchAddresses } from "./sightings.ts";
import { deployment, statefulSet } from "./workloads.ts";

const IPS = "beyondfabric.io/ips";
const FIXED = "beyondfabric.io/fixed";

Deno.test("fixed addresses stay with their workload in a real cluster", async (t) => {
  await using cluster = await startCluster({ patient: true });
  const server = await cluster.lab.addServer({
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });

  await t.step("a Deployment of 5 with 5 addresses rolls out without a surge", async () => {
    const annotations = { [IPS]: "10.100.0.50-10.100.0.54,fd00:100::50-fd00:100::54" };
    await cluster.apply(deployment("orders", { replicas: 5, annotations }));
    await rolledOut(cluster, "deployment/orders");
    const expected = [50, 51, 52, 53, 54].map((n) => `10.100.0.${n}`);
    assertEquals(await ipsOf(cluster, "orders", 5), expected);
    const sightings = watchAddresses(cluster);
    for (let round = 0; round < effort(5, 100); round++) {
      await cluster.kubectl("rollout", "restart", "deployment/orders");
      await rolledOut(cluster, "deployment/orders");
      assertEquals(await ipsOf(cluster, "orders", 5), expected);
    }
    const { twice, looks } = await sightings.end();
    assertEquals(twice, []);
    assert(looks > 100, `${looks} looks`);
    for (const ip of expected) assert(await server.reaches(ip), ip);
  });

  await t.step("rolled back, orphaned, deleted and made again: the same addresses", async () => {
    const before = await ipsOf(cluster, "orders", 5);
    await cluster.kubectl("rollout", "undo", "deployment/orders");
    await rolledOut(cluster, "deployment/orders");
    assertEquals(await ipsOf(cluster, "orders", 5), before);
    await cluster.kubectl("delete", "deployment/orders", "--cascade=orphan");
    const annotations = { [IPS]: "10.100.0.50-10.100.0.54,fd00:100::50-fd00:100::54" };
    await cluster.apply(deployment("orders", { replicas: 5, annotations }));
    await rolledOut(cluster, "deployment/orders");
    assertEquals(await ipsOf(cluster, "orders", 5), before);
    await cluster.kubectl("delete", "deployment/orders", "--cascade=foreground", "--wait");
    await cluster.apply(deployment("orders", { replicas: 5, annotations }));
    await rolledOut(cluster, "deployment/orders");
    assertEquals(await ipsOf(cluster, "orders", 5), before);
  });

  await t.step("a StatefulSet's Pod keeps its address on another node", async () => {
    await cluster.apply(statefulSet("ledger", { replicas: 2, annotations: { [FIXED]: "true" } }));
    await rolledOut(cluster, "statefulset/ledger");
    const before = await settled(cluster, "ledger", 2);
    const [first] = before;
    assert(first?.node !== undefined);
    await cluster.kubectl("cordon", first.node);
    await cluster.kubectl("delete", "pod", first.name);
    await rolledOut(cluster, "statefulset/ledger");
    const after = await settled(cluster, "ledger", 2);
    assertEquals(after.map(({ ip }) => ip), before.map(({ ip }) => ip));
    assert(after[0]?.node !== first.node);
    await cluster.kubectl("uncordon", first.node);
    assert(await server.reaches(first.ip ?? ""));
  });

  await t.step("scaled down and up, drained: the same addresses", async () => {
    const before = await ipsOf(cluster, "ledger", 2);
    const orders = await ipsOf(cluster, "orders", 5);
    await cluster.kubectl("scale", "statefulset/ledger", "--replicas=0");
    await untilPods(cluster, "ledger", (pods) => pods.length === 0);
    await cluster.kubectl("scale", "statefulset/ledger", "--replicas=2");
    await rolledOut(cluster, "statefulset/ledger");
    assertEquals(await ipsOf(cluster, "ledger", 2), before);
    await cluster.kubectl("drain", "host1", "--ignore-daemonsets", "--force", "--timeout=120s");
    await cluster.kubectl("uncordon", "host1");
    await rolledOut(cluster, "statefulset/ledger");
    await rolledOut(cluster, "deployment/orders");
    assertEquals(await ipsOf(cluster, "ledger", 2), before);
    assertEquals(await ipsOf(cluster, "orders", 5), orders);
  });

  await t.step("nothing is damaged", async () => {
    assertMatch(await cluster.admin("check"), /^no damage/);
  });
});
