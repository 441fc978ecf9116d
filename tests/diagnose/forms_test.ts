/** Pods and networks of every form. */

import { assert, assertEquals } from "@std/assert";
import { requireOk } from "../lab/mod.ts";
import { confFor, startBed } from "../e2e/bed.ts";
import { addPod } from "../e2e/by_hand.ts";
import { diagnose, podCall } from "./bed.ts";

const VLANS = [
  { vlan: 0, router: ["10.9.0.1/24"] },
  { vlan: 600, router: ["fd00:600::1/64"] },
  { vlan: 100, router: ["10.100.0.1/24", "fd00:100::1/64"] },
];

Deno.test("diagnose follows untagged networks, those of IPv6 alone, and pods with two interfaces", async () => {
  await using lab = await startBed({ hosts: 2, vlans: VLANS });
  const [host, other] = [lab.host(0), lab.host(1)];
  const [plain, six] = await Promise.all([
    addPod(host, podCall("plain", "vlan0")),
    addPod(host, podCall("six", "vlan600")),
    addPod(other, podCall("far", "vlan600")),
  ]);
  const { name: _, ...call } = podCall("plain");
  const second = await host.fabric("ADD", { ...call, sandbox: plain, ifname: "net1" });
  requireOk(second);

  for (
    const args of [
      ["pod", "web/six"],
      ["pod", "web/six", "--to", "web/far"],
      ["pod", "web/six", "--to", "[fd00:100::1]"],
      ["network", "vlan0"],
      ["node", "host1"],
      ["pod", six.containerId],
    ]
  ) {
    const { broken, says, sound } = await diagnose(host, ...args);
    assertEquals([args, broken, says, sound], [args, undefined, "", true]);
  }
  const both = await diagnose(host, "pod", "web/plain");
  assertEquals([both.sound, both.broken], [true, undefined]);
  assertEquals(both.report.ways.map(({ subject }) => subject), [
    "pod web/plain, interface eth0",
    "pod web/plain, interface net1",
  ]);
  const none = await diagnose(host, "pod", "web/six", "--to", "10.100.0.1");
  assertEquals([none.broken, none.code], ["addresses", 3]);
  assert(none.says.includes("the pod has no IPv4 address on eth0"), none.says);

  const back = await addPod(host, { ...podCall("other"), conf: confFor("vlan600") });
  await lab.switch.ovs.vsctl("set", "port", "host1-prod", "trunks=0,100");
  const cut = await diagnose(host, "pod", "web/other");
  assertEquals(cut.broken, "vlan");
  assert(cut.says.includes("physical switch's port does not carry VLAN 600"), cut.says);
  requireOk(await back.again("DEL"));
});
