import { assertEquals } from "@std/assert";
import { formatAddress, parseAddress } from "../../mod/ip/address.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { singleKey } from "../../mod/ipam/free.ts";
import {
  addressKey,
  attachmentKey,
  historyKey,
  macKey,
  networkKey,
  nodeKey,
  reservedKey,
} from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { addRequest } from "../ipam_fixture.ts";
import { node as nodeDocument } from "../documents.ts";
import { type Bed, type Population, webRequest } from "./bed.ts";
import { scenarioTests } from "./scenario.ts";

const attachmentOf = (containerId: string): string =>
  attachmentKey(addRequest(containerId).attachment);

const keyOf = (pods: Population, pod: "a" | "b" | "web0" | "web1", index: 0 | 1): string => {
  const address = pods[pod].addresses[index]?.address;
  if (address === undefined) throw new Error("no such address");
  return addressKey("pods", address);
};

async function fence(bed: Bed): Promise<void> {
  await applyResource(
    bed.context,
    nodeDocument("n1", { cluster: "local", zone: "z1", fenced: { reason: "test" } }),
  );
}

async function unfence(bed: Bed): Promise<void> {
  await applyResource(bed.context, nodeDocument("n1", { cluster: "local", zone: "z1" }));
}

/** A second attachment with the address of a; with `id` the allocation id of its own. */
async function copyOfA(bed: Bed, pods: Population, own: boolean): Promise<void> {
  const value: unknown = JSON.parse((await bed.read(attachmentOf("a")))?.value ?? "");
  const addresses = pods.a.addresses.map(({ address, length, id }) => ({
    address: `${formatAddress(address)}/${length}`,
    id: own ? `${id.slice(0, -1)}0` : id,
  }));
  const copy = { ...Object(value), containerId: "copy", addresses };
  await bed.damage({ put: attachmentOf("copy"), value: JSON.stringify(copy) });
}

