import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { parseAddress } from "../../mod/ip/address.ts";
import { indexOperations } from "../../mod/ipam/free.ts";
import { getResource } from "../../mod/ipam/kinds.ts";
import {
  addressKey,
  attachmentKey,
  historyKey,
  macKey,
  META_EDIT,
  META_ERA,
  META_EXPORTED,
  META_SCHEMA,
  networkKey,
  nodeKey,
  ownerKey,
} from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { addRequest, applyNetwork } from "../ipam_fixture.ts";
import { assertIndexed } from "../free_index.ts";
import {
  assertWorks,
  type Bed,
  codesOf,
  populate,
  type Population,
  startBeds,
  webOwner,
} from "./bed.ts";
import { scenarioTests } from "./scenario.ts";

const attachmentA = attachmentKey(addRequest("a").attachment);

const keyOf = (pods: Population, pod: "a" | "web0" | "web1", index: 0 | 1): string => {
  const address = pods[pod].addresses[index]?.address;
  if (address === undefined) throw new Error("no such address");
  return addressKey("pods", address);
};

async function pointerOf(bed: Bed, pods: Population): Promise<string> {
  const all = await bed.keys("history-by-owner/");
  return all.find(({ key }) => key.endsWith(pods.a.addresses[0]?.id ?? "-"))?.key ?? "";
}

const openHistory = (pods: Population): string => {
  const [first] = pods.a.addresses;
  if (first === undefined) throw new Error("no address");
  return historyKey(first.address, first.id);
};

async function compact(bed: Bed): Promise<void> {
  const { header } = await bed.store.range({ key: META_ERA });
  await bed.etcd.etcdctl("compact", String(header.revision));
}

/** A value that is no text, past our own transports. */
async function putBytes(bed: Bed, key: string, bytes: string): Promise<void> {
  const { kvs: [kv] } = await bed.store.range({ key });
  assert(kv !== undefined);
  const found = await fetch(`${bed.etcd.endpoints[0]}/v3/kv/range`, {
    method: "POST",
    body: JSON.stringify({
      key: btoa("\0"),
      range_end: btoa("\0"),
      keys_only: true,
      min_mod_revision: kv.modRevision,
      max_mod_revision: kv.modRevision,
    }),
  });
  const { kvs } = await found.json();
  const whole = kvs.map((one: { key: string }) => one.key).find((one: string) =>
    atob(one).endsWith(key)
  );
  const put = await fetch(`${bed.etcd.endpoints[0]}/v3/kv/put`, {
    method: "POST",
    body: JSON.stringify({ key: whole, value: btoa(bytes) }),
  });
  await put.body?.cancel();
}

