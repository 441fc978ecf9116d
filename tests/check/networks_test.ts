import { assertEquals } from "@std/assert";
import { parseAddress } from "../../mod/ip/address.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import { singleKey } from "../../mod/ipam/free.ts";
import {
  addressKey,
  META_ERA,
  networkKey,
  nodeKey,
  ownerKey,
  physicalNetworkKey,
  reservedKey,
  zoneKey,
} from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { network, node, physicalNetwork, zone } from "../documents.ts";
import { addRequest, applyKind, applyNetwork } from "../ipam_fixture.ts";
import { type Bed, texts, webOwner } from "./bed.ts";
import { scenarioTests } from "./scenario.ts";

type Fields = Readonly<Record<string, unknown>>;

async function compact(bed: Bed): Promise<void> {
  const { header } = await bed.store.range({ key: META_ERA });
  await bed.etcd.etcdctl("compact", String(header.revision));
}

async function alterSpec(bed: Bed, key: string, fields: Fields): Promise<void> {
  const { spec } = JSON.parse((await bed.read(key))?.value ?? "");
  await bed.alter(key, { spec: { ...spec, ...fields } });
}

/** Moves subnet fields of network pods past the rules. */
async function alterSubnet(bed: Bed, fields: Fields): Promise<void> {
  const { spec } = JSON.parse((await bed.read(networkKey("pods")))?.value ?? "");
  const [first, ...rest] = spec.subnets;
  await alterSpec(bed, networkKey("pods"), { subnets: [{ ...first, ...fields }, ...rest] });
}

/** An owner with one address, without a holder, written past the rules. */
async function ownAddress(bed: Bed, text: string): Promise<void> {
  const address = parseAddress(text);
  const owner = webOwner("7");
  const uid = JSON.parse((await bed.read(networkKey("pods")))?.value ?? "").metadata.uid;
  const since = new Date().toISOString();
  await bed.damage(
    {
      put: addressKey("pods", address),
      value: JSON.stringify({
        v: 1,
        state: "owned",
        id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G",
        owner,
        since,
      }),
    },
    {
      put: ownerKey("pods", owner),
      value: JSON.stringify({
        v: 1,
        owner,
        network: { name: "pods", uid },
        addresses: [{ address: text }],
        since,
      }),
    },
    { delete: singleKey("pods", address) },
  );
}

async function reserveRaw(bed: Bed, text: string): Promise<void> {
  const address = parseAddress(text);
  const value = {
    v: 1,
    state: "reserved",
    id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G",
    reason: "x",
    since: "",
  };
  await bed.damage(
    { put: addressKey("pods", address), value: JSON.stringify(value) },
    { put: reservedKey("pods", address), value: "{}" },
  );
}

const isGone = async (bed: Bed, text: string): Promise<void> => {
  assertEquals(await bed.read(addressKey("pods", parseAddress(text))), undefined);
};

