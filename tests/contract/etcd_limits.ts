/**
 * What every transport of the store does at the limits of etcd.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isKind } from "../../mod/error.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { put, rejection, startContract, summary } from "./contract.ts";

const { test, cases } = startContract();

/** Cases for each transport. */
export const limitsContract = cases;

test("what is over etcd's limits is refused as invalid", async (open) => {
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

test("an etcd that is out of space says so", async (open) => {
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

test("an answer of 20 MB is read whole", async (open) => {
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

test("a key or value that is not UTF-8 is an error, not a changed value", async (open) => {
  await using etcd = await startEtcd();
  await using store = await open({ endpoints: etcd.endpoints });
  const command = new Deno.Command("sh", {
    args: ["-c", `printf '\\377\\376' | ETCDCTL_API=3 etcdctl --endpoints "$1" put "$2"`, "sh"]
      .concat(etcd.endpoints[0] ?? "", "/beyondfabric.io/bytes"),
  });
  assert((await command.output()).success);
  assert(isKind(await rejection(store.range({ key: "bytes" })), "internal"));
});

test("status() names version, size and the endpoint that answered", async (open) => {
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
