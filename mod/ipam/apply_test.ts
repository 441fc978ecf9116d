import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { network, node, physicalNetwork, zone } from "../../tests/documents.ts";
import { addRequest, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import { FabricError } from "../error.ts";
import { parseAddress } from "../ip/address.ts";
import { parseRange } from "../ip/range.ts";
import { fieldErrorsOf } from "../model/field_error.ts";
import { allocate } from "./allocate.ts";
import { applyResource } from "./apply.ts";
import { deleteResource } from "./delete.ts";
import { META_EDIT, META_ERA, META_SCHEMA, networkKey } from "./keys.ts";
import { getResource, listResources } from "./kinds.ts";
import { release } from "./release.ts";
import { reserve, unreserve } from "./reserve.ts";
import { networkFree, networkUsage } from "./usage.ts";

async function refused(run: () => Promise<unknown>, kind: string): Promise<FabricError> {
  const error = await assertRejects(run, FabricError);
  assertEquals(error.kind, kind, error.message);
  assert(error.remedy !== undefined, `no remedy: ${error.message}`);
  return error;
}

/** A store with physical networks `prod` (9000) and `dmz`, zones `z1` (both) and `z2` (`prod`). */
async function start(): Promise<IpamFixture> {
  const fixture = await startIpam();
  const { context } = fixture;
  await applyResource(context, physicalNetwork("dmz", { mtu: 1500 }));
  await applyResource(context, zone("z1", ["prod", "dmz"]));
  await applyResource(context, zone("z2", ["prod"]));
  return fixture;
}

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

Deno.test("applyResource() creates, leaves unchanged, and configures", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  const document = network("pods", { vlan: 10, subnets: [POOL] });
  const created = await applyResource(context, document);
  assertEquals(created.outcome, "created");
  const { metadata } = created.resource;
  assertEquals(created.resource, await getResource(store, { kind: "Network", name: "pods" }));
  assert(metadata.uid !== undefined && metadata.creationTimestamp !== undefined);
  const same = await applyResource(context, document);
  assertEquals([same.outcome, same.resource], ["unchanged", created.resource]);
  const configured = await applyResource(
    context,
    network("pods", {
      vlan: 10,
      coolingSeconds: 5,
      subnets: [POOL],
    }),
  );
  assertEquals(configured.outcome, "configured");
  assertEquals(configured.resource.metadata.uid, metadata.uid);
  assertEquals(configured.resource.metadata.creationTimestamp, metadata.creationTimestamp);
  const { kvs } = await store.range({ key: networkKey("pods") });
  assertEquals(configured.resource.metadata.resourceVersion, String(kvs[0]?.modRevision));
});

Deno.test("applyResource() takes back what getResource() showed", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  await applyResource(context, network("pods", { vlan: 10, subnets: [POOL] }));
  const shown = await getResource(store, { kind: "Network", name: "pods" });
  assertEquals((await applyResource(context, shown)).outcome, "unchanged");
});

Deno.test("the first applyResource() of a new store gives it schema and era, later ones keep them", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await store.txn({ success: [META_ERA, META_SCHEMA].map((key) => ({ delete: { key } })) });
  await applyResource(context, physicalNetwork("wire"));
  const read = async (key: string) => (await store.range({ key })).kvs[0];
  const era = await read(META_ERA);
  assertEquals(JSON.parse((await read(META_SCHEMA))?.value ?? ""), { schema: 1 });
  assert(era !== undefined);
  await applyResource(context, physicalNetwork("wire2"));
  assertEquals(await read(META_ERA), era);
});

Deno.test("applyResource() refuses a store of a newer schema", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await store.txn({ success: [{ put: META_SCHEMA, value: `{"schema":2}` }] });
  await refused(() => applyResource(context, physicalNetwork("wire")), "schema");
});

Deno.test("applyResource() with dryRun checks everything and writes nothing", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  const { header } = await store.range({ key: META_EDIT });
  const document = network("pods", { vlan: 10, subnets: [POOL] });
  const applied = await applyResource(context, document, { dryRun: true });
  assertEquals(applied.outcome, "created");
  assertEquals(applied.resource.spec["mtu"], 9000);
  await refused(
    () =>
      applyResource(context, network("x", { vlan: 10, zones: ["z9"], subnets: [POOL] }), {
        dryRun: true,
      }),
    "invalid",
  );
  assertEquals((await store.range({ key: META_EDIT })).header.revision, header.revision);
});

