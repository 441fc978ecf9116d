/** Which network a pod gets: what it asks for, what the conflist says, or the node's default. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type EquippedHost, type PluginCall, requireOk } from "../lab/mod.ts";
import { confFor, conflistsFor, networkObject, startBed } from "./bed.ts";
import { addPod, failureOf } from "./by_hand.ts";
import { addressOf, assertNothingLeft, attachments } from "./records.ts";

/** Nodes of `east` reach one physical network more than those of `west`. */
const HOSTS = [
  { zone: "east" },
  { zone: "west", physicalNetworks: ["prod"] },
];

const NETWORKS = [
  networkObject("eastern", {
    vlan: 300,
    zones: ["east"],
    subnets: [{ cidr: "10.30.0.0/24", gateway: "10.30.0.1" }],
  }),
  networkObject("guarded", {
    physicalNetwork: "dmz",
    vlan: 300,
    subnets: [{ cidr: "10.32.0.0/24", gateway: "10.32.0.1" }],
  }),
];

/** The networks of pods that are added with these calls, one after the other. */
async function networksOf(
  host: EquippedHost,
  calls: readonly PluginCall[],
): Promise<readonly (string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for (const call of calls) {
    await using pod = await addPod(host, call);
    const [attachment] = await attachments(host, "--node", host.plan.name);
    found.push(attachment?.network.name);
    requireOk(await pod.again("DEL"));
  }
  return found;
}

Deno.test("a pod's network: its own wish, else the conflist's, else the node's default", async (t) => {
  await using lab = await startBed({
    hosts: HOSTS,
    physicalNetworks: [{ name: "prod" }, { name: "dmz" }],
    objects: NETWORKS,
    install: () => ({
      config: { defaultNetwork: ["guarded", "vlan200"] },
      conflists: conflistsFor({ fabric: undefined }),
    }),
  });
  const [east, west] = [lab.host(0), lab.host(1)];
  const FABRIC_NETWORK = "vlan100";

  await t.step("the node's default, of which the first that reaches the zone counts", async () => {
    assertEquals(await networksOf(east, [{ conf: confFor(undefined) }]), ["guarded"]);
    assertEquals(await networksOf(west, [{ conf: confFor(undefined) }]), ["vlan200"]);
  });

  await t.step("the conflist's goes before it, by name or as a list", async () => {
    const calls = [
      { conf: confFor("vlan100") },
      { conf: confFor(["eastern", "vlan100"]) },
    ];
    assertEquals(await networksOf(east, calls), ["vlan100", "eastern"]);
    assertEquals(await networksOf(west, calls), ["vlan100", "vlan100"]);
  });

  await t.step("FABRIC_NETWORK of CNI_ARGS goes before both", async () => {
    const calls = [
      { conf: confFor("eastern"), args: { FABRIC_NETWORK } },
      { conf: confFor(undefined), args: { FABRIC_NETWORK: "eastern,vlan100" } },
      { conf: confFor("vlan200"), args: { FABRIC_NETWORK: "", IgnoreUnknown: "1", OTHER: "x" } },
    ];
    assertEquals(await networksOf(east, calls), ["vlan100", "eastern", "vlan200"]);
    assertEquals(await networksOf(west, calls), ["vlan100", "vlan100", "vlan200"]);
  });

  await t.step("args.cni.network goes before that", async () => {
    const args = (network: unknown) => ({ args: { cni: { network } } });
    const calls = [
      { conf: confFor("vlan200", args("vlan100")), args: { FABRIC_NETWORK: "vlan200" } },
      { conf: confFor("vlan200", args(["eastern", "vlan100"])) },
    ];
    assertEquals(await networksOf(west, calls), ["vlan100", "vlan100"]);
  });

  await t.step("cnitool hands FABRIC_NETWORK over", async () => {
    await using sandbox = await west.sandbox();
    const call = { network: "fabric", sandbox, args: { FABRIC_NETWORK } };
    requireOk(await west.cnitool("add", call));
    assertMatch(await addressOf(sandbox, 4), /^10\.100\.0\./);
    requireOk(await west.cnitool("del", call));
  });

  await t.step("the same VLAN of two physical networks is two segments", async () => {
    await using eastern = await addPod(east, { conf: confFor("eastern") });
    await using guarded = await addPod(east, { conf: confFor("guarded") });
    await guarded.execOk("ip address add 10.30.0.99/24 dev eth0");
    const target = await addressOf(eastern, 4);
    assertEquals((await guarded.ping(target, { waitMs: 300 })).received, 0);
    for (const pod of [eastern, guarded]) requireOk(await pod.again("DEL"));
  });

  await t.step(
    "what does not reach the zone, or is not there, is an error of its own",
    async () => {
      await using sandbox = await west.sandbox();
      const add = async (network: string | readonly string[] | undefined) =>
        failureOf(await west.fabric("ADD", { sandbox, conf: confFor(network) }));
      const elsewhere = await add(["eastern", "guarded"]);
      assertEquals(elsewhere.code, 103, elsewhere.msg);
      for (const word of ["eastern", "west"]) assert(elsewhere.msg.includes(word), elsewhere.msg);
      const missing = await add("nowhere");
      assertEquals(missing.code, 102, missing.msg);
      assert(missing.msg.includes("nowhere"), missing.msg);
      assertEquals(await sandbox.execOk("ip -o link | grep -v ' lo:' || :"), "");
    },
  );

  await assertNothingLeft(east);
  await assertNothingLeft(west);
});
