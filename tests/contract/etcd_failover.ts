/**
 * What every transport of the store does when members die, hang or lose their leader.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { FabricError, isKind } from "../../mod/error.ts";
import { type Store, underPrefix } from "../../mod/etcd/store.ts";
import { freePort, startEtcd } from "../etcd_fixture.ts";
import { rejection, startContract, summary, timed, until, version, write } from "./contract.ts";
import { startProxy } from "./tcp_proxy.ts";

const { test, cases } = startContract();

/** Cases for each transport. */
export const failoverContract = cases;

test("a dead endpoint is passed over within a second, by reads and writes", async (open) => {
  await using etcd = await startEtcd({ members: 3 });
  const first = (await etcd.leader() + 1) % 3;
  await using store = await open({ endpoints: etcd.endpoints, firstEndpoint: first });
  await write(store, "a");
  await etcd.kill(first);
  // A write that meets the connection in the moment of its end has an unknown outcome (rule 3): as
  // a caller does, the test reads back and says it again.
  const settled = async () => {
    try {
      await write(store, "a");
    } catch (error) {
      if (!isKind(error, "unknown-outcome")) throw error;
      if (await version(store, "a") === 1) await write(store, "a");
    }
  };
  assertLess((await timed(settled)).ms, 1000);
  assertEquals(await version(store, "a"), 2);
  for (const verb of ["read", "write"]) {
    await using fresh = await open({ endpoints: etcd.endpoints, firstEndpoint: first });
    const { ms } = await timed(() => verb === "read" ? version(fresh, "b") : write(fresh, "b"));
    assertLess(ms, 1000);
  }
  assertEquals(await version(store, "b"), 1);
});

test("an endpoint that hangs is passed over within a second", async (open) => {
  await using etcd = await startEtcd({ members: 3 });
  const first = (await etcd.leader() + 1) % 3;
  await using warm = await open({ endpoints: etcd.endpoints, firstEndpoint: first });
  await write(warm, "a");
  await etcd.pause(first);
  for (const verb of ["read", "write"]) {
    await using fresh = await open({ endpoints: etcd.endpoints, firstEndpoint: first });
    const { ms } = await timed(() => verb === "read" ? version(fresh, "b") : write(fresh, "b"));
    assertLess(ms, 1000);
  }
  assertLess((await timed(() => version(warm, "a"))).ms, 1000);
  assertLess((await timed(() => write(warm, "a"))).ms, 1000);
  assertEquals([await version(warm, "a"), await version(warm, "b")], [2, 1]);
  etcd.resume(first);
});

test("an idle store tries its endpoint out before it writes there", async (open) => {
  await using etcd = await startEtcd({ members: 3 });
  // On a busy machine another member may lead by then, and to pause that one would be another test.
  for (let tries = 0; tries < 5; tries++) {
    const first = (await etcd.leader() + 1) % 3;
    await using store = await open({ endpoints: etcd.endpoints, firstEndpoint: first });
    await write(store, "a");
    const before = await version(store, "a");
    await new Promise((resolve) => setTimeout(resolve, 1100));
    if (await etcd.leader() === first) continue;
    await etcd.pause(first);
    assertLess((await timed(() => write(store, "a"))).ms, 1000);
    etcd.resume(first);
    await until(async () => await version(store, "a") === before + 1);
    return;
  }
  throw new Error("the leader changes all the time");
});

test("a write whose answer is lost happened once and has an unknown outcome", async (open) => {
  await using etcd = await startEtcd();
  const [direct = ""] = etcd.endpoints;
  await using reader = await open({ endpoints: [direct] });
  using proxy = startProxy(direct);
  // The second endpoint would answer at once: it must not be asked.
  const endpoints = [proxy.endpoint, direct];
  for (const [how, reason] of [["drop", "timeout"], ["cut", undefined]] as const) {
    proxy.pass();
    await using store = await open({ endpoints });
    await version(store, how);
    if (how === "drop") proxy.dropAnswers();
    else proxy.cutAtAnswer();
    const { ms, value: error } = await timed(() => rejection(write(store, how, 600)));
    assert(isKind(error, "unknown-outcome"), String(error));
    if (reason !== undefined) assertEquals(error.details["reason"], reason);
    assertLess(ms, 900);
    await until(async () => await version(reader, how) > 0);
    assertEquals(await version(reader, how), 1);
    // The store goes on by the other endpoint.
    assertEquals(await version(store, how), 1);
    await write(store, how);
    assertEquals(await version(store, how), 2);
  }
});

