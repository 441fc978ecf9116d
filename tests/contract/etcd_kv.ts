/**
 * What every transport of the store does with keys, transactions, compares and leases.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Compare, type RangeRequest, underPrefix } from "../../mod/etcd/store.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { put, rejection, startContract, summary, until } from "./contract.ts";

const { test, cases } = startContract();

/** Cases for each transport. */
export const kvContract = cases;

test("range() selects, limits, sorts and counts as asked", async (open, t) => {
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

test("the prefix is added and removed, and what is beside it is not seen", async (open) => {
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

test("txn() runs the branch of its compares and answers each operation", async (open) => {
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

test("txn() that only reads leaves the revision as it is", async (open) => {
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

test("compares hold for keys and for ranges", async (open, t) => {
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

test("64 clients that create one key: one succeeds", async (open) => {
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

test("leases hold keys until they are revoked or run out", async (open) => {
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
