/** Fixed addresses of all kinds of workloads, on three nodes, whatever is done to them. */

import { assertEquals } from "@std/assert";
import { startCluster } from "./cluster.ts";
import { CHANGES } from "./changes.ts";
import { KINDS } from "./kinds.ts";
import { LIFE } from "./life.ts";
import { watchAddresses } from "./sightings.ts";
import { untilSound } from "./sound.ts";

Deno.test("fixed addresses stay with every kind of workload on three nodes", async (t) => {
  await using cluster = await startCluster({ nodes: 3, secondInterface: true, patient: true });
  const server = await cluster.lab.addServer({
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });
  const sightings = watchAddresses(cluster);
  for (const [name, show] of [...KINDS, ...CHANGES, ...LIFE]) {
    await t.step(name, () => show({ cluster, server }));
  }
  await t.step("nothing is damaged, and no address was at two places", async () => {
    await untilSound(cluster);
    assertEquals((await sightings.end()).twice, []);
  });
});
