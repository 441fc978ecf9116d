import { assert, assertEquals, assertRejects } from "@std/assert";
import { startEtcd } from "../../../tests/etcd_fixture.ts";
import { FabricError } from "../../error.ts";
import { openStore, type StoreOptions } from "../open.ts";
import { type RangeRequest, type Store, underPrefix } from "../store.ts";
import { openBulkReader } from "./bulk.ts";

/** A store that counts what it is asked, so that a test sees who answered. */
function counting(store: Store): { readonly range: Store["range"]; readonly asked: () => number } {
  let asked = 0;
  return {
    range: (...args) => {
      asked++;
      return store.range(...args);
    },
    asked: () => asked,
  };
}

async function fill(store: Store, count: number): Promise<void> {
  for (let i = 0; i < count; i += 100) {
    await store.txn({
      success: Array.from({ length: 100 }, (_, j) => ({
        put: `addresses/pods/4/${(i + j).toString(16).padStart(8, "0")}`,
        value: JSON.stringify({ v: 1, text: "ä".repeat((i + j) % 50) }),
      })),
    });
  }
}

async function assertSame(options: StoreOptions): Promise<void> {
  await using store = await openStore(options, { transport: "gateway" });
  await fill(store, 3000);
  const { id } = await store.grantLease(600);
  const { header } = await store.txn({
    success: [{ put: "cooling/pods/4/00000001", value: "{}", lease: id }],
  });
  await store.txn({ success: [{ delete: { key: "addresses/pods/4/00000000" } }] });
  const counted = counting(store);
  await using bulk = openBulkReader(options, counted);
  const all = underPrefix("addresses/");
  const requests: readonly RangeRequest[] = [
    { ...all },
    { ...all, limit: 7 },
    { ...all, keysOnly: true, limit: 1000 },
    { ...all, countOnly: true },
    { ...all, revision: header.revision, limit: 2 },
    { ...all, sort: { by: "mod", order: "descend" }, limit: 3 },
    { ...all, minModRevision: 10, maxModRevision: 12 },
    { key: "cooling/pods/4/00000001" },
    { key: "cooling/none" },
    { key: "addresses/", end: "meta/" },
  ];
  for (const request of requests) {
    assertEquals(await bulk.range(request), await store.range(request), JSON.stringify(request));
  }
  const together = await Promise.all(requests.map((request) => bulk.range(request)));
  assertEquals(together.length, requests.length);
  assertEquals(counted.asked(), 0);
}

Deno.test("a bulk reader reads what the store reads", async () => {
  await using etcd = await startEtcd();
  await assertSame({ endpoints: etcd.endpoints });
});

Deno.test("a bulk reader works with TLS, client certificates and etcd's auth", async () => {
  await using etcd = await startEtcd({ tls: "mutual", auth: true });
  const { certificates, root } = etcd;
  assert(certificates !== undefined && root !== undefined);
  const { caFile, certFile, keyFile } = certificates;
  await assertSame({ endpoints: etcd.endpoints, tls: { caFile, certFile, keyFile }, auth: root });
});

Deno.test("a bulk reader leaves to the store what etcd refuses, and says the store's reason", async () => {
  await using etcd = await startEtcd();
  const options = { endpoints: etcd.endpoints };
  await using store = await openStore(options, { transport: "gateway" });
  await fill(store, 100);
  await fill(store, 100);
  await etcd.etcdctl("compact", "3");
  const counted = counting(store);
  await using bulk = openBulkReader(options, counted);
  const compacted = () => bulk.range({ ...underPrefix("addresses/"), revision: 2 });
  const error = await assertRejects(compacted, FabricError);
  assertEquals(error.details["reason"], "compacted");
  assertEquals(counted.asked(), 1);
  assertEquals((await bulk.range({ ...underPrefix("addresses/") })).kvs.length, 100);
  assertEquals(counted.asked(), 1);
});

Deno.test("a bulk reader goes on with another member when one dies", async () => {
  await using etcd = await startEtcd({ members: 3 });
  const options = { endpoints: etcd.endpoints };
  await using store = await openStore(options, { transport: "gateway" });
  await fill(store, 300);
  await using bulk = openBulkReader(options, store);
  assertEquals((await bulk.range({ ...underPrefix("addresses/") })).kvs.length, 300);
  await etcd.kill(0);
  assertEquals((await bulk.range({ ...underPrefix("addresses/") })).kvs.length, 300);
});

Deno.test("a bulk reader shows a value that is no UTF-8, and those beside it", async () => {
  await using etcd = await startEtcd();
  const options = { endpoints: etcd.endpoints };
  await using store = await openStore(options, { transport: "gateway" });
  await fill(store, 100);
  const put = { key: btoa("/beyondfabric.io/addresses/x"), value: btoa("\xff\xfe{}") };
  const answer = await fetch(`${etcd.endpoints[0]}/v3/kv/put`, {
    method: "POST",
    body: JSON.stringify(put),
  });
  await answer.body?.cancel();
  await using bulk = openBulkReader(options, store);
  const { kvs } = await bulk.range({ ...underPrefix("addresses/") });
  assertEquals(kvs.length, 101);
  assert(kvs.some(({ key, value }) => key === "addresses/x" && value.startsWith("\ufffd")));
});
