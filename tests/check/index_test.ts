import { assertEquals } from "@std/assert";
import { underPrefix } from "../../mod/etcd/store.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { singleKey } from "../../mod/ipam/free.ts";
import {
  addressKey,
  coolingKey,
  freePrefix,
  freeSizeKey,
  reservedKey,
  tombstoneKey,
} from "../../mod/ipam/keys.ts";
import { assertIndexed } from "../free_index.ts";
import { addRequest } from "../ipam_fixture.ts";
import type { Bed } from "./bed.ts";
import { scenarioTests } from "./scenario.ts";

const HUNDRED = parseAddress("10.0.0.100");

async function loseIndex(bed: Bed, network: string, family: 4 | 6): Promise<void> {
  await bed.store.txn({ success: [{ delete: underPrefix(freePrefix(network, family)) }] });
}

const indexed = async (bed: Bed): Promise<void> => {
  await assertIndexed(bed.store, "pods");
  await assertIndexed(bed.store, "small");
};

const TESTS = scenarioTests([
  {
    code: "F-I-01",
    name: "one entry is lost",
    damage: async (bed) => {
      const entries = await bed.keys(freePrefix("pods", 4));
      await bed.damage({ delete: entries[7]?.key ?? "" });
    },
    then: indexed,
  },
  {
    code: "F-I-01",
    name: "the whole index of IPv4 is lost",
    damage: (bed) => loseIndex(bed, "pods", 4),
    then: indexed,
  },
  {
    code: "F-I-01",
    name: "the whole index of IPv6 is lost",
    damage: (bed) => loseIndex(bed, "pods", 6),
    then: indexed,
  },
  {
    code: "F-I-02",
    name: "an entry offers a taken address",
    damage: async (bed, pods) => {
      const [first] = pods.a.addresses;
      if (first === undefined) throw new Error("no address");
      await bed.damage({ put: singleKey("pods", first.address), value: "{}" });
    },
  },
  {
    code: "F-I-03",
    name: "an entry offers the gateway",
    damage: (bed) => bed.damage({ put: singleKey("pods", parseAddress("10.0.0.1")), value: "{}" }),
    then: indexed,
  },
  {
    code: "F-I-03",
    name: "an entry reaches over an exclusion",
    damage: (bed) =>
      bed.damage({
        put: `${singleKey("pods", parseAddress("10.0.0.190"))}+x`,
        value: JSON.stringify({ n: "0a0000be", e: "0a0000dc" }),
      }),
    then: indexed,
  },
  {
    code: "F-I-04",
    name: "the value of an entry is no JSON",
    damage: async (bed) => {
      const entries = await bed.keys(freePrefix("pods", 4));
      await bed.damage({ put: entries[3]?.key ?? "", value: "{" });
    },
    then: indexed,
  },
  {
    code: "F-I-04",
    name: "an entry stands under the hash of another address",
    damage: async (bed) => {
      const entries = await bed.keys(freePrefix("small", 4));
      const entry = entries[2];
      if (entry === undefined) throw new Error("no entry");
      const wrong = entry.key.replace(/\/[0-9a-f]{8}-/, "/00000000-");
      await bed.damage({ delete: entry.key }, { put: wrong, value: entry.value });
    },
    then: indexed,
  },
  {
    code: "F-I-05",
    name: "a small family is marked as large",
    damage: (bed) => bed.damage({ put: freeSizeKey("pods", 4), value: "{}" }),
  },
  {
    code: "F-I-05",
    name: "a large family is not marked",
    damage: (bed) => bed.damage({ delete: freeSizeKey("pods", 6) }),
  },
  {
    code: "F-I-06",
    name: "entries of a network that does not exist",
    damage: async (bed) => {
      await bed.damage(
        { put: singleKey("gone", HUNDRED), value: "{}" },
        { put: freeSizeKey("gone", 6), value: "{}" },
      );
    },
    then: async (bed) => assertEquals(await bed.keys("free/gone/"), []),
  },
  {
    code: "F-R-01",
    name: "the mark of a reservation is lost",
    damage: (bed) => bed.damage({ delete: reservedKey("pods", HUNDRED) }),
  },
  {
    code: "F-R-02",
    name: "the record of a reservation is lost",
    damage: (bed) => bed.damage({ delete: addressKey("pods", HUNDRED) }),
    then: async (bed) => {
      const { reason } = JSON.parse((await bed.read(addressKey("pods", HUNDRED)))?.value ?? "");
      assertEquals(reason, "firewall");
    },
  },
  {
    code: "F-R-03",
    name: "a used address is marked as reserved",
    damage: async (bed, pods) => {
      const [first] = pods.a.addresses;
      if (first === undefined) throw new Error("no address");
      await bed.damage({ put: reservedKey("pods", first.address), value: "{}" });
    },
  },
  {
    code: "F-L-01",
    name: "an old tombstone without a lease",
    damage: (bed) =>
      bed.damage({
        put: tombstoneKey(addRequest("long-gone").attachment),
        value: JSON.stringify({ v: 1, at: new Date(Date.now() - 3600_000).toISOString() }),
      }),
  },
  {
    code: "F-L-02",
    name: "a tombstone of last week whose lease is kept alive",
    damage: async (bed) => {
      const { id } = await bed.store.grantLease(3600);
      const at = new Date(Date.now() - 7 * 24 * 3600_000).toISOString();
      const put = tombstoneKey(addRequest("long-gone").attachment);
      const value = JSON.stringify({ v: 1, at });
      await bed.store.txn({ success: [{ put, value, lease: id }] });
    },
  },
  {
    code: "F-L-03",
    name: "a cooling key without a lease",
    damage: (bed) =>
      bed.damage({ put: coolingKey("pods", parseAddress("10.0.0.55")), value: "{}" }),
    then: async (bed) => {
      const key = await bed.read(coolingKey("pods", parseAddress("10.0.0.55")));
      assertEquals(typeof key?.lease, "string");
    },
  },
]);

for (const { title, run } of TESTS) Deno.test(title, run);