const TESTS = scenarioTests([
  {
    code: "F-A-01",
    name: "the record of a network is lost, and etcd remembers it",
    damage: (bed) => bed.damage({ delete: networkKey("pods") }),
  },
  {
    code: "F-A-01",
    name: "the record of a network that nobody uses any more is lost, and etcd has forgotten it",
    damage: async (bed) => {
      await reserveIn(bed, "old", "10.3.0.9");
      await bed.damage({ delete: networkKey("old") });
      await compact(bed);
    },
    then: async (bed) => assertEquals(await bed.keys("addresses/old/"), []),
    // Its index is left over, and told of when the addresses have gone.
    byHand: async (bed) => void await bed.repair(),
  },
  {
    code: "F-A-02",
    name: "an owner has an address of no subnet",
    damage: (bed) => ownAddress(bed, "10.77.0.5"),
    then: (bed) => isGone(bed, "10.77.0.5"),
  },
  {
    code: "F-A-02",
    name: "a reservation of no subnet",
    damage: (bed) => reserveRaw(bed, "10.77.0.5"),
    then: (bed) => isGone(bed, "10.77.0.5"),
  },
  {
    code: "F-A-03",
    name: "an owner has the broadcast address",
    damage: (bed) => ownAddress(bed, "10.0.0.255"),
    then: (bed) => isGone(bed, "10.0.0.255"),
  },
  {
    code: "F-A-04",
    name: "the gateway is reserved",
    damage: (bed) => reserveRaw(bed, "10.0.0.1"),
    then: (bed) => isGone(bed, "10.0.0.1"),
  },
  {
    code: "F-A-05",
    name: "an owner has an excluded address",
    damage: (bed) => ownAddress(bed, "10.0.0.205"),
    then: (bed) => isGone(bed, "10.0.0.205"),
  },
  {
    code: "F-A-05",
    name: "the address of a pod is excluded past the rules: the pod keeps it",
    damage: async (bed, pods) => {
      const [v4] = texts(pods.a);
      await alterSubnet(bed, { exclude: ["10.0.0.200-10.0.0.210", v4] });
    },
    byHand: async (bed, pods) => {
      assertEquals(
        (await bed.read(addressKey("pods", parseAddress(texts(pods.a)[0] ?? "")))) === undefined,
        false,
      );
      await release(bed.context, addRequest("a").attachment, { endedBy: "del" });
    },
  },
  {
    code: "F-A-05",
    name: "the address of an owner whose node is fenced is excluded past the rules",
    damage: async (bed, pods) => {
      const [v4] = texts(pods.web0);
      await alterSubnet(bed, { exclude: ["10.0.0.200-10.0.0.210", v4] });
      await applyResource(bed.context, node("n1", { zone: "z1", fenced: {} }));
    },
    // First its holder is ended, then the owner loses the address.
    byHand: async (bed, pods) => {
      await bed.repair();
      await isGone(bed, texts(pods.web0)[0] ?? "");
      await applyResource(bed.context, node("n1", { zone: "z1" }));
    },
  },
  {
    code: "F-N-01",
    name: "two networks have one VLAN",
    damage: async (bed) => {
      await applyNetwork(bed.context, "idle", { vlan: 300, subnets: [{ cidr: "10.9.0.0/24" }] });
      await alterSpec(bed, networkKey("idle"), { vlan: 100 });
    },
    byHand: async (bed) => {
      await applyNetwork(bed.context, "idle", { vlan: 300, subnets: [{ cidr: "10.9.0.0/24" }] });
    },
  },
  {
    code: "F-N-02",
    name: "subnets of two networks overlap",
    damage: async (bed) => {
      await applyNetwork(bed.context, "other", {
        vlan: 300,
        subnets: [{ cidr: "10.0.0.0/16" }],
        allowOverlap: true,
      });
      await alterSpec(bed, networkKey("other"), { allowOverlap: undefined });
    },
    byHand: (bed) => alterSpec(bed, networkKey("other"), { allowOverlap: true }),
  },
  {
    code: "F-N-03",
    name: "the physical network of networks and zones is lost",
    damage: (bed) => bed.damage({ delete: physicalNetworkKey("prod") }),
  },
  {
    code: "F-N-04",
    name: "a zone that a network names is lost",
    damage: async (bed) => {
      await applyKind(bed.context, "Zone", { name: "z2", spec: { physicalNetworks: ["prod"] } });
      await applyNetwork(bed.context, "far", {
        vlan: 300,
        zones: ["z1", "z2"],
        subnets: [{ cidr: "10.9.0.0/24" }],
      });
      await bed.damage({ delete: zoneKey("z2") });
    },
  },
  {
    code: "F-N-05",
    name: "a network names a zone without its physical network",
    damage: async (bed) => {
      await applyKind(bed.context, "PhysicalNetwork", { name: "dmz", spec: {} });
      await applyKind(bed.context, "Zone", { name: "z2", spec: { physicalNetworks: ["dmz"] } });
      await applyNetwork(bed.context, "far", {
        vlan: 300,
        zones: ["z1"],
        subnets: [{ cidr: "10.9.0.0/24" }],
      });
      await alterSpec(bed, networkKey("far"), { zones: ["z1", "z2"] });
    },
    byHand: async (bed) => {
      await applyResource(bed.context, zone("z2", ["dmz", "prod"]));
    },
  },
  {
    code: "F-N-06",
    name: "a zone lists a physical network that is lost",
    damage: async (bed) => {
      await applyKind(bed.context, "PhysicalNetwork", { name: "dmz", spec: {} });
      await applyResource(bed.context, zone("z1", ["prod", "dmz"]));
      await bed.damage({ delete: physicalNetworkKey("dmz") });
    },
  },
  {
    code: "F-N-06",
    name: "the same, and etcd has forgotten it",
    damage: async (bed) => {
      await applyKind(bed.context, "PhysicalNetwork", { name: "dmz", spec: {} });
      await applyResource(bed.context, zone("z1", ["prod", "dmz"]));
      await bed.damage({ delete: physicalNetworkKey("dmz") });
      await compact(bed);
    },
    byHand: async (bed) => void await applyResource(bed.context, physicalNetwork("dmz")),
  },
  {
    code: "F-N-07",
    name: "the zone of a node is lost",
    damage: (bed) => bed.damage({ delete: zoneKey("z1") }),
  },
  {
    code: "F-N-08",
    name: "a host has another name by now",
    damage: async (bed) => {
      const { status } = JSON.parse((await bed.read(nodeKey("local", "n1")))?.value ?? "");
      await applyResource(bed.context, node("old-name", { zone: "z1" }));
      await bed.alter(nodeKey("local", "old-name"), { status });
      await bed.alter(nodeKey("local", "n1"), {});
    },
    then: async (bed) => assertEquals(await bed.read(nodeKey("local", "old-name")), undefined),
  },
  {
    code: "F-N-09",
    name: "the MTU of a physical network sinks below that of a network",
    damage: (bed) => alterSpec(bed, physicalNetworkKey("prod"), { mtu: 1500 }),
    then: async (bed) => {
      const { spec } = JSON.parse((await bed.read(networkKey("small")))?.value ?? "");
      assertEquals(spec.mtu, 1500);
    },
  },
  {
    code: "F-N-10",
    name: "a gateway outside of its subnet, and etcd remembers better",
    damage: (bed) => alterSubnet(bed, { gateway: "192.0.2.1" }),
  },
  {
    code: "F-N-10",
    name: "a network stands under the key of another",
    damage: async (bed) => {
      const { metadata } = JSON.parse((await bed.read(networkKey("small")))?.value ?? "");
      await bed.alter(networkKey("small"), { metadata: { ...metadata, name: "smaller" } });
      await compact(bed);
    },
    byHand: async (bed) => {
      const { metadata } = JSON.parse((await bed.read(networkKey("small")))?.value ?? "");
      await bed.alter(networkKey("small"), { metadata: { ...metadata, name: "small" } });
    },
  },
]);

for (const { title, run } of TESTS) Deno.test(title, run);

async function reserveIn(bed: Bed, name: string, text: string): Promise<void> {
  await applyResource(
    bed.context,
    network(name, { vlan: 303, subnets: [{ cidr: "10.3.0.0/24" }] }),
  );
  const address = parseAddress(text);
  await bed.damage(
    {
      put: addressKey(name, address),
      value: JSON.stringify({
        v: 1,
        state: "reserved",
        id: "01J8ZQ4T6V9X0Y2B3C4D5E6F7G",
        reason: "x",
        since: "",
      }),
    },
    { put: reservedKey(name, address), value: "{}" },
    { delete: singleKey(name, address) },
  );
}