const TESTS = scenarioTests([
  {
    code: "F-A-06",
    name: "a used address of an owner loses its holder",
    damage: (bed, pods) => bed.alter(keyOf(pods, "web0", 0), { holder: undefined }),
  },
  {
    code: "F-A-06",
    name: "an owned address names a holder",
    damage: (bed, pods) =>
      bed.alter(keyOf(pods, "web1", 0), { holder: addRequest("ghost").attachment }),
  },
  {
    code: "F-A-06",
    name: "a reservation names a holder",
    damage: (bed) =>
      bed.alter(addressKey("pods", parseAddress("10.0.0.100")), {
        holder: addRequest("ghost").attachment,
      }),
  },
  {
    code: "F-A-06",
    name: "a used address loses its holder, but its attachment has it",
    damage: (bed, pods) => bed.alter(keyOf(pods, "a", 0), { holder: undefined }),
  },
  {
    code: "F-A-07",
    name: "a used address without owner and holder",
    damage: async (bed) => {
      const address = parseAddress("10.0.0.77");
      const value = JSON.stringify({
        v: 1,
        state: "used",
        id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G",
        since: new Date().toISOString(),
      });
      await bed.damage({ put: addressKey("pods", address), value }, {
        delete: singleKey("pods", address),
      });
    },
  },
  {
    code: "F-A-08",
    name: "an attachment is lost, and etcd remembers it",
    damage: (bed) => bed.damage({ delete: attachmentOf("a") }),
    then: async (bed) => {
      const record: unknown = JSON.parse((await bed.read(attachmentOf("a")))?.value ?? "");
      assertEquals(Object(record).netns, "/run/netns/a");
    },
  },
  {
    code: "F-A-08",
    name: "an attachment of an owner is lost, and etcd has forgotten it",
    damage: async (bed) => {
      await bed.damage({ delete: attachmentKey(webRequest("0", "w0").attachment) });
      await compact(bed);
    },
  },
  {
    code: "F-A-08",
    name: "an attachment is lost, and its DEL came later",
    damage: async (bed) => {
      await bed.damage({ delete: attachmentOf("a") });
      await release(bed.context, addRequest("a").attachment, { endedBy: "del" });
    },
    then: async (bed, pods) => {
      assertEquals(await bed.read(keyOf(pods, "a", 0)), undefined);
      assertEquals(await bed.read(attachmentOf("a")), undefined);
    },
  },
  {
    code: "F-A-08",
    name: "an owner's attachment is lost, and its node is fenced",
    damage: async (bed) => {
      await fence(bed);
      await bed.damage({ delete: attachmentKey(webRequest("0", "w0").attachment) });
    },
    then: async (bed, pods) => {
      const record: unknown = JSON.parse((await bed.read(keyOf(pods, "web0", 0)))?.value ?? "");
      assertEquals(Object(record).state, "owned");
      await unfence(bed);
    },
  },
  {
    code: "F-A-09",
    name: "an address has another allocation id than its attachment",
    damage: (bed, pods) => bed.alter(keyOf(pods, "a", 0), { id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G" }),
  },
  {
    code: "F-A-09",
    name: "an address has another MAC than its attachment",
    damage: (bed, pods) => bed.alter(keyOf(pods, "b", 1), { mac: "0a:58:00:00:00:01" }),
  },
  {
    code: "F-A-10",
    name: "a reservation is written over a used address",
    damage: async (bed, pods) => {
      const address = pods.a.addresses[0]?.address;
      if (address === undefined) throw new Error("no address");
      const value = JSON.stringify({
        v: 1,
        state: "reserved",
        id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G",
        reason: "printer",
        since: new Date().toISOString(),
      });
      await bed.damage(
        { put: addressKey("pods", address), value },
        { put: reservedKey("pods", address), value: "{}" },
      );
    },
  },
  {
    code: "F-T-01",
    name: "the address of an ephemeral pod is lost",
    damage: (bed, pods) => bed.damage({ delete: keyOf(pods, "a", 0) }),
  },
  {
    code: "F-T-01",
    name: "both addresses of an owner with a holder are lost",
    damage: (bed, pods) =>
      bed.damage({ delete: keyOf(pods, "web0", 0) }, { delete: keyOf(pods, "web0", 1) }),
  },
  {
    code: "F-T-01",
    name: "addresses are lost, and the node is fenced",
    damage: async (bed, pods) => {
      await fence(bed);
      await bed.damage({ delete: keyOf(pods, "a", 0) }, { delete: keyOf(pods, "a", 1) });
    },
    then: async (bed) => {
      assertEquals(await bed.read(attachmentOf("a")), undefined);
      await unfence(bed);
    },
  },
  {
    code: "F-T-02",
    name: "an attachment loses its IPv6 address",
    damage: async (bed) => {
      const value: unknown = JSON.parse((await bed.read(attachmentOf("a")))?.value ?? "");
      const [first] = Object(value).addresses;
      await bed.alter(attachmentOf("a"), { addresses: [first] });
    },
  },
  {
    code: "F-T-03",
    name: "an attachment has never had an IPv6 address",
    damage: async (bed, pods) => {
      const value: unknown = JSON.parse((await bed.read(attachmentOf("a")))?.value ?? "");
      const [first] = Object(value).addresses;
      const second = pods.a.addresses[1];
      if (second === undefined) throw new Error("no address");
      const history = historyKey(second.address, second.id);
      const pointers = await bed.keys("history-by-owner/local/-/Pod/default/a/");
      const pointer = pointers.find(({ key }) => key.endsWith(second.id))?.key ?? "";
      await bed.alter(attachmentOf("a"), { addresses: [first] });
      await bed.damage(
        { delete: addressKey("pods", second.address) },
        { delete: history },
        { delete: pointer },
        { put: singleKey("pods", second.address), value: "{}" },
      );
    },
    byHand: async (bed) => {
      await release(bed.context, addRequest("a").attachment, { endedBy: "del" });
    },
  },
  {
    code: "F-T-04",
    name: "two attachments name one allocation",
    damage: (bed, pods) => copyOfA(bed, pods, false),
    byHand: async (bed, pods) => {
      await release(bed.context, addRequest("copy").attachment, { endedBy: "del" });
      // The DEL of the copy did not free the address of the other.
      assertEquals((await bed.read(keyOf(pods, "a", 0))) !== undefined, true);
    },
  },
  {
    code: "F-T-04",
    name: "two attachments name one address, and one of them has ended",
    damage: async (bed, pods) => {
      await copyOfA(bed, pods, true);
      await bed.alter(attachmentOf("copy"), { node: "n2" });
      const copy = { ...addRequest("copy").attachment, node: "n2" };
      const value = (await bed.read(attachmentOf("copy")))?.value ?? "";
      await bed.damage({ delete: attachmentOf("copy") }, { put: attachmentKey(copy), value });
      await applyResource(
        bed.context,
        nodeDocument("n2", { cluster: "local", zone: "z1", fenced: {} }),
      );
    },
  },
  {
    code: "F-T-05",
    name: "an attachment has the address of an owner",
    damage: async (bed, pods) => {
      const value: unknown = JSON.parse((await bed.read(attachmentOf("c")))?.value ?? "");
      const { owner: _, ...rest } = Object(value);
      const network = JSON.parse((await bed.read(attachmentOf("a")))?.value ?? "").network;
      const stolen = {
        ...rest,
        containerId: "thief",
        network,
        vlan: 100,
        mac: "0a:58:00:00:00:99",
        addresses: pods.web1.addresses.map(({ address, length }) => ({
          address: `${formatAddress(address)}/${length}`,
          id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G",
        })),
      };
      await bed.damage(
        { put: attachmentOf("thief"), value: JSON.stringify(stolen) },
        {
          put: macKey("prod", 100, "0a:58:00:00:00:99"),
          value: JSON.stringify({
            v: 1,
            network: "pods",
            holder: addRequest("thief").attachment,
          }),
        },
      );
    },
    byHand: async (bed, pods) => {
      await release(bed.context, addRequest("thief").attachment, { endedBy: "del" });
      assertEquals((await bed.read(keyOf(pods, "web1", 0))) !== undefined, true);
    },
  },
  {
    code: "F-T-06",
    name: "the record of a node is lost, and etcd remembers it",
    damage: (bed) => bed.damage({ delete: nodeKey("local", "n1") }),
  },
  {
    code: "F-T-06",
    name: "the record of a node is lost, and etcd has forgotten it",
    damage: async (bed) => {
      await bed.damage({ delete: nodeKey("local", "n1") });
      await compact(bed);
    },
  },
  {
    code: "F-T-07",
    name: "an attachment is in another VLAN than its network",
    damage: async (bed) => {
      const mac: unknown = JSON.parse((await bed.read(attachmentOf("c")))?.value ?? "");
      const address = String(Object(mac).mac);
      const value = (await bed.read(macKey("prod", 101, address)))?.value ?? "";
      await bed.alter(attachmentOf("c"), { vlan: 999 });
      await bed.damage({ delete: macKey("prod", 101, address) }, {
        put: macKey("prod", 999, address),
        value,
      });
    },
    byHand: async (bed) => {
      await release(bed.context, addRequest("c").attachment, { endedBy: "del" });
    },
  },
  {
    code: "F-T-08",
    name: "an attachment is of an earlier network of that name",
    damage: async (bed) => {
      await bed.alter(attachmentOf("a"), { network: { name: "pods", uid: "another" } });
    },
  },
]);

for (const { title, run } of TESTS) Deno.test(title, run);

/** etcd forgets everything but what is. */
async function compact(bed: Bed): Promise<void> {
  const { header } = await bed.store.range({ key: networkKey("pods") });
  await bed.etcd.etcdctl("compact", String(header.revision));
}
