import { assertEquals, assertStringIncludes } from "@std/assert";
import { refused, startDataCentre } from "../../tests/data_centre.ts";
import { network, node, zone } from "../../tests/documents.ts";
import { addRequest } from "../../tests/ipam_fixture.ts";
import { parseAddress } from "../ip/address.ts";
import { parseRange } from "../ip/range.ts";
import { allocate } from "./allocate.ts";
import { applyResource } from "./apply.ts";
import { getResource } from "./kinds.ts";
import { release } from "./release.ts";
import { reserve } from "./reserve.ts";

const POOL = { cidr: "10.0.0.0/24", gateway: "10.0.0.1" };
const owner = {
  cluster: "local",
  group: "apps",
  kind: "StatefulSet",
  namespace: "trade",
  name: "orders",
  slot: "0",
  ifname: "eth0",
};

Deno.test("applyResource() refuses to take away addresses in use, naming who uses them", async () => {
  await using fixture = await startDataCentre();
  const { context } = fixture;
  const apply = (subnet: Record<string, unknown>) =>
    applyResource(context, network("pods", { vlan: 10, subnets: [{ ...POOL, ...subnet }] }));
  await apply({});
  const pod = { namespace: "trade", name: "web-1" };
  const given = (text: string) => [parseAddress(text)];
  await allocate(context, addRequest("c1", { addresses: given("10.0.0.7"), pod }));
  await allocate(context, addRequest("c2", { addresses: given("10.0.0.8"), owner }));
  await release(context, addRequest("c2").attachment, { endedBy: "del" });
  await reserve(context, { network: "pods", range: parseRange("10.0.0.9"), reason: "printer" });

  const shrunk = await refused(() => apply({ ranges: ["10.0.0.100-10.0.0.200"] }), "in-use");
  assertEquals(
    shrunk.message,
    "Cannot take addresses in use away from Network pods: " +
      "10.0.0.7 (pod trade/web-1 (eth0) on node local/n1), " +
      "10.0.0.8 (StatefulSet.apps trade/orders slot 0 eth0), 10.0.0.9 (reserved: printer)",
  );
  assertEquals(shrunk.details["count"], 3);
  for (
    const subnet of [
      { exclude: ["10.0.0.7"] },
      { exclude: ["10.0.0.8/31"] },
      { exclude: ["10.0.0.9-10.0.0.12"] },
      { gateway: "10.0.0.7" },
      { cidr: "10.0.0.8/29", gateway: "10.0.0.10" },
      { cidr: "10.9.0.0/24", gateway: "10.9.0.1" },
    ]
  ) {
    await refused(() => apply(subnet), "in-use");
  }
  await apply({ ranges: ["10.0.0.7-10.0.0.9"], exclude: ["10.0.0.50"] });
  // Asked for, outside the ranges: it is the subnet's, and may stay or come.
  await allocate(context, addRequest("c3", { addresses: given("10.0.0.99") }));
  await apply({ ranges: ["10.0.0.5-10.0.0.9"] });
  await refused(() => apply({ ranges: ["10.0.0.5-10.0.0.9"], exclude: ["10.0.0.99"] }), "in-use");
});

Deno.test("applyResource() names the first five users and how many there are", async () => {
  await using fixture = await startDataCentre();
  const { context } = fixture;
  await applyResource(context, network("pods", { vlan: 10, subnets: [POOL] }));
  await reserve(context, {
    network: "pods",
    range: parseRange("10.0.0.20-10.0.0.31"),
    reason: "x",
  });
  const subnets = [{ ...POOL, exclude: ["10.0.0.16/28"] }];
  const error = await refused(
    () => applyResource(context, network("pods", { vlan: 10, subnets })),
    "in-use",
  );
  assertStringIncludes(error.message, "10.0.0.24 (reserved: x) and 7 more");
  assertEquals(error.details["count"], 12);
});

Deno.test("applyResource() refuses another VLAN, physical network or fewer zones while pods are there", async () => {
  await using fixture = await startDataCentre();
  const { context } = fixture;
  const apply = (spec: Record<string, unknown>) =>
    applyResource(context, network("pods", { vlan: 10, subnets: [POOL], ...spec }));
  await apply({});
  await applyResource(context, node("n2", { zone: "z2" }));
  await reserve(context, { network: "pods", range: parseRange("10.0.0.9"), reason: "printer" });
  await apply({ vlan: 11 });
  await allocate(context, addRequest("c1"));
  assertEquals((await refused(() => apply({ vlan: 12 }), "in-use")).field, "spec.vlan");
  const moved = await refused(() => apply({ vlan: 11, physicalNetwork: "dmz" }), "in-use");
  assertEquals(moved.field, "spec.physicalNetwork");
  const zones = await refused(() => apply({ vlan: 11, zones: ["z2"] }), "in-use");
  assertStringIncludes(zones.message, "Network pods is in use in zone z1");
  assertStringIncludes(zones.message, "on node local/n1");
  await apply({ vlan: 11, zones: ["z1"] });
  await release(context, addRequest("c1").attachment, { endedBy: "del" });
  await apply({ vlan: 12, zones: ["z2"] });
});

Deno.test("applyResource() keeps a zone's physical networks while they are used there", async () => {
  await using fixture = await startDataCentre();
  const { context } = fixture;
  await applyResource(context, network("named", { vlan: 10, zones: ["z1"], subnets: [POOL] }));
  const error = await refused(() => applyResource(context, zone("z1", ["dmz"])), "in-use");
  assertStringIncludes(error.message, "Network named");
  await applyResource(context, network("named", { vlan: 10, subnets: [POOL] }));
  await allocate(context, addRequest("c1", { networks: ["named"] }));
  const used = await refused(() => applyResource(context, zone("z1", ["dmz"])), "in-use");
  assertStringIncludes(used.message, "(container c1 (eth0) on node local/n1)");
  await release(context, addRequest("c1").attachment, { endedBy: "del" });
  await applyResource(context, zone("z1", ["dmz"]));
});

Deno.test("applyResource() keeps a node in its zone while something is attached, and its status", async () => {
  await using fixture = await startDataCentre();
  const { context, store } = fixture;
  await applyResource(context, network("pods", { vlan: 10, subnets: [POOL] }));
  await allocate(context, addRequest("c1"));
  const error = await refused(() => applyResource(context, node("n1", { zone: "z2" })), "in-use");
  assertStringIncludes(error.message, "Node local/n1 cannot leave zone z1");
  await applyResource(context, node("n1", { zone: "z1", description: "rack 7" }));
  const shown = await getResource(store, { kind: "Node", name: "n1", cluster: "local" });
  assertEquals([shown.spec.description, shown.status?.bootId], ["rack 7", "boot-1"]);
  const fenced = { zone: "z1", fenced: { by: "me", reason: "on fire" } };
  await applyResource(context, node("n1", fenced));
});
