import { assert, assertEquals } from "@std/assert";
import { type MadeInterval, writeHistory } from "../../tests/history_fixture.ts";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import type { Store } from "../etcd/store.ts";
import { underPrefix } from "../etcd/store.ts";
import { parseAddress } from "../ip/address.ts";
import { allocate } from "./allocate.ts";
import { readExported, writeExported } from "./exported.ts";
import { PREFIXES } from "./keys.ts";
import { release } from "./release.ts";
import { decodeResource } from "./stored.ts";
import { trimHistory, type TrimReport } from "./trim.ts";

async function networkOf(store: Store, name: string): Promise<{ name: string; uid: string }> {
  const { kvs } = await store.range({ key: `networks/${name}` });
  const kv = kvs[0];
  if (kv === undefined) throw new Error(`no network ${name}`);
  return { name, uid: decodeResource(kv, "Network").metadata.uid ?? "" };
}

/** Container ids of the records left; both trees must agree. */
async function left(store: Store): Promise<readonly string[]> {
  const [records, byOwner] = await Promise.all([
    store.range(underPrefix(PREFIXES.history)),
    store.range({ ...underPrefix(PREFIXES.historyByOwner), keysOnly: true }),
  ]);
  const ids = records.kvs.map((kv) => kv.key.slice(kv.key.lastIndexOf("/") + 1));
  const pointers = byOwner.kvs.map((kv) => kv.key.slice(kv.key.lastIndexOf("/") + 1));
  assertEquals([...pointers].sort(), [...ids].sort());
  return records.kvs.map((kv) => String(JSON.parse(kv.value).holder.containerId)).sort();
}

/** Says that everything now in the store is exported. */
async function markExported({ context, store }: IpamFixture): Promise<void> {
  const before = await readExported(store);
  await writeExported(context, before, before.header.revision);
}

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}

function ended(
  containerId: string,
  options: { readonly days: number; readonly network: MadeInterval["network"] },
): MadeInterval {
  const { days, network } = options;
  return {
    address: parseAddress("10.0.0.9"),
    containerId,
    start: daysAgo(days + 1),
    end: daysAgo(days),
    ...(network === undefined ? {} : { network }),
  };
}

function counts(report: TrimReport): readonly unknown[] {
  // The order is that of random allocation ids where nothing else tells records apart.
  const told = report.networks.map(({ network, exists, ended, trimmed, notExported }) =>
    [network.name, exists, { ended, trimmed, notExported }] as const
  );
  return told.toSorted((one, other) => `${one}`.localeCompare(`${other}`));
}

const SUBNETS = [{ cidr: "10.0.0.0/24" }];

Deno.test("trimHistory() trims what is too old, and nothing that is not exported", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await applyNetwork(context, "pods", { vlan: 1, subnets: SUBNETS, history: { maxAgeDays: 30 } });
  const network = await networkOf(store, "pods");
  await writeHistory(store, [
    ended("old-1", { days: 400, network }),
    ended("old-2", { days: 31, network }),
    ended("young", { days: 29, network }),
    { address: parseAddress("10.0.0.9"), containerId: "lasts", start: daysAgo(900), network },
  ]);
  assertEquals(counts(await trimHistory(context)), [
    ["pods", true, { ended: 3, trimmed: 0, notExported: 2 }],
  ]);
  assertEquals((await left(store)).length, 4);

  await markExported(fixture);
  await writeHistory(store, [ended("late", { days: 40, network })]);
  const dry = await trimHistory(context, { dryRun: true });
  assertEquals(counts(dry), [["pods", true, { ended: 4, trimmed: 2, notExported: 1 }]]);
  assertEquals((await left(store)).length, 5);
  assertEquals(counts(await trimHistory(context)), counts(dry));
  assertEquals(await left(store), ["lasts", "late", "young"]);
});

