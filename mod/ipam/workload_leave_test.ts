import { assert, assertEquals } from "@std/assert";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../../tests/ipam_fixture.ts";
import { FabricError } from "../error.ts";
import { type Store, underPrefix } from "../etcd/store.ts";
import { formatAddress } from "../ip/address.ts";
import { parseRange } from "../ip/range.ts";
import { OwnerRecordSchema } from "../model/records.ts";
import type { IpamContext } from "./context.ts";
import { ownerPrefix, PREFIXES } from "./keys.ts";
import { release } from "./release.ts";
import { decodeRecord } from "./stored.ts";
import { allocateForWorkload } from "./workload.ts";
import type { WorkloadWish } from "./workload_wish.ts";

const WISH: WorkloadWish = {
  workload: {
    cluster: "local",
    group: "apps",
    kind: "Deployment",
    namespace: "trade",
    name: "orders",
  },
  slot: { kind: "any" },
  list: undefined,
  isCurrent: true,
  most: undefined,
  onExhausted: "wait",
  numbers: undefined,
};

async function start(): Promise<IpamFixture> {
  const fixture = await startIpam();
  for (const [index, name] of ["pods", "other"].entries()) {
    await applyNetwork(fixture.context, name, {
      vlan: 100 + index,
      coolingSeconds: 0,
      subnets: [{ cidr: `10.${index}.0.0/24`, gateway: `10.${index}.0.1` }],
    });
  }
  return fixture;
}

function listed(range: string): Partial<WorkloadWish> {
  return { list: { 4: [parseRange(range)], 6: [] } };
}

async function add(
  context: IpamContext,
  id: string,
  { network = "pods", uid = id, ...wish }: Partial<WorkloadWish> & {
    readonly network?: string;
    readonly uid?: string;
  } = {},
): Promise<string> {
  const pod = { namespace: "trade", name: `orders-${uid}`, uid };
  const request = addRequest(id, { networks: [network], pod });
  const { addresses: [given] } = await allocateForWorkload(context, request, { ...WISH, ...wish });
  return given === undefined ? "" : formatAddress(given.address);
}

async function del({ context }: IpamFixture, id: string): Promise<void> {
  await release(context, addRequest(id).attachment, { endedBy: "del" });
}

/** Addresses that belong to a slot of a workload; `(…)`: only as long as its holder runs. */
async function owned({ store }: IpamFixture, network = "pods"): Promise<readonly string[]> {
  const { kvs } = await store.range(underPrefix(ownerPrefix(network)));
  return kvs.flatMap((kv) => decodeRecord(OwnerRecordSchema, kv).addresses)
    .map(({ address, stage }) => stage === "leaving" ? `(${address})` : address)
    .toSorted();
}

Deno.test("addresses that left the list go with their holders, those of free slots at once", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const old = listed("10.0.0.70-10.0.0.72");
  for (const id of ["a", "b", "c"]) await add(context, id, old);
  await del(fixture, "c");
  const list = listed("10.0.0.80-10.0.0.83");
  // The free slot is used for what is listed now.
  assertEquals(await add(context, "d", list), "10.0.0.80");
  assertEquals(await owned(fixture), ["(10.0.0.70)", "(10.0.0.71)", "10.0.0.80"]);
  await del(fixture, "a");
  assertEquals(await owned(fixture), ["(10.0.0.71)", "10.0.0.80"]);
  await del(fixture, "b");
  assertEquals(await owned(fixture), ["10.0.0.80"]);
});

Deno.test("a list that was put back finds its addresses when their holders have ended", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const [before, after] = [listed("10.0.0.70-10.0.0.71"), listed("10.0.0.80-10.0.0.81")];
  await add(context, "a", before);
  await add(context, "b", after);
  assertEquals(await owned(fixture), ["(10.0.0.70)", "10.0.0.80"]);
  assertEquals(await add(context, "c", before), "10.0.0.71");
  assertEquals(await owned(fixture), ["(10.0.0.70)", "(10.0.0.80)", "10.0.0.71"]);
  await del(fixture, "a");
  assertEquals(await add(context, "d", before), "10.0.0.70");
});

Deno.test("the sandbox of a Pod made anew, whose address left the list, gets a listed one", async () => {
  await using fixture = await start();
  const { context } = fixture;
  await add(context, "a", listed("10.0.0.70"));
  const list = listed("10.0.0.80-10.0.0.81");
  await add(context, "b", list);
  assertEquals(await add(context, "a2", { ...list, uid: "a" }), "10.0.0.81");
  assertEquals(await owned(fixture), ["(10.0.0.70)", "10.0.0.80", "10.0.0.81"]);
  await del(fixture, "b");
  await del(fixture, "a2");
  // Its first sandbox has not ended yet, and what is free is listed.
  assertEquals(await add(context, "a3", { ...listed("10.0.0.80"), uid: "a" }), "10.0.0.80");
});

Deno.test("a Pod of an older template takes nothing from the workload", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const old = { ...listed("10.0.0.70-10.0.0.71"), isCurrent: false };
  await add(context, "a", listed("10.0.0.80"));
  assertEquals(await add(context, "b", old), "10.0.0.70");
  assertEquals(await owned(fixture), ["10.0.0.70", "10.0.0.80"]);
  await del(fixture, "a");
  // Nor does it take a slot that the present one has.
  assertEquals(await add(context, "b2", old), "10.0.0.71");
  assertEquals(await owned(fixture), ["10.0.0.70", "10.0.0.71", "10.0.0.80"]);
  const chosen = await add(context, "c", { network: "other" });
  assertEquals(await owned(fixture), ["(10.0.0.70)", "(10.0.0.71)"]);
  await add(context, "d", { isCurrent: false });
  assertEquals(await owned(fixture, "other"), [chosen]);
});

Deno.test("an ADD has its addresses also when what the workload left cannot be given back; the next ADD does it", async () => {
  await using fixture = await start();
  const { context, store } = fixture;
  const old = await add(context, "a", { network: "other" });
  assertEquals(await owned(fixture, "other"), [old]);
  let asked = 0;
  const failing: Store = {
    ...store,
    txn: (...args) => store.txn(...args),
    range: (request) => {
      // The slot's history is read to know where the workload was before.
      if (!request.key.startsWith(PREFIXES.historyByOwner)) return store.range(request);
      asked++;
      throw new FabricError("unavailable", "etcd cannot be reached");
    },
  };
  const address = await add({ ...context, store: failing }, "b");
  assertEquals([asked, address.startsWith("10.0.")], [1, true]);
  assertEquals(await owned(fixture, "other"), [old]);
  await del(fixture, "b");
  assertEquals(await add(context, "b2", { uid: "b" }), address);
  assertEquals(await owned(fixture, "other"), [`(${old})`]);
});

Deno.test("one ADD changes a bounded number of slots, the next goes on", async () => {
  await using fixture = await start();
  const { context } = fixture;
  const old = listed("10.0.0.70-10.0.0.109");
  for (let slot = 0; slot < 40; slot++) await add(context, `old-${slot}`, old);
  const leaving = async () => (await owned(fixture)).filter((one) => one.startsWith("(")).length;
  await add(context, "a", listed("10.0.0.200-10.0.0.210"));
  const first = await leaving();
  assert(first >= 16 && first < 40, `${first}`);
  await add(context, "b", listed("10.0.0.200-10.0.0.210"));
  assertEquals(await leaving(), 40);
});
