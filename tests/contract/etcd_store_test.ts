import { assert, assertEquals } from "@std/assert";
import { FabricError, isKind } from "../../mod/error.ts";
import {
  type Compare,
  type RangeRequest,
  type Store,
  underPrefix,
  type WatchBatch,
} from "../../mod/etcd/store.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { rejection, testBoth, until } from "./transports.ts";

async function put(store: Store, pairs: Readonly<Record<string, string>>): Promise<number> {
  const success = Object.entries(pairs).map(([put, value]) => ({ put, value }));
  return (await store.txn({ success })).header.revision;
}

function summary(error: unknown): readonly unknown[] {
  if (!(error instanceof FabricError)) return [error];
  return [error.kind, error.details["reason"]];
}

testBoth("range() selects, limits, sorts and counts as asked", async (open, t) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  await put(store, { "a/3": "three" });
  await put(store, { "a/1": "one", "b/1": "" });
  const third = await put(store, { "a/2": "two \u00e9\u{1f30d}" });
  const last = await put(store, { "a/3": "three again" });
  const all = underPrefix("a/");
  const table: readonly (readonly [
    string,
    RangeRequest,
    readonly string[],
    Partial<{
      count: number;
      more: boolean;
    }>,
  ])[] = [
    ["one key", { key: "a/1" }, ["a/1=one"], { count: 1, more: false }],
    ["a key that does not exist", { key: "a/" }, [], { count: 0, more: false }],
    ["an empty value", { key: "b/1" }, ["b/1="], {}],
    ["a prefix", all, ["a/1=one", "a/2=two \u00e9\u{1f30d}", "a/3=three again"], { count: 3 }],
    ["a limit", { ...all, limit: 2 }, ["a/1=one", "a/2=two \u00e9\u{1f30d}"], {
      count: 3,
      more: true,
    }],
    ["keys only", { ...all, keysOnly: true }, ["a/1=", "a/2=", "a/3="], {}],
    ["a count only", { ...all, countOnly: true }, [], { count: 3 }],
    ["descending keys", { ...all, keysOnly: true, sort: { by: "key", order: "descend" } }, [
      "a/3=",
      "a/2=",
      "a/1=",
    ], {}],
    ["by creation", { ...all, keysOnly: true, sort: { by: "create", order: "ascend" } }, [
      "a/3=",
      "a/1=",
      "a/2=",
    ], {}],
    ["by change", { ...all, keysOnly: true, sort: { by: "mod", order: "descend" } }, [
      "a/3=",
      "a/2=",
      "a/1=",
    ], {}],
    ["changed since", { ...all, keysOnly: true, minModRevision: third }, ["a/2=", "a/3="], {}],
    ["changed until", { ...all, keysOnly: true, maxModRevision: third }, ["a/1=", "a/2="], {}],
    ["an old revision", { ...all, revision: third }, [
      "a/1=one",
      "a/2=two \u00e9\u{1f30d}",
      "a/3=three",
    ], {}],
    ["a serializable read", { key: "a/1", serializable: true }, ["a/1=one"], {}],
  ];
  for (const [name, request, kvs, rest] of table) {
    await t.step(name, async () => {
      const answer = await store.range(request);
      assertEquals(answer.kvs.map((kv) => `${kv.key}=${kv.value}`), kvs);
      assertEquals(answer.header.revision, last);
      if (rest.count !== undefined) assertEquals(answer.count, rest.count);
      if (rest.more !== undefined) assertEquals(answer.more, rest.more);
    });
  }
  const [kv] = (await store.range({ key: "a/3" })).kvs;
  assertEquals(kv, {
    key: "a/3",
    value: "three again",
    createRevision: third - 2,
    modRevision: last,
    version: 2,
    lease: undefined,
  });
});

testBoth("the prefix is added and removed, and what is beside it is not seen", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  await using other = await open({ endpoints: etcd.endpoints, prefix: "/other/" });
  await put(store, { "meta/era": "1" });
  await put(other, { "meta/era": "2" });
  const keys = await etcd.etcdctl("get", "", "--from-key", "--keys-only");
  assertEquals(keys.split("\n").filter((line) => line !== ""), [
    "/beyondfabric.io/meta/era",
    "/other/meta/era",
  ]);
  for (const [one, value] of [[store, "1"], [other, "2"]] as const) {
    const answer = await one.range({ key: " ", end: "~" });
    assertEquals(answer.kvs.map((kv) => [kv.key, kv.value]), [["meta/era", value]]);
  }
});

