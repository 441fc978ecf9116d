import { assert, assertEquals } from "@std/assert";
import { startIpam } from "../../tests/ipam_fixture.ts";
import { writeHistory } from "../../tests/history_fixture.ts";
import type { RangeRequest, Store } from "../etcd/store.ts";
import { type Address, maxValue, parseAddress } from "../ip/address.ts";
import { scanHistory, type ScanOptions } from "./history_scan.ts";

/** The same store, telling of every range. */
function watched(store: Store, onRange: (request: RangeRequest) => Promise<void> | void): Store {
  return {
    ...store,
    range: async (request, options) => {
      await onRange(request);
      return await store.range(request, options);
    },
    txn: (request, options) => store.txn(request, options),
  };
}

async function scanKeys(store: Store, options: ScanOptions): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const kvs of scanHistory(store, options)) keys.push(...kvs.map((kv) => kv.key));
  return keys;
}

function after(first: string, count: number, step = 1n): readonly Address[] {
  const { family, value } = parseAddress(first);
  return Array.from({ length: count }, (_, i) => ({ family, value: value + BigInt(i) * step }));
}

const ADDRESSES = [
  { family: 4, value: 0n } as const,
  ...after("10.0.0.0", 500),
  ...after("10.200.0.0", 20, 65_536n),
  ...Array<Address>(150).fill(parseAddress("172.16.0.9")),
  { family: 4, value: maxValue(4) } as const,
  ...after("2001:db8::", 100),
  ...after("2001:db8:ffff::", 40, 1n << 64n),
  { family: 6, value: maxValue(6) } as const,
];

Deno.test("scanHistory() gives every key once, dense, sparse and many on one address", async () => {
  await using fixture = await startIpam();
  const written = await writeHistory(fixture.store, ADDRESSES.map((address) => ({ address })));
  const { header } = await fixture.store.range({ key: "meta/none" });
  for (const windowSize of [10, 100, 10_000]) {
    const keys = await scanKeys(fixture.store, { through: header.revision, windowSize });
    assertEquals([...keys].sort(), [...written].sort());
  }
});

Deno.test("scanHistory() reads in windows of bounded size, whatever the space between", async () => {
  await using fixture = await startIpam();
  await writeHistory(fixture.store, ADDRESSES.map((address) => ({ address })));
  const { header } = await fixture.store.range({ key: "meta/none" });
  let calls = 0;
  const largest: number[] = [];
  const store = watched(fixture.store, () => void calls++);
  for await (const kvs of scanHistory(store, { through: header.revision, windowSize: 100 })) {
    largest.push(kvs.length);
  }
  assert(Math.max(...largest) <= 200, `${Math.max(...largest)}`);
  assert(calls < 400, `${calls} calls`);
});

Deno.test("scanHistory() gives what changed between two revisions, as it was then", async () => {
  await using fixture = await startIpam();
  const { store } = fixture;
  const addresses = after("10.0.0.0", 90);
  await writeHistory(store, addresses.slice(0, 30).map((address) => ({ address })));
  const first = (await store.range({ key: "meta/none" })).header.revision;
  const middle = await writeHistory(store, addresses.slice(30, 60).map((address) => ({ address })));
  const second = (await store.range({ key: "meta/none" })).header.revision;
  await writeHistory(store, addresses.slice(60).map((address) => ({ address })));
  await store.txn({ success: [{ delete: { key: middle[0] ?? "" } }] });
  const keys = await scanKeys(store, { after: first, through: second, windowSize: 10 });
  assertEquals([...keys].sort(), [...middle].sort());
});

Deno.test("scanHistory() goes on when etcd compacts its revision away", async () => {
  await using fixture = await startIpam();
  const { etcd, store } = fixture;
  const written = await writeHistory(store, after("10.0.0.0", 300).map((address) => ({ address })));
  const { header } = await store.range({ key: "meta/none" });
  let ranges = 0;
  const compacting = watched(store, async () => {
    if (++ranges !== 12) return;
    const late = await writeHistory(store, [{ address: parseAddress("10.0.0.250") }]);
    assertEquals(late.length, 1);
    await etcd.etcdctl("compact", String(header.revision + 1));
  });
  const keys = await scanKeys(compacting, { through: header.revision, windowSize: 10 });
  assertEquals([...keys].sort(), [...written].sort());
});