Deno.test("applyResource() guards an edit by resourceVersion and uid", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const spec = { vlan: 10, subnets: [POOL] };
  const { resource } = await applyResource(context, network("pods", spec));
  const { resourceVersion, uid } = resource.metadata;
  const first = network({ name: "pods", resourceVersion, uid }, { ...spec, coolingSeconds: 1 });
  assertEquals((await applyResource(context, first)).outcome, "configured");
  const second = network({ name: "pods", resourceVersion }, { ...spec, coolingSeconds: 2 });
  const stale = await refused(() => applyResource(context, second), "conflict");
  assertStringIncludes(stale.message, "Network pods was changed meanwhile: it is at revision");
  const other = network({ name: "pods", uid: "another" }, spec);
  await refused(() => applyResource(context, other), "conflict");
  const gone = network({ name: "gone", resourceVersion: "5" }, spec);
  assertStringIncludes(
    (await refused(() => applyResource(context, gone), "conflict")).message,
    "does not exist",
  );
});

Deno.test("applyResource() gives a network the MTU of its physical network, and never more", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const document = (mtu?: number) =>
    network("pods", { physicalNetwork: "dmz", vlan: 10, mtu, subnets: [POOL] });
  assertEquals((await applyResource(context, document())).resource.spec["mtu"], 1500);
  const error = await refused(() => applyResource(context, document(1501)), "invalid");
  assertEquals([error.field, error.value], ["spec.mtu", "1501"]);
  assertStringIncludes(error.message, "1501 is over 1500, the MTU of physical network dmz");
  const lower = await refused(
    () => applyResource(context, physicalNetwork("dmz", { mtu: 1400 })),
    "in-use",
  );
  assertStringIncludes(lower.message, "Network pods (1500)");
  await applyResource(context, document(1400));
  await applyResource(context, physicalNetwork("dmz", { mtu: 1400 }));
});

Deno.test("applyResource() names every reference that is broken", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const document = network("pods", {
    physicalNetwork: "prd",
    vlan: 10,
    zones: ["z1", "z22"],
    subnets: [POOL],
  });
  const error = await refused(() => applyResource(context, document), "invalid");
  assertEquals(fieldErrorsOf(error).map(({ field, remedy }) => [field, remedy]), [
    ["spec.physicalNetwork", "did you mean prod"],
    ["spec.zones[0]", "add it to spec.physicalNetworks of Zone z1, or leave the zone out"],
    ["spec.zones[1]", "did you mean z2"],
  ]);
  const z = await refused(() => applyResource(context, zone("z3", ["prod", "dmx"])), "invalid");
  assertEquals([z.field, z.remedy], ["spec.physicalNetworks[1]", "did you mean dmz"]);
  const n = await refused(() => applyResource(context, node("n1", { zone: "zz" })), "invalid");
  assertEquals(n.field, "spec.zone");
});

Deno.test("applyResource() refuses a VLAN twice in a physical network", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await applyResource(context, network("a", { vlan: 10, subnets: [POOL] }));
  const subnets = [{ cidr: "10.0.1.0/24" }];
  const error = await refused(
    () => applyResource(context, network("b", { vlan: 10, subnets })),
    "conflict",
  );
  assertEquals([error.field, error.value], ["spec.vlan", "10"]);
  assertStringIncludes(error.message, "VLAN 10 of prod is that of Network a already");
  await applyResource(context, network("b", { physicalNetwork: "dmz", vlan: 10, subnets }));
  const untagged = (name: string, cidr: string) =>
    applyResource(context, network(name, { vlan: 0, subnets: [{ cidr }] }));
  await untagged("c", "10.0.2.0/24");
  const twice = await refused(() => untagged("d", "10.0.3.0/24"), "conflict");
  assertStringIncludes(twice.message, "untagged traffic of prod");
});

