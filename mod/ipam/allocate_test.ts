import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FabricError } from "../error.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import { allocate } from "./allocate.ts";
import type { Allocation } from "./allocation.ts";
import { memoryLeaseCache } from "./context.ts";
import { release } from "./release.ts";
import { reserve, unreserve } from "./reserve.ts";
import { parseRange } from "../ip/range.ts";
import { underPrefix } from "../etcd/store.ts";

function ips(allocation: Allocation): readonly string[] {
  return allocation.addresses.map(({ address }) => formatAddress(address));
}

async function keys(fixture: IpamFixture, prefix: string): Promise<readonly string[]> {
  const { kvs } = await fixture.store.range({ ...underPrefix(prefix), keysOnly: true });
  return kvs.map((kv) => kv.key);
}

const SMALL = [{ cidr: "10.0.0.0/29", gateway: "10.0.0.1" }];
const owner = {
  cluster: "local",
  group: "apps",
  kind: "StatefulSet",
  namespace: "trade",
  name: "orders",
  slot: "0",
  ifname: "eth0",
};

Deno.test("allocate() commits both families, and release() leaves nothing but history", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", {
    vlan: 100,
    subnets: [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1" }, {
      cidr: "2001:db8::/64",
      gateway: "2001:db8::1",
    }],
  });
  const allocation = await allocate(context, addRequest("c1"));
  assertEquals(allocation.addresses.map((a) => a.address.family), [4, 6]);
  assertEquals(allocation.addresses.map((a) => a.length), [24, 64]);
  assertEquals(allocation.mtu, 9000);
  assertEquals(allocation.transactions, 1);
  assertEquals((await keys(fixture, "addresses/")).length, 2);
  const released = await release(context, addRequest("c1").attachment, { endedBy: "del" });
  assert(released.existed);
  for (const prefix of ["addresses/", "attachments/", "macs/", "owners/"]) {
    assertEquals(await keys(fixture, prefix), [], prefix);
  }
  assertEquals((await keys(fixture, "cooling/")).length, 2);
  assertEquals((await keys(fixture, "tombstones/")).length, 1);
  assertEquals((await keys(fixture, "history/")).length, 2);
  assertEquals((await keys(fixture, "history-by-owner/")).length, 2);
});

Deno.test("allocate() returns the same addresses when ADD is retried", async () => {
  await using fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", { vlan: 100, subnets: SMALL });
  const first = await allocate(fixture.context, addRequest("c1"));
  const second = await allocate(fixture.context, addRequest("c1", { netns: "/other" }));
  assertEquals(ips(second), ips(first));
  assertEquals(second.existing, true);
  assertEquals((await keys(fixture, "addresses/")).length, 1);
});

Deno.test("allocate() hands out every address of a network once, then says why it cannot", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, coolingSeconds: 0, subnets: SMALL });
  await reserve(context, { network: "pods", range: parseRange("10.0.0.6"), reason: "printer" });
  const all = await Promise.all(
    ["a", "b", "c", "d"].map((id) => allocate(context, addRequest(id))),
  );
  assertEquals(
    new Set(all.flatMap(ips)),
    new Set(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]),
  );
  const error = await assertRejects(() => allocate(context, addRequest("e")), FabricError);
  assertEquals(error.kind, "exhausted");
  assertStringIncludes(
    error.message,
    "subnet 10.0.0.0/29: capacity 5, in use 4, cooling 0, reserved 1",
  );
  await release(context, addRequest("b").attachment, { endedBy: "del" });
  const again = await allocate(context, addRequest("e"));
  assertEquals(ips(again), ips(all[1] ?? again));
  await unreserve(context, { network: "pods", range: parseRange("10.0.0.6") });
  assertEquals(ips(await allocate(context, addRequest("f"))), ["10.0.0.6"]);
});

Deno.test("allocate() does not reuse an address before its cooling time", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  const subnets = [{ cidr: "10.0.0.0/29", ranges: ["10.0.0.2"] }];
  await applyNetwork(context, "pods", { vlan: 100, coolingSeconds: 2, subnets });
  await allocate(context, addRequest("a"));
  await release(context, addRequest("a").attachment, { endedBy: "del" });
  const error = await assertRejects(() => allocate(context, addRequest("b")), FabricError);
  assertEquals(error.kind, "try-again");
  assertStringIncludes(error.message, "cooling 1");
  // The clock alone is a hint: the leased key decides.
  fixture.advance(3_000);
  const still = await assertRejects(() => allocate(context, addRequest("b")), FabricError);
  assertEquals(still.kind, "try-again");
});

