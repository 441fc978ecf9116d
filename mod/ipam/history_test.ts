import { assert, assertEquals } from "@std/assert";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { allocate } from "./allocate.ts";
import type { AllocateRequest } from "./allocation.ts";
import { addressesOf, historyOf, type Interval, whoHeld } from "./history.ts";
import { networkKey } from "./keys.ts";
import { release } from "./release.ts";

const V4 = "10.0.0.2";
const V6 = "2001:db8::2";
const SPEC = {
  vlan: 100,
  coolingSeconds: 0,
  subnets: [
    { cidr: "10.0.0.0/30", gateway: "10.0.0.1" },
    { cidr: "2001:db8::/126", ranges: [V6] },
  ],
};

/** One life of a container: ADD, DEL after `lasts` ms of the fixture's clock. */
async function live(
  fixture: IpamFixture,
  containerId: string,
  options: Partial<AllocateRequest> & { lasts?: number; open?: boolean } = {},
): Promise<{ readonly start: number; readonly end: number }> {
  const { lasts = 60_000, open = false, ...request } = options;
  const full = addRequest(containerId, request);
  const start = fixture.context.now();
  await allocate(fixture.context, full);
  fixture.advance(lasts);
  if (!open) await release(fixture.context, full.attachment, { endedBy: "del" });
  return { start, end: fixture.context.now() };
}

function holders(intervals: readonly Interval[]): readonly string[] {
  return intervals.map(({ record }) => record.holder.containerId);
}

Deno.test("historyOf() lists the holders of an address of either family in their order", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", SPEC);
  await live(fixture, "c1");
  await live(fixture, "c2");
  await live(fixture, "c3", { open: true });
  for (const text of [V4, V6]) {
    const intervals = await historyOf(fixture.store, parseAddress(text));
    assertEquals(holders(intervals), ["c1", "c2", "c3"]);
    assertEquals(intervals.map((i) => i.record.endedBy), ["del", "del", undefined]);
    assertEquals(intervals.map((i) => i.startsEarlyMs), [0, 0, 0]);
    assertEquals(intervals[2]?.endRevision, undefined);
    const [first, second] = intervals;
    assert(first?.endRevision !== undefined && second !== undefined);
    assert(first.startRevision < first.endRevision);
    assert(first.endRevision < second.startRevision);
  }
  assertEquals(await historyOf(fixture.store, parseAddress("10.0.0.9")), []);
});

Deno.test("historyOf() keeps and marks a start earlier than the predecessor's end", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", SPEC);
  await live(fixture, "c1");
  // The next node's clock is 20 s behind.
  fixture.advance(-20_000);
  await live(fixture, "c2", { addresses: [parseAddress(V4), parseAddress(V6)] });
  const intervals = await historyOf(fixture.store, parseAddress(V4));
  assertEquals(holders(intervals), ["c1", "c2"]);
  assertEquals(intervals[0]?.startsEarlyMs, 0);
  const early = intervals[1]?.startsEarlyMs ?? 0;
  assert(early > 15_000 && early <= 20_000, `${early}`);
});

Deno.test("whoHeld() names the holder at a time, both inside the skew, and nobody in a gap", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", SPEC);
  const c1 = await live(fixture, "c1");
  const c2 = await live(fixture, "c2");
  fixture.advance(60_000);
  const c3 = await live(fixture, "c3", { open: true });
  const ask = async (time: number, skewMs = 5_000) => {
    const held = await whoHeld(fixture.store, parseAddress(V4), time, { skewMs });
    return held.map(({ record, certain }) => `${record.holder.containerId}${certain ? "" : "?"}`);
  };
  assertEquals(await ask(c1.start + 30_000), ["c1"]);
  assertEquals(await ask(c1.end), ["c1?", "c2?"]);
  assertEquals(await ask(c1.end - 1_000, 0), ["c1"]);
  assertEquals(await ask(c2.end + 2_000), ["c2?"]);
  assertEquals(await ask(c2.end + 30_000), []);
  assertEquals(await ask(c3.start - 3_000), ["c3?"]);
  assertEquals(await ask(c3.end + 86_400_000), ["c3"]);
  assertEquals(await ask(c1.start - 60_000), []);
});

