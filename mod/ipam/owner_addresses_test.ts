import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { assertIndexed } from "../../tests/free_index.ts";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import { openBulkReader } from "../etcd/bulk/bulk.ts";
import { FabricError } from "../error.ts";
import { underPrefix } from "../etcd/store.ts";
import { formatAddress, parseAddress } from "../ip/address.ts";
import { parseRange } from "../ip/range.ts";
import { allocate } from "./allocate.ts";
import { checkStore } from "./check/check.ts";
import { fixAddresses, moveAddress, unfixAddresses } from "./fix.ts";
import { giveBack, whoLoses } from "./give_back.ts";
import { release } from "./release.ts";
import { reserve } from "./reserve.ts";

const SUBNETS = [
  { cidr: "10.0.0.0/24", gateway: "10.0.0.1" },
  { cidr: "2001:db8::/64", gateway: "2001:db8::1" },
];

function ownerOf(slot: string) {
  return {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "trade",
    name: "orders",
    slot,
    ifname: "eth0",
  };
}
const owner = ownerOf("1");
const NETWORK = { network: "pods", owner };

function ips(...texts: readonly string[]) {
  return texts.map(parseAddress);
}

async function start(): Promise<IpamFixture> {
  const fixture = await startIpam();
  await applyNetwork(fixture.context, "pods", { vlan: 100, subnets: SUBNETS });
  return fixture;
}

async function add(fixture: IpamFixture, id: string, options = {}): Promise<readonly string[]> {
  const { addresses } = await allocate(fixture.context, addRequest(id, { owner, ...options }));
  return addresses.map(({ address }) => formatAddress(address));
}

async function del(fixture: IpamFixture, id: string): Promise<void> {
  await release(fixture.context, addRequest(id).attachment, { endedBy: "del" });
}

async function keys(fixture: IpamFixture, prefix: string): Promise<number> {
  return (await fixture.store.range({ ...underPrefix(prefix), countOnly: true })).count;
}

/** Nothing of the store contradicts anything, and no free address is lost. */
async function assertSound(fixture: IpamFixture): Promise<void> {
  const options = { endpoints: fixture.etcd.endpoints };
  await using reader = openBulkReader(options, fixture.store);
  const { findings } = await checkStore({ ipam: fixture.context, reader });
  assertEquals(findings.map(({ kind, object }) => `${kind.code} ${object}`), []);
  await assertIndexed(fixture.store, "pods", { clean: false });
}

async function kindOf(run: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(run, FabricError)).kind;
}

Deno.test("fix: the first ADD of the slot gets the addresses, of both families", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const request = { ...NETWORK, addresses: ips("10.0.0.5", "2001:db8::5") };
  assertEquals((await fixAddresses(context, request)).outcome, "created");
  assertEquals((await fixAddresses(context, request)).outcome, "unchanged");
  await assertSound(fixture);
  assertEquals(await add(fixture, "a"), ["10.0.0.5", "2001:db8::5"]);
  await del(fixture, "a");
  assertEquals(await add(fixture, "b"), ["10.0.0.5", "2001:db8::5"]);
  await assertSound(fixture);
});

Deno.test("fix: of one family, the other is chosen by the ADD and stays", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5") });
  const first = await add(fixture, "a");
  assertEquals(first[0], "10.0.0.5");
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.6") });
  await del(fixture, "a");
  assertEquals(await add(fixture, "b"), ["10.0.0.6", first[1] ?? ""]);
});

Deno.test("fix: what somebody else has, or a host may not have, is refused, and nothing is done", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, owner: ownerOf("0"), addresses: ips("10.0.0.4") });
  await reserve(context, { network: "pods", range: parseRange("10.0.0.9"), reason: "printer" });
  await allocate(context, addRequest("x", { addresses: ips("10.0.0.8") }));
  const before = await keys(fixture, "addresses/");
  const fix = (...addresses: readonly string[]) =>
    kindOf(() => fixAddresses(context, { ...NETWORK, addresses: ips(...addresses) }));
  assertEquals(await fix("10.0.0.5", "10.0.0.4"), "in-use");
  assertEquals(await fix("10.0.0.8"), "in-use");
  assertEquals(await fix("10.0.0.9"), "in-use");
  assertEquals(await fix("10.0.0.1"), "invalid");
  assertEquals(await fix("10.0.0.255"), "invalid");
  assertEquals(await fix("10.0.1.1"), "invalid");
  assertEquals(await fix(), "invalid");
  assertEquals(
    await kindOf(() => fixAddresses(context, { ...NETWORK, network: "no", addresses: ips("::1") })),
    "not-found",
  );
  assertEquals(await keys(fixture, "addresses/"), before);
  await assertSound(fixture);
});