testBoth("txn() runs the branch of its compares and answers each operation", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const create = {
    compare: [{ key: "k", target: "create", op: "=", revision: 0 }],
    success: [{ put: "k", value: "1" }, { put: "d/1", value: "" }, { put: "d/2", value: "" }],
    failure: [
      { range: { key: "k" } },
      { delete: underPrefix("d/") },
      {
        txn: {
          compare: [{ key: "k", target: "value", op: "=", value: "1" }],
          success: [{ put: "nested", value: "yes" }, { range: { key: "nested" } }],
          failure: [{ put: "nested", value: "no" }],
        },
      },
      { delete: { key: "none" } },
      { put: "k", value: "2" },
    ],
  } as const;
  const first = await store.txn(create);
  assertEquals([first.succeeded, first.results.map((result) => result.kind)], [
    true,
    ["put", "put", "put"],
  ]);
  const second = await store.txn(create);
  assertEquals(second.succeeded, false);
  assertEquals(second.header, { ...first.header, revision: first.header.revision + 1 });
  const { header } = second;
  const pair = { createRevision: first.header.revision, version: 1, lease: undefined };
  assertEquals(second.results, [
    {
      kind: "range",
      response: {
        header,
        kvs: [{ key: "k", value: "1", modRevision: first.header.revision, ...pair }],
        count: 1,
        more: false,
      },
    },
    { kind: "delete", deleted: 2 },
    {
      kind: "txn",
      response: {
        header,
        succeeded: true,
        results: [{ kind: "put" }, {
          kind: "range",
          response: {
            header,
            kvs: [{
              key: "nested",
              value: "yes",
              createRevision: header.revision,
              modRevision: header.revision,
              version: 1,
              lease: undefined,
            }],
            count: 1,
            more: false,
          },
        }],
      },
    },
    { kind: "delete", deleted: 0 },
    { kind: "put" },
  ]);
});

testBoth("txn() that only reads leaves the revision as it is", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const revision = await put(store, { a: "1" });
  const answer = await store.txn({
    compare: [{ key: "a", target: "mod", op: "=", revision }],
    success: [{ range: { key: "a" } }, { txn: { success: [{ range: { key: "b" } }] } }],
  });
  assertEquals([answer.succeeded, answer.header.revision], [true, revision]);
  assertEquals(answer.results.map((result) => result.kind), ["range", "txn"]);
});

testBoth("compares hold for keys and for ranges", async (open, t) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const lease = (await store.grantLease(60)).id;
  const first = await put(store, { "r/1": "x" });
  const second = await put(store, { "r/2": "x" });
  await store.txn({ success: [{ put: "leased", value: "", lease }] });
  const range = underPrefix("r/");
  const none = underPrefix("none/");
  const table: readonly (readonly [string, Compare, boolean])[] = [
    ["absent", { key: "none", target: "create", op: "=", revision: 0 }, true],
    ["present", { key: "r/1", target: "create", op: "=", revision: 0 }, false],
    ["present by !=", { key: "r/1", target: "create", op: "!=", revision: 0 }, true],
    ["mod =", { key: "r/1", target: "mod", op: "=", revision: first }, true],
    ["mod = of another", { key: "r/1", target: "mod", op: "=", revision: second }, false],
    ["mod <", { key: "r/1", target: "mod", op: "<", revision: second }, true],
    ["mod >", { key: "r/1", target: "mod", op: ">", revision: first }, false],
    ["mod > of an absent key", { key: "none", target: "mod", op: ">", revision: 0 }, false],
    ["value =", { key: "r/1", target: "value", op: "=", value: "x" }, true],
    ["value !=", { key: "r/1", target: "value", op: "!=", value: "x" }, false],
    ["value of an absent key", { key: "none", target: "value", op: "=", value: "" }, false],
    ["lease =", { key: "leased", target: "lease", op: "=", lease }, true],
    ["no lease", { key: "r/1", target: "lease", op: "=", lease: "0" }, true],
    ["lease !=", { key: "leased", target: "lease", op: "!=", lease }, false],
    ["an empty range is absent", { ...none, target: "create", op: "=", revision: 0 }, true],
    ["a range with keys is not", { ...range, target: "create", op: "=", revision: 0 }, false],
    ["all of a range", { ...range, target: "mod", op: "<", revision: second + 1 }, true],
    ["not all of a range", { ...range, target: "mod", op: "<", revision: second }, false],
    ["all values", { ...range, target: "value", op: "=", value: "x" }, true],
  ];
  for (const [name, compare, succeeded] of table) {
    await t.step(name, async () => {
      assertEquals((await store.txn({ compare: [compare] })).succeeded, succeeded);
    });
  }
});