Deno.test("trimHistory() keeps the newest of a network's ended records", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await applyNetwork(context, "pods", {
    vlan: 1,
    subnets: [...SUBNETS, { cidr: "2001:db8::/64" }],
    coolingSeconds: 0,
    history: { maxRecords: 4 },
  });
  await applyNetwork(context, "other", { vlan: 2, subnets: [{ cidr: "10.1.0.0/24" }] });
  for (const name of ["c1", "c2", "c3", "c4"]) {
    await allocate(context, addRequest(name));
    await release(context, addRequest(name).attachment, { endedBy: "del" });
  }
  const other = addRequest("o1", { networks: ["other"] });
  await allocate(context, other);
  await release(context, other.attachment, { endedBy: "del" });
  await allocate(context, addRequest("c5"));
  await markExported(fixture);
  const report = await trimHistory(context, { windowSize: 2 });
  assertEquals(counts(report), [
    ["other", true, { ended: 1, trimmed: 0, notExported: 0 }],
    ["pods", true, { ended: 8, trimmed: 4, notExported: 0 }],
  ]);
  assertEquals(await left(store), ["c3", "c3", "c4", "c4", "c5", "c5", "o1"]);
  // Both families of an attachment end at one revision: none is kept alone.
  const value = (await store.range({ key: "networks/pods" })).kvs[0]?.value ?? "";
  await store.txn({
    success: [{ put: "networks/pods", value: value.replace('"maxRecords":4', '"maxRecords":3') }],
  });
  await trimHistory(context);
  assertEquals(await left(store), ["c4", "c4", "c5", "c5", "o1"]);
});

Deno.test("trimHistory() leaves networks that are gone alone, unless told a rule for them", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await applyNetwork(context, "pods", { vlan: 1, subnets: SUBNETS });
  const network = await networkOf(store, "pods");
  const gone = { name: "pods", uid: "uid-of-an-older-pods" };
  await writeHistory(store, [
    ended("gone-1", { days: 100, network: gone }),
    ended("gone-2", { days: 100, network: gone }),
    ended("gone-3", { days: 1, network: gone }),
    ended("ruleless", { days: 1, network }),
  ]);
  await markExported(fixture);
  await trimHistory(context);
  assertEquals((await left(store)).length, 4);
  const report = await trimHistory(context, { otherwise: { maxAgeDays: 30, maxRecords: 100 } });
  assertEquals(counts(report), [
    ["pods", false, { ended: 3, trimmed: 2, notExported: 0 }],
    ["pods", true, { ended: 1, trimmed: 0, notExported: 0 }],
  ]);
  assertEquals(await left(store), ["gone-3", "ruleless"]);
});

Deno.test("trimHistory() after a restore into another etcd cluster: nothing counts as exported", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await writeHistory(store, [ended("c1", { days: 100, network: { name: "pods", uid: "u" } })]);
  const value = JSON.stringify({ v: 1, clusterId: "42", revision: 1_000_000 });
  await store.txn({ success: [{ put: "meta/exported", value }] });
  const report = await trimHistory(context, { otherwise: { maxAgeDays: 1 } });
  assertEquals([report.exported, report.networks[0]?.notExported], [0, 1]);
  assertEquals(await left(store), ["c1"]);
});

Deno.test("trimHistory() killed at every step leaves records whole, and ends when run again", async () => {
  await using fixture = await startIpam();
  const { etcd, store } = fixture;
  const network = { name: "gone", uid: "u" };
  const made = Array.from({ length: 900 }, (_, i): MadeInterval => {
    const name = `c${String(i).padStart(4, "0")}`;
    const address = { family: 4, value: 0x0a000000n + BigInt(i) } as const;
    return { ...ended(name, { days: i % 3 === 0 ? 1 : 100, network }), address };
  });
  await writeHistory(store, made);
  await markExported(fixture);
  let kills = 0;
  let finished = false;
  let before = 900;
  for (let killAt = 1; !finished && killAt < 40; killAt++) {
    const output = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", new URL("../../tests/history_child.ts", import.meta.url).pathname],
        ...["trim", etcd.endpoints[0] ?? "", String(killAt)],
      ],
      stderr: "inherit",
    }).output();
    finished = new TextDecoder().decode(output.stdout) === "done";
    if (!finished) kills++;
    const now = (await left(store)).length;
    assert(now <= before);
    before = now;
  }
  assert(finished && kills > 3, `${kills} kills`);
  const expected = made.filter((_, i) => i % 3 === 0).map((one) => String(one.containerId));
  assertEquals(await left(store), expected);
});