test("a read whose answer is lost is asked at the next endpoint", async (open) => {
  await using etcd = await startEtcd();
  const [direct = ""] = etcd.endpoints;
  using proxy = startProxy(direct);
  await using store = await open({ endpoints: [proxy.endpoint, direct] });
  await write(store, "a");
  proxy.dropAnswers();
  const readOnly = { success: [{ range: { key: "a" } }] };
  assertLess((await timed(() => store.txn(readOnly))).ms, 1000);
  proxy.disconnect({ refuse: true });
  assertLess((await timed(() => store.range({ key: "a" }))).ms, 1000);
});

test("a connection that the server closed meanwhile costs nothing", async (open) => {
  await using etcd = await startEtcd();
  const [direct = ""] = etcd.endpoints;
  using proxy = startProxy(direct);
  await using store = await open({ endpoints: [proxy.endpoint] });
  await write(store, "a");
  proxy.disconnect({ refuse: false });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await write(store, "a");
  assertEquals(await version(store, "a"), 2);
});

test(
  "with no endpoint up, reads and writes fail at once and nothing was done",
  async (open) => {
    const endpoints = [freePort(), freePort()].map((port) => `http://127.0.0.1:${port}`);
    await using store = await open({ endpoints });
    for (const call of [() => version(store, "a"), () => write(store, "a")]) {
      const { ms, value: error } = await timed(() => rejection(call()));
      assertEquals(summary(error), ["unavailable", "connect"]);
      assert(error instanceof FabricError);
      for (const url of endpoints) assert(error.message.includes(new URL(url).host), error.message);
      assertLess(ms, 1000);
    }
  },
);

test(
  "the only endpoint hangs: a read is unavailable, a write unknown, in time",
  async (open) => {
    await using etcd = await startEtcd();
    await using store = await open({ endpoints: etcd.endpoints, timeoutMs: 500 });
    await write(store, "a");
    await etcd.pause(0);
    const read = await timed(() => rejection(version(store, "a")));
    assertEquals(summary(read.value), ["unavailable", "timeout"]);
    assertLess(read.ms, 800);
    const wrote = await timed(() => rejection(write(store, "a")));
    assert(isKind(wrote.value, "unknown-outcome", "unavailable"));
    assertLess(wrote.ms, 800);
    etcd.resume(0);
  },
);

test("a signal ends a call", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  await write(store, "a");
  await etcd.pause(0);
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const read = rejection(store.range({ key: "a" }, { signal: controller.signal }));
  const { ms, value: error } = await timed(() => read);
  assertEquals(summary(error), ["unavailable", "aborted"]);
  assertLess(ms, 400);
  etcd.resume(0);
});

test("a lost leader: calls wait for the next one, and nothing happens twice", async (open) => {
  await using etcd = await startEtcd({ members: 3 });
  const leader = await etcd.leader();
  // The dead leader is the first endpoint of one store, another member that of the other.
  const stores = await Promise.all(
    [leader, (leader + 1) % 3].map((firstEndpoint) =>
      open({ endpoints: etcd.endpoints, firstEndpoint, timeoutMs: 8000 })
    ),
  );
  const unknown = new Set<string>();
  const writeAll = async (store: Store, name: string) => {
    for (let i = 0; i < 60; i++) {
      try {
        await write(store, `${name}/${i}`);
      } catch (error) {
        assert(isKind(error, "unknown-outcome"), String(error));
        unknown.add(`${name}/${i}`);
      }
    }
  };
  const writing = stores.map((store, i) => writeAll(store, `s${i}`));
  const reading = (async () => {
    for (let i = 0; i < 60; i++) await stores[0]?.range(underPrefix("s"));
  })();
  await new Promise((resolve) => setTimeout(resolve, 30));
  await etcd.kill(leader);
  await Promise.all([...writing, reading]);
  const [store] = stores;
  assert(store !== undefined);
  const written = await store.range(underPrefix("s"));
  assert(written.kvs.every((kv) => kv.version === 1));
  const missing = 120 - written.count;
  assert(missing <= unknown.size, `${missing} missing, ${unknown.size} unknown`);
  assert(unknown.size < 10, `${unknown.size} unknown outcomes`);
  for (const one of stores) await one[Symbol.asyncDispose]();
});

test("without a majority writes are unknown and only serializable reads work", async (open) => {
  await using etcd = await startEtcd({ members: 3 });
  await using store = await open({ endpoints: etcd.endpoints, timeoutMs: 1500 });
  await write(store, "a");
  await Promise.all([etcd.kill(1), etcd.kill(2)]);
  assert(isKind(await rejection(write(store, "a")), "unknown-outcome"));
  assert(isKind(await rejection(version(store, "a")), "unavailable"));
  assertEquals((await store.range({ key: "a", serializable: true })).kvs[0]?.version, 1);
});