Deno.test("move: the running holder keeps its address until its DEL, the next ADD has the new", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5") });
  const [, v6 = ""] = await add(fixture, "a");
  const move = { ...NETWORK, from: parseAddress("10.0.0.5"), to: parseAddress("10.0.0.7") };
  const moved = await moveAddress(context, move);
  assertEquals([moved.outcome, moved.addresses, moved.leaving], [
    "changed",
    ["10.0.0.7", v6],
    ["10.0.0.5"],
  ]);
  assertEquals((await moveAddress(context, move)).outcome, "unchanged");
  await assertSound(fixture);
  // The ADD that is said again for the running one answers as before.
  assertEquals(await add(fixture, "a"), ["10.0.0.5", v6]);
  // Neither is anybody else's meanwhile.
  for (const address of ["10.0.0.5", "10.0.0.7"]) {
    assertEquals(
      await kindOf(() => allocate(context, addRequest("x", { addresses: ips(address) }))),
      "conflict",
    );
  }
  assertEquals(await kindOf(() => allocate(context, addRequest("b", { owner }))), "try-again");
  await del(fixture, "a");
  await assertSound(fixture);
  assertEquals(await keys(fixture, "cooling/pods/4/"), 1);
  assertEquals(await add(fixture, "b"), ["10.0.0.7", v6]);
  await assertSound(fixture);
  // The old address rests, and is free then.
  const { state } = await whoLoses(context, { network: "pods", address: move.from });
  assertEquals(state, "free");
});

Deno.test("move and back again while the holder runs costs it nothing", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5", "2001:db8::5") });
  await add(fixture, "a");
  const [from, to, third] = ips("10.0.0.5", "10.0.0.7", "10.0.0.8");
  assert(from !== undefined && to !== undefined && third !== undefined);
  await moveAddress(context, { ...NETWORK, from, to });
  await moveAddress(context, { ...NETWORK, from: to, to: third });
  assertEquals((await whoLoses(context, { network: "pods", address: to })).state, "free");
  const back = await moveAddress(context, { ...NETWORK, from: third, to: from });
  assertEquals([back.addresses, back.leaving, back.released], [
    ["10.0.0.5", "2001:db8::5"],
    [],
    ["10.0.0.8"],
  ]);
  await assertSound(fixture);
  await del(fixture, "a");
  assertEquals(await add(fixture, "b"), ["10.0.0.5", "2001:db8::5"]);
});

Deno.test("move: the holder whose host has booted again loses the old address to the pool", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5", "2001:db8::5") });
  await add(fixture, "a");
  const [from, to] = ips("10.0.0.5", "10.0.0.7");
  assert(from !== undefined && to !== undefined);
  await moveAddress(context, { ...NETWORK, from, to });
  assertEquals(await add(fixture, "b", { bootId: "boot-2" }), ["10.0.0.7", "2001:db8::5"]);
  await assertSound(fixture);
  assertEquals(await keys(fixture, "cooling/pods/4/"), 1);
  // The late DEL of the old life changes nothing.
  await del(fixture, "a");
  await assertSound(fixture);
  assertEquals((await whoLoses(context, { network: "pods", address: to })).state, "used");
});

Deno.test("unfix: an idle owner goes with its addresses and its MAC", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5") });
  await add(fixture, "a");
  await del(fixture, "a");
  assertEquals((await unfixAddresses(context, NETWORK)).outcome, "removed");
  assertEquals((await unfixAddresses(context, NETWORK)).outcome, "unchanged");
  for (const prefix of ["addresses/", "owners/", "macs/"]) {
    assertEquals(await keys(fixture, prefix), 0, prefix);
  }
  await assertSound(fixture);
});

Deno.test("unfix: a running holder keeps all until its DEL, then nothing is left", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5") });
  await add(fixture, "a");
  const { outcome, addresses, leaving } = await unfixAddresses(context, NETWORK);
  assertEquals([outcome, addresses.length, leaving.length], ["changed", 0, 2]);
  await assertSound(fixture);
  await del(fixture, "a");
  for (const prefix of ["addresses/", "owners/", "macs/"]) {
    assertEquals(await keys(fixture, prefix), 0, prefix);
  }
  await assertSound(fixture);
});

Deno.test("unfix: an owner that is wanted again before the DEL gets others", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5") });
  await add(fixture, "a");
  await unfixAddresses(context, NETWORK);
  const [v4 = ""] = await add(fixture, "b", { bootId: "boot-2" });
  assert(v4 !== "10.0.0.5");
  await assertSound(fixture);
});