const TESTS = scenarioTests([
  {
    code: "F-S-01",
    name: "meta/schema is lost",
    damage: (bed) => bed.damage({ delete: META_SCHEMA }),
  },
  {
    code: "F-S-01",
    name: "meta/schema is no JSON",
    damage: (bed) => bed.damage({ put: META_SCHEMA, value: "?" }),
  },
  {
    code: "F-S-02",
    name: "meta/schema is newer than this version",
    damage: (bed) => bed.damage({ put: META_SCHEMA, value: '{"schema":99}' }),
    byHand: (bed) => bed.damage({ put: META_SCHEMA, value: '{"schema":1}' }),
  },
  {
    code: "F-S-03",
    name: "meta/era is lost",
    damage: (bed) => bed.damage({ delete: META_ERA }),
    then: async (bed) => assert((await bed.read(META_ERA)) !== undefined),
  },
  {
    code: "F-S-04",
    name: "the record of a used address is no JSON",
    damage: (bed, pods) => bed.damage({ put: keyOf(pods, "a", 0), value: "{" }),
  },
  {
    code: "F-S-04",
    name: "the record of a used address is no UTF-8",
    damage: (bed, pods) => putBytes(bed, keyOf(pods, "a", 0), "\xff\xfe"),
  },
  {
    code: "F-S-04",
    name: "the record of an address with a holder and an owner lacks a field",
    damage: (bed, pods) => bed.alter(keyOf(pods, "web0", 0), { since: undefined }),
  },
  {
    code: "F-S-04",
    name: "the record of an address that is kept for an owner is no object",
    damage: (bed, pods) => bed.damage({ put: keyOf(pods, "web1", 1), value: "[]" }),
  },
  {
    code: "F-S-04",
    name: "the record of a reservation is empty",
    damage: (bed) => bed.damage({ put: addressKey("pods", parseAddress("10.0.0.100")), value: "" }),
    then: async (bed) => {
      const key = addressKey("pods", parseAddress("10.0.0.100"));
      assertEquals(JSON.parse((await bed.read(key))?.value ?? "").reason, "firewall");
    },
  },
  {
    code: "F-S-04",
    name: "a record of nobody is malformed",
    damage: async (bed) => {
      await bed.damage({ put: addressKey("pods", parseAddress("10.0.0.77")), value: "x" });
      await bed.damage({ delete: (await singleOf(bed, "10.0.0.77")).key });
    },
  },
  {
    code: "F-S-04",
    name: "an attachment is malformed, and etcd remembers it",
    damage: (bed) => bed.alter(attachmentA, { vlan: "x" }),
    then: async (bed) => {
      assertEquals(JSON.parse((await bed.read(attachmentA))?.value ?? "").vlan, 100);
    },
  },
  {
    code: "F-S-04",
    name: "an attachment is malformed, and etcd has forgotten it",
    damage: async (bed) => {
      await bed.damage({ put: attachmentA, value: "no record" });
      await compact(bed);
    },
  },
  {
    code: "F-S-04",
    name: "an owner is malformed",
    damage: (bed) => bed.alter(ownerKey("pods", webOwner("1")), { addresses: "none" }),
  },
  {
    code: "F-S-04",
    name: "a MAC key is malformed",
    damage: (bed, pods) => bed.damage({ put: macKey("prod", 100, pods.a.mac), value: '{"v":1}' }),
  },
  {
    code: "F-S-04",
    name: "the interval of a used address is malformed",
    damage: (bed, pods) => bed.damage({ put: openHistory(pods), value: "null" }),
  },
  {
    code: "F-S-04",
    name: "an entry by owner is malformed",
    damage: async (bed, pods) => bed.damage({ put: await pointerOf(bed, pods), value: "{}" }),
  },
  {
    code: "F-S-04",
    name: "a network is malformed",
    damage: (bed) => bed.alter(networkKey("small"), { spec: { vlan: 1 } }),
  },
  {
    code: "F-S-04",
    name: "a node is malformed, and etcd has forgotten it",
    damage: async (bed) => {
      await release(bed.context, addRequest("x").attachment, { endedBy: "del" });
      await bed.damage({ put: nodeKey("local", "n9"), value: "{}" });
      await compact(bed);
    },
  },
  {
    code: "F-S-05",
    name: "an address of a newer schema",
    damage: (bed, pods) => bed.alter(keyOf(pods, "a", 1), { v: 7 }),
    byHand: (bed, pods) => bed.alter(keyOf(pods, "a", 1), { v: 1 }),
  },
  {
    code: "F-S-05",
    name: "a network of a newer schema",
    damage: (bed) => bed.alter(networkKey("small"), { v: 7 }),
    byHand: (bed) => bed.alter(networkKey("small"), { v: 1 }),
  },
  {
    code: "F-S-06",
    name: "keys of another program",
    damage: (bed) => bed.damage({ put: "other/a", value: "1" }, { put: "other/b", value: "2" }),
    byHand: (bed) => bed.damage({ delete: "other/a" }, { delete: "other/b" }),
  },
  {
    code: "F-S-06",
    name: "a key of meta that nobody knows",
    damage: (bed) => bed.damage({ put: "meta/what", value: "1" }),
    byHand: (bed) => bed.damage({ delete: "meta/what" }),
  },
  {
    code: "F-S-07",
    name: "an address key that is no address",
    damage: (bed) => bed.damage({ put: "addresses/pods/4/0a00", value: "{}" }),
  },
  {
    code: "F-S-07",
    name: "a tombstone without an interface",
    damage: (bed) => bed.damage({ put: "tombstones/local/n1/abc", value: "{}" }),
  },
  {
    code: "F-S-07",
    name: "a free entry of no family",
    damage: (bed) => bed.damage({ put: "free/pods/5/x", value: "{}" }),
  },
  {
    code: "F-S-08",
    name: "an edit died after its commit",
    damage: async (bed) => {
      const entries = indexOperations("pods", [{
        family: 4,
        first: 0x0a0900n << 8n,
        last: (0x0a0900n << 8n) + 3n,
      }]);
      const at = new Date().toISOString();
      await bed.store.txn({
        success: [
          { put: META_EDIT, value: JSON.stringify({ v: 1, at, claim: "pods" }) },
          ...entries,
        ],
      });
    },
    then: (bed) => assertIndexed(bed.store, "pods"),
  },
  {
    code: "F-S-09",
    name: "the mark of exports is ahead of the store",
    damage: async (bed) => {
      const { header: { clusterId, revision } } = await bed.store.range({ key: META_ERA });
      const value = JSON.stringify({ v: 1, clusterId, revision: revision + 1_000_000 });
      await bed.damage({ put: META_EXPORTED, value });
    },
  },
  {
    code: "F-S-10",
    name: "meta/edit is no JSON",
    damage: (bed) => bed.damage({ put: META_EDIT, value: "{" }),
    then: async (bed) => {
      await applyNetwork(bed.context, "more", { vlan: 7, subnets: [{ cidr: "10.7.0.0/24" }] });
    },
  },
  {
    code: "F-S-11",
    name: "an attachment names another container than its key",
    damage: (bed) => bed.alter(attachmentA, { containerId: "b" }),
  },
  {
    code: "F-S-11",
    name: "an interval names another address than its key",
    damage: (bed, pods) => bed.alter(openHistory(pods), { address: "10.9.9.9" }),
  },
]);

for (const { title, run } of TESTS) Deno.test(title, run);

async function singleOf(bed: Bed, address: string) {
  const hex = addressKey("pods", parseAddress(address)).split("/").at(-1) ?? "";
  const entries = await bed.keys("free/pods/4/");
  const entry = entries.find(({ key }) => key.endsWith(hex));
  assert(entry !== undefined);
  return entry;
}

Deno.test("a store whose schema is newer is left alone", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  await bed.damage({ put: META_SCHEMA, value: '{"schema":99}' }, {
    put: "addresses/pods/4/0a00",
    value: "{}",
  });
  assertEquals(codesOf(await bed.check()), ["F-S-02"]);
  assertEquals(await bed.repair(), []);
});

Deno.test("a network is put back as it was, with its uid, and its pods are its own again", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  await populate(bed);
  const before = await getResource(bed.store, { kind: "Network", name: "pods" });
  await bed.damage({ delete: networkKey("pods") });
  assertEquals(codesOf(await bed.check()), ["F-A-01"]);
  assertEquals((await bed.repair()).map(({ outcome }) => outcome), ["done"]);
  const after = await getResource(bed.store, { kind: "Network", name: "pods" });
  assertEquals(after.metadata.uid, before.metadata.uid);
  assertNotEquals(after.metadata.resourceVersion, before.metadata.resourceVersion);
  await assertWorks(bed);
});