Deno.test("applyResource() refuses overlapping subnets anywhere, unless the network means it", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const a = network("a", { vlan: 10, subnets: [POOL, { cidr: "2001:db8::/48" }] });
  await applyResource(context, a);
  const b = (spec: Record<string, unknown>) =>
    network("b", {
      physicalNetwork: "dmz",
      vlan: 10,
      subnets: [{ cidr: "10.0.0.128/25" }, { cidr: "2001:db8:0:5::/64" }],
      ...spec,
    });
  const error = await refused(() => applyResource(context, b({})), "conflict");
  assertEquals(fieldErrorsOf(error).map(({ field, value }) => [field, value]), [
    ["spec.subnets[0].cidr", "10.0.0.128/25"],
    ["spec.subnets[1].cidr", "2001:db8:0:5::/64"],
  ]);
  assertStringIncludes(error.message, "10.0.0.128/25 overlaps 10.0.0.0/24 of Network a");
  await applyResource(context, b({ allowOverlap: true }));
  // The other one can still be edited, but not take back what it said, nor bring a new overlap.
  await applyResource(context, { ...a, spec: { ...Object(a["spec"]), description: "first" } });
  await refused(() => applyResource(context, b({})), "conflict");
  const more = { vlan: 10, subnets: [POOL, { cidr: "2001:db8::/47" }] };
  await refused(() => applyResource(context, network("a", more)), "conflict");
});

Deno.test("applyResource() refuses to take away addresses in use, naming who uses them", async () => {
  await using fixture = await start();
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
  await using fixture = await start();
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
  await using fixture = await start();
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
  await using fixture = await start();
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
  await using fixture = await start();
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

Deno.test("deleteResource() refuses what is referenced or used, naming by whom", async () => {
  await using fixture = await start();
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
  await using fixture = await start();
  const { store } = fixture;
  const names = (await Array.fromAsync(listResources(store, "Zone"))).map((z) => z.metadata.name);
  assertEquals(names, ["z1", "z2"]);
  const error = await refused(
    () => getResource(store, { kind: "PhysicalNetwork", name: "prd" }),
    "not-found",
  );
  assertEquals(error.remedy, "did you mean prod");
});

Deno.test("networkUsage() counts per subnet what is used, reserved and cooling", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  const subnets = [
    { cidr: "10.0.0.0/28", gateway: "10.0.0.1", ranges: ["10.0.0.4-10.0.0.9"] },
    { cidr: "2001:db8::/64" },
  ];
  const { resource } = await applyResource(context, network("pods", { vlan: 10, subnets }));
  assert(resource.kind === "Network");
  const ask = (text: string) => ({ addresses: [parseAddress(text)] });
  await allocate(context, addRequest("c1", { ...ask("10.0.0.4"), owner }));
  await allocate(context, addRequest("c2", ask("10.0.0.12")));
  await allocate(context, addRequest("c3", ask("10.0.0.5")));
  await release(context, addRequest("c3").attachment, { endedBy: "del" });
  await reserve(context, { network: "pods", range: parseRange("10.0.0.8/31"), reason: "x" });
  const v4 = { subnet: "10.0.0.0/28", family: 4, used: 2, reserved: 2, cooling: 1 } as const;
  const v6 = { subnet: "2001:db8::/64", family: 6, used: 2, reserved: 0, cooling: 1 } as const;
  const capacity = 2n ** 64n - 1n;
  assertEquals(await networkUsage(store, resource), [
    { ...v4, capacity: 6n },
    { ...v6, capacity },
  ]);
  assertEquals(await networkUsage(store, resource, { family: 6 }), [{ ...v6, capacity }]);
  assertEquals((await networkFree(store, resource)).map(({ free }) => free), [2n, capacity - 3n]);
});

Deno.test("a network of very many subnets that hand out nothing is exhausted at once", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const subnets = Array.from({ length: 64 }, (_, i) => ({ cidr: `10.0.${i}.0/24`, ranges: [] }));
  await applyResource(context, network("pods", { vlan: 10, subnets }));
  const error = await refused(() => allocate(context, addRequest("c1")), "exhausted");
  assertStringIncludes(error.message, "subnet 10.0.63.0/24: capacity 0, in use 0");
});