Deno.test("giveBack() takes an address from nobody who may live", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const ref = { network: "pods", address: parseAddress("10.0.0.8") };
  assertEquals(await giveBack(context, ref), false);
  await allocate(context, addRequest("x", { addresses: [ref.address] }));
  const error = await assertRejects(() => giveBack(context, ref), FabricError);
  assertEquals(error.kind, "in-use");
  assertStringIncludes(error.remedy ?? "", "fence");
  const loss = await whoLoses(context, ref);
  await del(fixture, "x");
  await fixAddresses(context, { ...NETWORK, addresses: [ref.address] });
  // What was confirmed was another use of the address.
  assertEquals(await kindOf(() => giveBack(context, ref, loss)), "conflict");
  assertEquals(await giveBack(context, ref, await whoLoses(context, ref)), true);
  assertEquals(await keys(fixture, "owners/"), 0);
  await reserve(context, { network: "pods", range: parseRange("10.0.0.8"), reason: "printer" });
  assertEquals(await giveBack(context, ref), true);
  await assertSound(fixture);
});

Deno.test("an answer that is lost: saying it again is enough, whether it was done or not", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  await fixAddresses(context, { ...NETWORK, addresses: ips("10.0.0.5", "2001:db8::5") });
  await add(fixture, "a");
  for (const arrives of [true, false]) {
    let lost = false;
    const lossy = {
      ...context,
      store: {
        ...store,
        range: store.range.bind(store),
        grantLease: store.grantLease.bind(store),
        txn: async (request: Parameters<typeof store.txn>[0]) => {
          const writes = (request.success ?? []).some((one) => "put" in one);
          if (!writes || lost) return await store.txn(request);
          lost = true;
          if (arrives) await store.txn(request);
          throw new FabricError("unknown-outcome", "no answer came");
        },
      },
    };
    const to = parseAddress(arrives ? "10.0.0.6" : "10.0.0.7");
    const from = parseAddress(arrives ? "10.0.0.5" : "10.0.0.6");
    const move = { ...NETWORK, from, to };
    assertEquals(await kindOf(() => moveAddress(lossy, move)), "unknown-outcome");
    const again = await moveAddress(context, move);
    assertEquals(again.addresses[0], formatAddress(to));
    await assertSound(fixture);
  }
});

Deno.test("whatever is fixed, moved, unfixed, added and deleted at once: no duplicate, no leak", async () => {
  await using fixture = await start();
  const { context } = fixture;
  let serial = 0;
  const action = fc.record({
    what: fc.constantFrom("fix", "move", "unfix", "add", "del", "boot"),
    slot: fc.integer({ min: 0, max: 1 }),
    from: fc.integer({ min: 4, max: 9 }),
    to: fc.integer({ min: 4, max: 9 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(action, action), { maxLength: 8 }), async (pairs) => {
      const running = new Map<number, string>();
      let boot = "boot-1";
      const run = async ({ what, slot, from, to }: (typeof pairs)[number][0]): Promise<void> => {
        const slotOwner = { network: "pods", owner: ownerOf(`${slot}`) };
        const [a, b] = ips(`10.0.0.${from}`, `10.0.0.${to}`);
        if (a === undefined || b === undefined) return;
        try {
          if (what === "fix") await fixAddresses(context, { ...slotOwner, addresses: [a] });
          if (what === "move") await moveAddress(context, { ...slotOwner, from: a, to: b });
          if (what === "unfix") await unfixAddresses(context, slotOwner);
          if (what === "boot") boot = `boot-${++serial}`;
          if (what === "add") {
            const id = `c${++serial}`;
            await allocate(context, addRequest(id, { owner: slotOwner.owner, bootId: boot }));
            running.set(slot, id);
          }
          if (what === "del") await del(fixture, running.get(slot) ?? "none");
        } catch (error) {
          const kinds = ["in-use", "not-found", "try-again", "conflict", "exhausted"];
          assert(error instanceof FabricError && kinds.includes(error.kind), String(error));
        }
      };
      for (const pair of pairs) await Promise.all(pair.map(run));
      await assertSound(fixture);
      for (const slot of [0, 1]) {
        for (const id of [running.get(slot)]) if (id !== undefined) await del(fixture, id);
        await unfixAddresses(context, { network: "pods", owner: ownerOf(`${slot}`) });
      }
      const { kvs } = await fixture.store.range(underPrefix("attachments/"));
      for (const { key } of kvs) await del(fixture, key.split("/")[3] ?? "");
      for (const prefix of ["addresses/", "owners/", "macs/"]) {
        assertEquals(await keys(fixture, prefix), 0, prefix);
      }
    }),
    { numRuns: 12 },
  );
});
