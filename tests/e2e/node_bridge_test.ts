/** A node without a bridge: the first ADDs make it by the node's configuration. */

import { assert, assertEquals } from "@std/assert";
import { requireOk } from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod } from "./by_hand.ts";
import { addressOf, assertNothingLeft, readInterface } from "./records.ts";

Deno.test("many ADDs at once make the bridge with its uplink, once and for all", async () => {
  await using lab = await startBed({
    hosts: 2,
    physicalNetworks: [{ name: "prod", mtu: 9000 }],
    install: ({ name }, { datapath }) => {
      const prod = { bridge: "br-made", create: true, uplink: "eth1", datapath };
      return name === "host1" ? { config: { physicalNetworks: { prod } } } : {};
    },
  });
  const [host, other] = [lab.host(0), lab.host(1)];
  await host.ovs.vsctl("del-br", "br-prod");
  const far = await addPod(other, { conf: confFor("vlan100") });
  const pods = await Promise.all(
    [1, 2, 3, 4].map(() => addPod(host, { conf: confFor("vlan100") })),
  );
  const [first, second] = pods;
  assert(first !== undefined && second !== undefined);
  for (const family of [4, 6] as const) {
    assert(await first.reaches(await addressOf(second, family)));
    assert(await first.reaches(await addressOf(far, family)));
  }
  assertEquals((await first.ping(await addressOf(far, 4), { size: 8972 })).received, 1);
  assertEquals((await host.ovs.vsctl("list-br")).trim(), "br-made");
  const datapath = await host.ovs.vsctl("get", "Bridge", "br-made", "datapath_type");
  assertEquals(datapath.trim(), lab.plan.datapath);
  assertEquals((await readInterface(host, "br-made")).mtu, 9000);
  for (const pod of pods) requireOk(await pod.again("DEL"));
  await assertNothingLeft(host);

  // It serves pods to come: an ADD that fails, or the last DEL, does not take it away.
  const ports = (await host.ovs.vsctl("list-ports", "br-made")).trim();
  assertEquals(ports, "eth1");
  const again = await addPod(host, { conf: confFor("vlan200") });
  assert(await again.reaches("10.200.0.1"));
  requireOk(await again.again("DEL"));
  requireOk(await far.again("DEL"));
});
