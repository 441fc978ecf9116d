import { assertEquals } from "@std/assert";
import { parseAddress } from "../../mod/ip/address.ts";
import { singleKey } from "../../mod/ipam/free.ts";
import { addressKey, attachmentKey, macKey, ownerKey } from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { addRequest } from "../ipam_fixture.ts";
import { type Bed, type Population, texts, webOwner, webRequest } from "./bed.ts";
import { scenarioTests } from "./scenario.ts";

const web = (slot: string): string => ownerKey("pods", webOwner(slot));

const keyOf = (pods: Population, pod: "a" | "web0" | "web1", index: 0 | 1): string => {
  const address = pods[pod].addresses[index]?.address;
  if (address === undefined) throw new Error("no such address");
  return addressKey("pods", address);
};

async function recordOf(bed: Bed, key: string): Promise<Readonly<Record<string, unknown>>> {
  const record: unknown = JSON.parse((await bed.read(key))?.value ?? "{}");
  return Object(record);
}

/** Changes an owner and its addresses in one transaction, so that their revisions stay equal. */
async function alterTogether(
  bed: Bed,
  owner: string,
  input: {
    readonly addresses: readonly string[];
    readonly fields: Readonly<Record<string, unknown>>;
  },
): Promise<void> {
  const record = { ...await recordOf(bed, owner), ...input.fields };
  const others = await Promise.all(
    input.addresses.map(async (put) => ({ put, value: (await bed.read(put))?.value ?? "" })),
  );
  await bed.damage({ put: owner, value: JSON.stringify(record) }, ...others);
}

const TESTS = scenarioTests([
  {
    code: "F-O-01",
    name: "an address that is kept for an owner is lost",
    damage: (bed, pods) => bed.damage({ delete: keyOf(pods, "web1", 0) }),
  },
  {
    code: "F-O-02",
    name: "an owner lists the address of an ephemeral pod in place of its own",
    damage: (bed, pods) => {
      const [, v6] = texts(pods.web1);
      const [foreign] = texts(pods.a);
      return alterTogether(bed, web("1"), {
        addresses: [keyOf(pods, "web1", 0), keyOf(pods, "web1", 1)],
        fields: { addresses: [{ address: foreign }, { address: v6 }] },
      });
    },
  },
  {
    code: "F-O-03",
    name: "an owner lists an address that another owner lists",
    damage: (bed, pods) =>
      alterTogether(bed, web("1"), {
        addresses: [keyOf(pods, "web1", 0), keyOf(pods, "web1", 1)],
        fields: { addresses: texts(pods.web0).map((address) => ({ address })) },
      }),
  },
  {
    code: "F-O-04",
    name: "the record of an owner with a holder is lost",
    damage: (bed) => bed.damage({ delete: web("0") }),
  },
  {
    code: "F-O-04",
    name: "the record of an owner without a holder is lost",
    damage: (bed) => bed.damage({ delete: web("1") }),
  },
  {
    code: "F-O-05",
    name: "an owner loses an address from its list",
    damage: (bed, pods) =>
      alterTogether(bed, web("1"), {
        addresses: [keyOf(pods, "web1", 0), keyOf(pods, "web1", 1)],
        fields: { addresses: [{ address: texts(pods.web1)[0] }] },
      }),
  },
  {
    code: "F-O-06",
    name: "a second address of one family is recorded for a slot",
    damage: async (bed, pods) => {
      const record = await recordOf(bed, keyOf(pods, "web1", 0));
      const extra = parseAddress("10.0.0.77");
      await bed.damage(
        {
          put: addressKey("pods", extra),
          value: JSON.stringify({ ...record, id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G" }),
        },
        { delete: singleKey("pods", extra) },
      );
    },
    then: async (bed) => {
      assertEquals(await bed.read(addressKey("pods", parseAddress("10.0.0.77"))), undefined);
    },
  },
  {
    code: "F-O-07",
    name: "an address is written without its owner",
    damage: async (bed, pods) => {
      const key = keyOf(pods, "web1", 0);
      await bed.damage({ put: key, value: (await bed.read(key))?.value ?? "" });
    },
  },
  {
    code: "F-O-08",
    name: "an owner keeps a holder that its addresses do not have",
    damage: (bed, pods) =>
      alterTogether(bed, web("1"), {
        addresses: [keyOf(pods, "web1", 0), keyOf(pods, "web1", 1)],
        fields: { holder: webRequest("1", "w1").attachment },
      }),
  },
  {
    code: "F-O-08",
    name: "an owner loses its holder, which lives",
    damage: (bed, pods) =>
      alterTogether(bed, web("0"), {
        addresses: [keyOf(pods, "web0", 0), keyOf(pods, "web0", 1)],
        fields: { holder: undefined },
      }),
    then: async (bed) => {
      const { holder } = await recordOf(bed, web("0"));
      assertEquals(Object(holder).containerId, "w0");
    },
  },
  {
    code: "F-O-09",
    name: "the record of one slot stands under the key of another",
    damage: async (bed) => {
      const value = (await bed.read(web("1")))?.value ?? "";
      await bed.damage({ put: web("7"), value });
    },
    then: async (bed) => assertEquals(await bed.read(web("7")), undefined),
  },
  {
    code: "F-O-10",
    name: "an owner without addresses",
    damage: async (bed) => {
      const { mac: _, ...record } = await recordOf(bed, web("1"));
      const value = JSON.stringify({ ...record, owner: webOwner("7"), addresses: [] });
      await bed.damage({ put: web("7"), value });
    },
  },
  {
    code: "F-M-01",
    name: "the MAC key of an ephemeral pod is lost",
    damage: (bed, pods) => bed.damage({ delete: macKey("prod", 100, pods.a.mac) }),
  },
  {
    code: "F-M-01",
    name: "the MAC key of an owner is lost",
    damage: (bed, pods) => bed.damage({ delete: macKey("prod", 100, pods.web1.mac) }),
  },
  {
    code: "F-M-02",
    name: "a MAC key of a sandbox that is none",
    damage: (bed) =>
      bed.damage({
        put: macKey("prod", 100, "0a:58:de:ad:be:ef"),
        value: JSON.stringify({ v: 1, network: "pods", holder: addRequest("gone").attachment }),
      }),
  },
  {
    code: "F-M-03",
    name: "the MAC key of a pod names a sandbox that does not have it",
    damage: (bed, pods) =>
      bed.alter(macKey("prod", 100, pods.a.mac), { holder: addRequest("b").attachment }),
  },
  {
    code: "F-M-04",
    name: "two pods of a segment have one MAC",
    damage: async (bed, pods) => {
      const attachment = attachmentKey(addRequest("b").attachment);
      const { mac } = pods.a;
      // As if it had always been so: only the key of the MAC can be of one alone.
      await bed.alter(attachment, { mac });
      for (const { address, id } of pods.b.addresses) {
        await bed.alter(addressKey("pods", address), { mac });
        const history = (await bed.keys("history/")).find(({ key }) => key.endsWith(id));
        await bed.alter(history?.key ?? "", { mac });
      }
      await bed.damage({ delete: macKey("prod", 100, pods.b.mac) });
    },
    byHand: async (bed) => {
      await release(bed.context, addRequest("b").attachment, { endedBy: "del" });
    },
  },
]);

for (const { title, run } of TESTS) Deno.test(title, run);