testBoth("64 clients that create one key: one succeeds", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const answers = await Promise.all(Array.from({ length: 64 }, (_, i) =>
    store.txn({
      compare: [{ ...underPrefix("one/"), target: "create", op: "=", revision: 0 }],
      success: [{ put: `one/${i}`, value: String(i) }],
    })));
  assertEquals(answers.filter((answer) => answer.succeeded).length, 1);
  assertEquals((await store.range(underPrefix("one/"))).count, 1);
});

testBoth("leases hold keys until they are revoked or run out", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const { id, ttl } = await store.grantLease(60);
  assert(/^\d{10,20}$/.test(id));
  assertEquals(ttl, 60);
  await store.txn({ success: [{ put: "held", value: "", lease: id }] });
  assertEquals((await store.range({ key: "held" })).kvs[0]?.lease, id);
  assertEquals(await store.keepLeaseAlive(id), 60);
  await store.revokeLease(id);
  assertEquals((await store.range({ key: "held" })).count, 0);
  assertEquals(await store.keepLeaseAlive(id), 0);
  await store.revokeLease(id);

  const short = await store.grantLease(1);
  await store.txn({ success: [{ put: "short", value: "", lease: short.id }] });
  await until(async () => (await store.range({ key: "short" })).count === 0);

  const error = await rejection(store.txn({ success: [{ put: "x", value: "", lease: id }] }));
  assertEquals(summary(error), ["not-found", "lease"]);
  assertEquals((await store.range({ key: "x" })).count, 0);
});

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

testBoth("watch() gives one batch for each revision, from the one asked for", async (open) => {
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

testBoth(
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

testBoth("watch() delivers a revision of 1 MiB whole", async (open) => {
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

testBoth("a compacted revision is told apart, for reads, pages and watches", async (open) => {
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

testBoth("what is over etcd's limits is refused as invalid", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  await put(store, { fits: "x".repeat(1024 * 1024) });
  assertEquals((await store.range({ key: "fits" })).kvs[0]?.value.length, 1024 * 1024);
  for (const size of [1_600_000, 3_000_000, 20_000_000]) {
    const error = await rejection(put(store, { huge: "x".repeat(size) }));
    assertEquals(summary(error), ["invalid", "too-large"]);
  }
  const success = Array.from({ length: 129 }, (_, i) => ({ put: `n/${i}`, value: "" }));
  const many = await rejection(store.txn({ success }));
  assertEquals(summary(many), ["invalid", "too-many-operations"]);
  const twice = await rejection(
    store.txn({ success: [{ put: "t", value: "1" }, { put: "t", value: "2" }] }),
  );
  assertEquals(summary(twice), ["invalid", "duplicate-key"]);
  assertEquals((await store.range({ key: "huge" })).count, 0);
});

testBoth("an etcd that is out of space says so", async (open) => {
  await using etcd = await startEtcd({ args: ["--quota-backend-bytes", "4000000"] });
  await using store = await open({ endpoints: etcd.endpoints });
  const value = "x".repeat(1_000_000);
  let error: unknown;
  for (let i = 0; i < 20 && error === undefined; i++) {
    error = await put(store, { [`q/${i}`]: value }).then(() => undefined, (cause) => cause);
  }
  assertEquals(summary(error), ["internal", "quota"]);
  // Reads and deletes go on.
  await store.txn({ success: [{ delete: underPrefix("q/") }] });
  assertEquals((await store.range(underPrefix("q/"))).count, 0);
});

testBoth("an answer of 20 MB is read whole", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints, timeoutMs: 30_000 });
  const value = "v".repeat(10_000);
  for (let batch = 0; batch < 20; batch++) {
    const pairs = Array.from({ length: 100 }, (_, i) => [`l/${batch * 100 + i}`, value]);
    await put(store, Object.fromEntries(pairs));
  }
  const answer = await store.range(underPrefix("l/"));
  assertEquals(answer.kvs.length, 2000);
  assert(answer.kvs.every((kv) => kv.value === value));
});

testBoth("a key or value that is not UTF-8 is an error, not a changed value", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const command = new Deno.Command("sh", {
    args: ["-c", `printf '\\377\\376' | ETCDCTL_API=3 etcdctl --endpoints "$1" put "$2"`, "sh"]
      .concat(etcd.endpoints[0] ?? "", "/beyondfabric.io/bytes"),
  });
  assert((await command.output()).success);
  assert(isKind(await rejection(store.range({ key: "bytes" })), "internal"));
});

testBoth("status() names version, size and the endpoint that answered", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const revision = await put(store, { a: "" });
  const status = await store.status();
  const { header } = await store.range({ key: "a" });
  assertEquals(status.header.clusterId, header.clusterId);
  assertEquals(header.revision, revision);
  assert(/^3\.\d+\.\d+/.test(status.version) && status.dbSizeBytes > 0);
  assertEquals(`http://${status.endpoint}`, etcd.endpoints[0]);
});
