import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { refused, startDataCentre } from "../../tests/data_centre.ts";
import { network, node, physicalNetwork, zone } from "../../tests/documents.ts";
import { startIpam } from "../../tests/ipam_fixture.ts";
import { fieldErrorsOf } from "../model/field_error.ts";
import { applyResource } from "./apply.ts";
import { META_EDIT, META_ERA, META_SCHEMA, networkKey } from "./keys.ts";
import { getResource } from "./kinds.ts";

const POOL = { cidr: "10.0.0.0/24", gateway: "10.0.0.1" };

Deno.test("applyResource() creates, leaves unchanged, and configures", async () => {
  await using fixture = await startDataCentre();
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
  await using fixture = await startDataCentre();
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
  await using fixture = await startDataCentre();
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
  await using fixture = await startDataCentre();
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
  await using fixture = await startDataCentre();
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
  await using fixture = await startDataCentre();
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
  await using fixture = await startDataCentre();
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
  await using fixture = await startDataCentre();
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

Deno.test("applyResource() keeps what a newer version wrote into the object", async () => {
  await using fixture = await startDataCentre();
  const { context, store } = fixture;
  const document = network("pods", { vlan: 10, subnets: [POOL] });
  await applyResource(context, document);
  const { kvs } = await store.range({ key: networkKey("pods") });
  const stored = JSON.parse(kvs[0]?.value ?? "");
  stored.spec.future = { a: 1 };
  stored.spec.subnets[0].tier = "gold";
  await store.txn({ success: [{ put: networkKey("pods"), value: JSON.stringify(stored) }] });
  const edited = network("pods", { vlan: 10, coolingSeconds: 5, subnets: [POOL] });
  assertEquals((await applyResource(context, edited)).outcome, "configured");
  const { spec } = await getResource(store, { kind: "Network", name: "pods" });
  assertEquals(
    [spec["future"], spec.subnets[0]?.["tier"], spec.coolingSeconds],
    [{ a: 1 }, "gold", 5],
  );
  await refused(
    () => applyResource(context, network("x", { vlan: 11, future: {}, subnets: [] })),
    "invalid",
  );
});
