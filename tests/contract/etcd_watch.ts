/**
 * What every transport of the store does with watches and compacted revisions.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isKind } from "../../mod/error.ts";
import { underPrefix, type WatchBatch } from "../../mod/etcd/store.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { put, rejection, startContract, summary, until, write } from "./contract.ts";
import { startProxy } from "./tcp_proxy.ts";

const { test, cases } = startContract();

/** Cases for each transport. */
export const watchContract = cases;

/** Collects batches until there are as many, then ends the watch. */
async function collect(
  watch: AsyncIterable<WatchBatch>,
  count: number,
): Promise<readonly WatchBatch[]> {
  const batches: WatchBatch[] = [];
  for await (const batch of watch) {
    batches.push(batch);
    if (batches.length === count) break;
  }
  return batches;
}

test("watch() gives one batch for each revision, from the one asked for", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const revision = await put(store, { "w/0": "0", "beside": "" });
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`w/${i + 1}`, "x"]));
  await put(store, many);
  await put(store, { "beside": "2" });
  await store.txn({ success: [{ delete: { key: "w/0" } }, { put: "w/1", value: "y" }] });
  const request = { ...underPrefix("w/"), startRevision: revision, previous: true };
  const batches = await collect(store.watch(request), 3);
  assertEquals(batches.map((batch) => [batch.revision - revision, batch.events.length]), [
    [0, 1],
    [1, 100],
    [3, 2],
  ]);
  const [first, , last] = batches;
  assertEquals(first?.events[0], {
    type: "put",
    kv: {
      key: "w/0",
      value: "0",
      createRevision: revision,
      modRevision: revision,
      version: 1,
      lease: undefined,
    },
    previous: undefined,
  });
  const [deleted, changed] = last?.events ?? [];
  assert(deleted?.type === "delete" && changed?.type === "put");
  assertEquals([deleted.key, deleted.previous?.value], ["w/0", "0"]);
  assertEquals([changed.kv.value, changed.previous?.value], ["y", "x"]);
});

test(
  "watch() without a revision begins with the next one, and ends by its signal",
  async (open) => {
    await using etcd = await startEtcd();
    await using store = await open({ endpoints: etcd.endpoints });
    await put(store, { w: "before" });
    const controller = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const batch of store.watch({ key: "w", signal: controller.signal })) {
        for (const event of batch.events) seen.push(event.type === "put" ? event.kv.value : "-");
      }
    })();
    // It is not known from outside when the watch stands.
    for (let i = 0; seen.length === 0; i++) {
      await put(store, { w: `after ${i}` });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert(!seen.includes("before"));
    controller.abort();
    await watching;
  },
);

test("watch() delivers a revision of 1 MiB whole", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const value = "v".repeat(10_000);
  const pairs = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`big/${i}`, value]));
  const revision = await put(store, pairs);
  for (let i = 0; i < 8; i++) await put(store, pairs);
  const batches = await collect(
    store.watch({ ...underPrefix("big/"), startRevision: revision, previous: true }),
    9,
  );
  assertEquals(batches.map((batch) => batch.events.length), Array(9).fill(100));
});

test("a compacted revision is told apart, for reads, pages and watches", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  for (let i = 0; i < 10; i++) await put(store, { [`p/${i}`]: "x" });
  const page = await store.range({ ...underPrefix("p/"), limit: 5 });
  const { revision } = page.header;
  const next = { key: `${page.kvs.at(-1)?.key}\0`, end: underPrefix("p/").end };
  const now = await put(store, { "p/0": "y" });
  // Before the compaction the second page is of the same snapshot.
  assertEquals((await store.range({ ...next, revision })).kvs.length, 5);
  await etcd.etcdctl("compact", String(now));
  const compacted = ["conflict", "compacted"];
  assertEquals(summary(await rejection(store.range({ ...next, revision }))), compacted);
  assertEquals(
    summary(await rejection(store.txn({ success: [{ range: { ...next, revision } }] }))),
    compacted,
  );
  const watching = collect(store.watch({ ...underPrefix("p/"), startRevision: revision }), 1);
  assertEquals(summary(await rejection(watching)), compacted);
  // The revision of the compaction itself can still be watched.
  const batches = await collect(store.watch({ key: "p/0", startRevision: now }), 1);
  assertEquals(batches[0]?.revision, now);
});

test("watch() goes on at another member, without a gap or a repetition", async (open, t) => {
  await using etcd = await startEtcd({ members: 3 });
  const leader = await etcd.leader();
  const first = (leader + 1) % 3;
  await using watcher = await open({ endpoints: etcd.endpoints, firstEndpoint: first });
  await using writer = await open({ endpoints: etcd.endpoints, firstEndpoint: leader });
  const controller = new AbortController();
  const seen: number[] = [];
  const began = (await writer.range({ key: "w" })).header.revision + 1;
  const watching = (async () => {
    const { signal } = controller;
    for await (const batch of watcher.watch({ key: "w", startRevision: began, signal })) {
      seen.push(batch.revision);
    }
  })();
  const revisions: number[] = [];
  const writeSome = async (count: number) => {
    for (let i = 0; i < count; i++) {
      revisions.push((await writer.txn({ success: [{ put: "w", value: "" }] })).header.revision);
    }
  };
  await writeSome(3);
  await until(() => seen.length === revisions.length);
  await t.step("when its member hangs", async () => {
    await etcd.pause(first);
    await writeSome(3);
    await until(() => seen.length === revisions.length);
    etcd.resume(first);
  });
  await t.step("when its member dies", async () => {
    await etcd.restart(first);
    for (const member of [(first + 1) % 3, (first + 2) % 3]) {
      await etcd.kill(member);
      await etcd.leader();
      await writeSome(3);
      await until(() => seen.length === revisions.length);
      await etcd.restart(member);
    }
  });
  assertEquals(seen, revisions);
  controller.abort();
  await watching;
});

test("watch() that was cut off during a compaction says so", async (open) => {
  await using etcd = await startEtcd();
  const [direct = ""] = etcd.endpoints;
  using proxy = startProxy(direct);
  await using writer = await open({ endpoints: [direct] });
  await using watcher = await open({ endpoints: [proxy.endpoint] });
  await write(writer, "w");
  const started = Promise.withResolvers<void>();
  const watching = rejection((async () => {
    for await (const _ of watcher.watch({ key: "w", startRevision: 2 })) started.resolve();
  })());
  await started.promise;
  proxy.dropAnswers();
  await write(writer, "w");
  await write(writer, "w");
  const { header } = await writer.range({ key: "w" });
  await etcd.etcdctl("compact", String(header.revision));
  proxy.pass();
  proxy.disconnect({ refuse: false });
  assertEquals(summary(await watching), ["conflict", "compacted"]);
});

test("watch() ends with an error when no endpoint is left", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints, timeoutMs: 500 });
  const started = Promise.withResolvers<void>();
  const watching = rejection((async () => {
    for await (const _ of store.watch({ key: "w", startRevision: 1 })) started.resolve();
  })());
  await write(store, "w");
  await started.promise;
  await etcd.kill(0);
  assert(isKind(await watching, "unavailable"));
});