Deno.test("whoHeld() is not certain where clocks contradict the order of revisions", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", SPEC);
  const c1 = await live(fixture, "c1");
  fixture.advance(-30_000);
  await live(fixture, "c2", { addresses: [parseAddress(V4), parseAddress(V6)] });
  const held = await whoHeld(fixture.store, parseAddress(V4), c1.end - 15_000, { skewMs: 1_000 });
  assertEquals(holders(held), ["c1", "c2"]);
  assertEquals(held.map((h) => h.certain), [false, false]);
});

Deno.test("whoHeld() tells networks apart that overlap on purpose", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", SPEC);
  await applyNetwork(fixture.context, "lab", { ...SPEC, vlan: 200, allowOverlap: true });
  await live(fixture, "c1", { open: true });
  await live(fixture, "c2", { open: true, networks: ["lab"] });
  const address = parseAddress(V4);
  const time = fixture.context.now() - 30_000;
  const both = await whoHeld(fixture.store, address, time);
  assertEquals(both.map((h) => [h.record.network.name, h.certain]), [["pods", true], [
    "lab",
    true,
  ]]);
  assertEquals(holders(await whoHeld(fixture.store, address, time, { network: "lab" })), ["c2"]);
});

Deno.test("addressesOf() follows a pod over families, reuse and the end of its network", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", SPEC);
  const pod = { namespace: "web", name: "shop-1", uid: "u1" };
  await live(fixture, "c1", { pod });
  await live(fixture, "c2", { pod: { namespace: "web", name: "other", uid: "u2" } });
  await live(fixture, "c3", { pod: { ...pod, uid: "u3" } });
  await fixture.store.txn({ success: [{ delete: { key: networkKey("pods") } }] });
  const workload = { cluster: "local", group: "", kind: "Pod", namespace: "web", name: "shop-1" };
  const intervals = await addressesOf(fixture.store, workload);
  assertEquals(
    intervals.map(({ record }) => `${record.holder.containerId} ${record.address}`),
    [`c1 ${V4}`, `c1 ${V6}`, `c3 ${V4}`, `c3 ${V6}`],
  );
  assertEquals(intervals.map(({ record }) => record.network.name), Array(4).fill("pods"));
  // "Who held it" still answers, too.
  assertEquals(holders(await historyOf(fixture.store, parseAddress(V6))), ["c1", "c2", "c3"]);
});

Deno.test("addressesOf() keeps equal names in two clusters apart", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", { ...SPEC, subnets: [{ cidr: "10.0.0.0/24" }] });
  const pod = { namespace: "web", name: "shop-1" };
  const attachment = addRequest("same").attachment;
  for (const cluster of ["a", "b"]) {
    await allocate(
      fixture.context,
      addRequest("same", { pod, attachment: { ...attachment, cluster } }),
    );
  }
  const answers = await Promise.all(["a", "b", "c"].map((cluster) =>
    addressesOf(fixture.store, {
      cluster,
      group: "",
      kind: "Pod",
      namespace: "web",
      name: "shop-1",
    })
  ));
  assertEquals(answers.map((a) => a.map((i) => i.record.holder.cluster)), [["a"], ["b"], []]);
  const [a, b] = answers.map((answer) => answer[0]?.record.address);
  assert(a !== b);
});

Deno.test("addressesOf() narrows a workload by slot and interface, and finds bare containers", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", { ...SPEC, subnets: [{ cidr: "10.0.0.0/24" }] });
  const workload = {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "db",
    name: "pg",
  };
  for (const slot of ["0", "1"]) {
    const owner = { ...workload, slot, ifname: "eth0" };
    await live(fixture, `pg-${slot}`, { owner });
    await live(fixture, `pg-${slot}-again`, { owner });
  }
  const all = await addressesOf(fixture.store, workload);
  assertEquals(holders(all), ["pg-0", "pg-0-again", "pg-1", "pg-1-again"]);
  const one = await addressesOf(fixture.store, { ...workload, slot: "1", ifname: "eth0" });
  assertEquals(holders(one), ["pg-1", "pg-1-again"]);
  // The owner's address stayed the owner's.
  assertEquals(new Set(one.map(({ record }) => record.address)).size, 1);
  assertEquals(await addressesOf(fixture.store, { ...workload, ifname: "net1" }), []);

  const allocation = await allocate(fixture.context, addRequest("bare"));
  const bare = await addressesOf(fixture.store, {
    cluster: "local",
    group: "",
    kind: "Container",
    namespace: "",
    name: "bare",
  });
  assertEquals(
    bare.map(({ record }) => record.address),
    allocation.addresses.map(({ address }) => formatAddress(address)),
  );
});