Deno.test("allocate() is not misled by the clock of the node that released", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  const subnets = [{ cidr: "10.0.0.0/29", ranges: ["10.0.0.2"] }];
  await applyNetwork(context, "pods", { vlan: 100, coolingSeconds: 0, subnets });
  const ahead = { ...context, now: () => Date.now() + 3_600_000 };
  await allocate(ahead, addRequest("a"));
  await release(ahead, addRequest("a").attachment, { endedBy: "del" });
  assertEquals(ips(await allocate(context, addRequest("b"))), ["10.0.0.2"]);
});

Deno.test("release() of an ADD undone before its port existed does not cool", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", {
    vlan: 100,
    subnets: [{ cidr: "10.0.0.0/29", ranges: ["10.0.0.2"] }],
  });
  await allocate(context, addRequest("a"));
  await release(context, addRequest("a").attachment, { endedBy: "undo", cool: false });
  assertEquals(ips(await allocate(context, addRequest("b"))), ["10.0.0.2"]);
});

Deno.test("a DEL during an ADD kills that ADD; an ADD after it is a new life", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: SMALL });
  let reads = 0;
  const store = {
    ...fixture.store,
    range: fixture.store.range.bind(fixture.store),
    async txn(...args: Parameters<typeof fixture.store.txn>) {
      const answer = await fixture.store.txn(...args);
      // The DEL comes between the first read and the commit.
      if (reads++ === 0) {
        await release({ ...context, leases: memoryLeaseCache() }, addRequest("a").attachment, {
          endedBy: "del",
        });
      }
      return answer;
    },
  };
  const error = await assertRejects(
    () => allocate({ ...context, store }, addRequest("a")),
    FabricError,
  );
  assertStringIncludes(error.message, "deleted while its ADD was under way");
  assertEquals(await keys(fixture, "attachments/"), []);
  assertEquals(ips(await allocate(context, addRequest("a"))).length, 1);
});

Deno.test("an owner keeps its addresses over holders, and rule 7 guards the move", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: SMALL });
  const first = await allocate(context, addRequest("a", { owner }));
  const error = await assertRejects(
    () => allocate(context, addRequest("b", { owner })),
    FabricError,
  );
  assertEquals(error.kind, "try-again");
  assertStringIncludes(error.message, "still held by container a");
  await release(context, addRequest("a").attachment, { endedBy: "del" });
  assertEquals(await keys(fixture, "cooling/"), []);
  const second = await allocate(context, addRequest("b", { owner }));
  assertEquals(ips(second), ips(first));
  assertEquals(second.mac, first.mac);
  // The late DEL of the superseded holder takes nothing.
  await release(context, addRequest("a").attachment, { endedBy: "del" });
  assertEquals((await keys(fixture, "addresses/")).length, 1);
  // The machine rebooted: the old attachment is provably dead.
  const rebooted = await allocate(context, addRequest("c", { owner, bootId: "boot-2" }));
  assertEquals(ips(rebooted), ips(first));
  assertEquals((await keys(fixture, "attachments/")).length, 1);
  const histories = await fixture.store.range(underPrefix("history/"));
  const open = histories.kvs.filter((kv) => !kv.value.includes('"end"'));
  assertEquals(open.length, 1);
});

Deno.test("allocate() gives the address asked for, or says who has it", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: SMALL });
  const addresses = [parseAddress("10.0.0.4")];
  assertEquals(ips(await allocate(context, addRequest("a", { addresses }))), ["10.0.0.4"]);
  const taken = await assertRejects(
    () => allocate(context, addRequest("b", { addresses })),
    FabricError,
  );
  assertEquals(taken.kind, "conflict");
  assertStringIncludes(taken.message, "10.0.0.4");
  assertStringIncludes(taken.message, "container a");
  for (const wrong of ["10.0.0.1", "10.0.0.0", "10.0.0.7", "10.0.1.1"]) {
    const error = await assertRejects(
      () => allocate(context, addRequest("c", { addresses: [parseAddress(wrong)] })),
      FabricError,
    );
    assertEquals(error.kind, "invalid", wrong);
  }
});

Deno.test("64 clients fill a network without a duplicate", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: [{ cidr: "10.0.0.0/24" }] });
  let next = 0;
  let commits = 0;
  const seen: string[] = [];
  await Promise.all(Array.from({ length: 64 }, async () => {
    for (let id = next++; id < 254; id = next++) {
      const allocation = await allocate(context, addRequest(`c${id}`));
      seen.push(...ips(allocation));
      commits += allocation.transactions;
    }
  }));
  assertEquals(new Set(seen).size, 254);
  assert(commits <= 254 * 2, `${commits} commits for 254 allocations`);
});
