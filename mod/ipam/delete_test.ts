import { assertEquals, assertStringIncludes } from "@std/assert";
import { refused, startDataCentre } from "../../tests/data_centre.ts";
import { network } from "../../tests/documents.ts";
import { addRequest } from "../../tests/ipam_fixture.ts";
import { parseRange } from "../ip/range.ts";
import { allocate } from "./allocate.ts";
import { applyResource } from "./apply.ts";
import { deleteResource } from "./delete.ts";
import { getResource, listResources } from "./kinds.ts";
import { release } from "./release.ts";
import { reserve, unreserve } from "./reserve.ts";

const POOL = { cidr: "10.0.0.0/24", gateway: "10.0.0.1" };

Deno.test("deleteResource() refuses what is referenced or used, naming by whom", async () => {
  await using fixture = await startDataCentre();
  const { context, store } = fixture;
  await applyResource(context, network("pods", { vlan: 10, zones: ["z1"], subnets: [POOL] }));
  const wire = { kind: "PhysicalNetwork", name: "prod" } as const;
  const byAll = await refused(() => deleteResource(context, wire), "in-use");
  assertEquals(
    byAll.message,
    "PhysicalNetwork prod cannot be deleted, it is in use: Network pods, Zone z1, Zone z2",
  );
  await allocate(context, addRequest("c1"));
  const z1 = { kind: "Zone", name: "z1" } as const;
  const zone = await refused(() => deleteResource(context, z1), "in-use");
  assertStringIncludes(zone.message, "Network pods, Node local/n1");
  const n1 = { kind: "Node", name: "n1", cluster: "local" } as const;
  assertStringIncludes((await refused(() => deleteResource(context, n1), "in-use")).message, "c1");
  const pods = { kind: "Network", name: "pods" } as const;
  assertStringIncludes(
    (await refused(() => deleteResource(context, pods), "in-use")).message,
    "c1",
  );
  await release(context, addRequest("c1").attachment, { endedBy: "del" });
  await reserve(context, { network: "pods", range: parseRange("10.0.0.9"), reason: "printer" });
  await refused(() => deleteResource(context, pods), "in-use");
  await unreserve(context, { network: "pods", range: parseRange("10.0.0.9") });

  const stale = { resourceVersion: "1" };
  await refused(() => deleteResource(context, pods, stale), "conflict");
  await deleteResource(context, pods, { dryRun: true });
  assertEquals((await deleteResource(context, pods)).metadata.name, "pods");
  for (const prefix of ["networks/", "free/", "freesize/", "addresses/", "owners/"]) {
    assertEquals((await store.range({ key: prefix, end: `${prefix}~` })).count, 0, prefix);
  }
  assertEquals((await store.range({ key: "history/", end: "history/~" })).count, 1);
  await deleteResource(context, n1);
  await deleteResource(context, z1);
  await deleteResource(context, { kind: "Zone", name: "z2" });
  await deleteResource(context, wire);
  const gone = await refused(() => deleteResource(context, wire), "not-found");
  assertEquals(gone.message, "PhysicalNetwork prod does not exist");
});

Deno.test("getResource() and listResources() read the store; a name nearly right is suggested", async () => {
  await using fixture = await startDataCentre();
  const { store } = fixture;
  const names = (await Array.fromAsync(listResources(store, "Zone"))).map((z) => z.metadata.name);
  assertEquals(names, ["z1", "z2"]);
  const error = await refused(
    () => getResource(store, { kind: "PhysicalNetwork", name: "prd" }),
    "not-found",
  );
  assertEquals(error.remedy, "did you mean prod");
});
