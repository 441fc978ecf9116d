/** A fragment whose others never come, which the switch holds for a while. */

import { assert, assertEquals } from "@std/assert";
import { addressOf, readInterface } from "../e2e/records.ts";
import { eventually } from "../lab/mod.ts";
import { addServicePod, startServiceBed } from "./bed.ts";

/** In a pod: of what it sends in fragments, only the first leaves. */
const LOSE_LATER_FRAGMENTS = `nft "add table netdev lossy
add chain netdev lossy out { type filter hook egress device eth0 priority 0; }
add rule netdev lossy out ip frag-off & 0x1fff != 0 drop"`;

Deno.test("a fragment that the switch gives up is never in another pod's VLAN", async () => {
  await using lab = await startServiceBed();
  const [node, other] = [lab.host(0), lab.host(1)];
  const [lossy, neighbour, far] = [
    await addServicePod(node, "vlan100"),
    await addServicePod(node, "vlan200"),
    await addServicePod(other, "vlan100"),
  ];
  await lossy.execOk(LOSE_LATER_FRAGMENTS);
  const { mac } = await readInterface(lossy);
  await using capture = await node.capture("eth1", `ether src ${mac}`);
  await lossy.ping(await addressOf(far, 4), { count: 1, waitMs: 300 });
  await lossy.exec(["ping", "-c1", "-W1", "-s2000", await addressOf(far, 4)]);
  // Packets that the switch looks up, so that it comes to think of what it holds.
  await using _sender = neighbour.start(
    "while :; do echo x; sleep 0.1; done | socat -u - UDP4-SENDTO:10.200.0.1:50000",
  );
  await eventually("the switch gives the fragment up", async () => {
    const status = await node.ovs.appctl("dpctl/ipf-get-status");
    return /v4 frags expired: *[1-9]/.test(status);
  }, { timeoutMs: 60_000, everyMs: 500 });
  await neighbour.ping("10.200.0.1", { count: 3 });
  const frames = await capture.stop();
  assert(frames.some((line) => /vlan 100,/.test(line)), "what the pod sends itself is seen");
  assertEquals(frames.filter((line) => !/vlan 100,/.test(line)), []);
});
