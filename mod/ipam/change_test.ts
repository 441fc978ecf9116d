import { assertEquals } from "@std/assert";
import { refused, startDataCentre } from "../../tests/data_centre.ts";
import { network } from "../../tests/documents.ts";
import { applyJsonPatch } from "../select/json_patch.ts";
import { applyMergePatch } from "../select/merge_patch.ts";
import { changeResource, createResource } from "./change.ts";
import { getResource } from "./kinds.ts";

const POOL = { cidr: "10.0.0.0/24", gateway: "10.0.0.1" };
const PODS = { kind: "Network", name: "pods" } as const;

Deno.test("createResource() creates, and refuses what exists", async () => {
  await using fixture = await startDataCentre();
  const { context, store } = fixture;
  const document = network("pods", { vlan: 10, subnets: [POOL] });
  const dry = await createResource(context, document, { dryRun: true });
  assertEquals([dry.outcome, dry.before], ["created", undefined]);
  const created = await createResource(context, document);
  assertEquals(created.resource, await getResource(store, PODS));
  const again = await refused(() => createResource(context, document), "conflict");
  assertEquals(again.message, "Network pods exists already");
  assertEquals(created.resource, await getResource(store, PODS));
});

Deno.test("changeResource() changes what stands there, whatever happens meanwhile", async () => {
  await using fixture = await startDataCentre();
  const { context, store } = fixture;
  await createResource(context, network("pods", { vlan: 10, subnets: [POOL] }));
  const labels = Array.from({ length: 8 }, (_, i) => `label${i}`);
  await Promise.all(labels.map((label) =>
    changeResource(context, PODS, {
      change: (current) => applyMergePatch(current, { metadata: { labels: { [label]: "x" } } }),
    })
  ));
  const { metadata } = await getResource(store, PODS);
  assertEquals(Object.keys(metadata.labels ?? {}).sort(), labels);
});

Deno.test("changeResource() answers what was before, and writes nothing in a dry run", async () => {
  await using fixture = await startDataCentre();
  const { context, store } = fixture;
  const created = await createResource(context, network("pods", { vlan: 10, subnets: [POOL] }));
  const change = (current: unknown) =>
    applyJsonPatch(current, [{ op: "add", path: "/spec/coolingSeconds", value: 5 }]);
  const dry = await changeResource(context, PODS, { change, dryRun: true });
  assertEquals([dry.outcome, dry.before], ["configured", created.resource]);
  assertEquals(await getResource(store, PODS), created.resource);
  const done = await changeResource(context, PODS, { change });
  assertEquals(done.resource, await getResource(store, PODS));
  assertEquals((await changeResource(context, PODS, { change })).outcome, "unchanged");
});

Deno.test("changeResource() refuses another object, a stale one, a missing one and a bad one", async () => {
  await using fixture = await startDataCentre();
  const { context } = fixture;
  const { resource } = await createResource(
    context,
    network("pods", { vlan: 10, subnets: [POOL] }),
  );
  const merge = async (patch: unknown, kind: string, name = "pods") => {
    const change = (current: unknown) => applyMergePatch(current, patch);
    const run = () => changeResource(context, { kind: "Network", name }, { change });
    return (await refused(run, kind)).field;
  };
  assertEquals(await merge({ metadata: { name: "other" } }, "invalid"), "metadata.name");
  assertEquals(await merge({ kind: "Zone", spec: null }, "invalid"), "kind");
  const stale = { metadata: { resourceVersion: "1" } };
  assertEquals(await merge(stale, "conflict"), "metadata.resourceVersion");
  assertEquals(await merge({ metadata: { uid: "x" } }, "conflict"), "metadata.uid");
  assertEquals(await merge({}, "not-found", "pdos"), "metadata.name");
  assertEquals(await merge({ spec: { vlan: 5000 } }, "invalid"), "spec.vlan");
  const current = { metadata: { resourceVersion: resource.metadata.resourceVersion } };
  const same = await changeResource(context, PODS, {
    change: (stored) => applyMergePatch(stored, current),
  });
  assertEquals(same.outcome, "unchanged");
});
