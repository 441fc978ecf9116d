/** Fixed addresses of all kinds of workloads, on three nodes, whatever is done to them. */

import { assertEquals } from "@std/assert";
import type { ManifestObject } from "../lab/mod.ts";
import { startCluster } from "./cluster.ts";
import { CHANGES } from "./changes.ts";
import { KINDS } from "./kinds.ts";
import { LIFE } from "./life.ts";
import { watchAddresses } from "./sightings.ts";
import { untilSound } from "./sound.ts";

/** What the scenarios list lies below what is handed out unasked. */
const NETWORK: ManifestObject = {
  apiVersion: "beyondfabric.io/v1alpha1",
  kind: "Network",
  metadata: { name: "vlan100" },
  spec: {
    physicalNetwork: "prod",
    vlan: 100,
    subnets: [
      { cidr: "10.100.0.0/24", gateway: "10.100.0.1", ranges: ["10.100.0.100-10.100.0.250"] },
      {
        cidr: "fd00:100::/64",
        gateway: "fd00:100::1",
        ranges: ["fd00:100::1:0-fd00:100::ffff:ffff"],
      },
    ],
  },
};

Deno.test("fixed addresses stay with every kind of workload on three nodes", async (t) => {
  await using cluster = await startCluster({
    nodes: 3,
    secondInterface: true,
    patient: true,
    objects: [NETWORK],
  });
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
