/** Frames of a VLAN stay in it. Captures at the pods are the witnesses. */

import { assert, assertEquals } from "@std/assert";
import type { Capture, EquippedHost, Place } from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod } from "./by_hand.ts";
import { addressOf, readInterface } from "./records.ts";

/** What a pod of VLAN 100 tries, to be seen by everybody in reach. */
const SHOUTS = [
  "arping -q -c 2 -w 1 -I eth0 10.100.0.250",
  "ping -q -b -c 2 -i 0.2 -W 0.2 10.100.0.255 >/dev/null 2>&1",
  "ping -q -c 2 -i 0.2 -W 0.2 -I eth0 ff02::1 >/dev/null",
  // A MAC that no switch knows: the frame is flooded.
  "ip neighbour replace 10.100.0.251 lladdr 02:00:00:00:99:99 dev eth0 nud permanent",
  "sleep 0.1; ping -q -c 2 -i 0.2 -W 0.2 10.100.0.251 >/dev/null",
  // The address of a pod in VLAN 200, as if it were here.
  "arping -q -c 2 -w 1 -I eth0 10.200.0.250",
];

/** A broadcast frame that carries the tag of a VLAN itself (the kernel here has no such device). */
async function forgeTag(pod: Place, mac: string, vlan: number): Promise<void> {
  const sender = mac.replaceAll(":", "");
  const request = `0001080006040001${sender}0a640063` + "000000000000" + "0a6400fa";
  const tag = `8100${vlan.toString(16).padStart(4, "0")}`;
  const frame = `${"ff".repeat(6)}${sender}${tag}0806${request}`.padEnd(120, "0");
  const octal = frame.replace(
    /../g,
    (hex) => `\\${parseInt(hex, 16).toString(8).padStart(3, "0")}`,
  );
  await using capture = await pod.capture("eth0", `vlan ${vlan}`);
  await pod.execOk(`printf '${octal}' | socat -u - INTERFACE:eth0`);
  await capture.until(/ARP/);
}

Deno.test("no frame of a VLAN reaches a pod of another but by the router", async (t) => {
  await using lab = await startBed({ hosts: 2 });
  const [host1, host2] = [lab.host(0), lab.host(1)];
  const conf = { vlan100: confFor("vlan100"), vlan200: confFor("vlan200") };
  const pods: readonly (readonly [EquippedHost, keyof typeof conf])[] = [
    [host1, "vlan100"],
    [host2, "vlan100"],
    [host1, "vlan200"],
    [host2, "vlan200"],
  ];
  const [loud, listener, near, far] = await Promise.all(
    pods.map(([host, network]) => addPod(host, { conf: conf[network] })),
  );
  assert(loud && listener && near && far);
  const server = await lab.addServer({ vlan: 200, addresses: ["10.200.0.10/24"] });
  const { mac } = await readInterface(loud);

  /** Frames that the pod's neighbours of VLAN 200 saw with its MAC, and those of its own VLAN. */
  const seenDuring = async (action: () => Promise<unknown>) => {
    const from = `ether src ${mac}`;
    const places: readonly Place[] = [near, far, server, listener];
    const captures = await Promise.all(places.map((place) => place.capture("eth0", from)));
    await action();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [a, b, c, own] = await Promise.all(captures.map((it: Capture) => it.stop()));
    return { others: [...a ?? [], ...b ?? [], ...c ?? []], own: own ?? [] };
  };

  await t.step("broadcasts, multicasts and flooded frames stay in their VLAN", async () => {
    const { others, own } = await seenDuring(() => loud.execOk(`${SHOUTS.join(" &\n")} & wait`));
    assertEquals(others, []);
    const kinds = [
      /ff:ff, ethertype ARP/,
      /10\.100\.0\.255: ICMP/,
      /ff02::1: ICMP6/,
      /99:99, .*ICMP/,
    ];
    for (const kind of kinds) {
      assert(own.some((line) => kind.test(line)), `${kind} in:\n${own.join("\n")}`);
    }
  });

  await t.step("a pod cannot send into another VLAN, nor into its own by a tag", async () => {
    for (const vlan of [100, 200]) {
      const { others } = await seenDuring(() => forgeTag(loud, mac, vlan));
      assertEquals(others, []);
    }
  });

  await t.step("what comes from the other VLAN comes from the router's MAC", async () => {
    const target = await addressOf(far, 4);
    await using capture = await far.capture("eth0", "icmp[icmptype] == icmp-echo");
    assert(await loud.reaches(target));
    const router = await readInterface(lab.router, "prod.200");
    const line = await capture.until(/echo request/);
    assert(line.includes(` ${router.mac} > `), line);
  });

  await t.step("an address of the other VLAN finds no neighbour", async () => {
    const target = await addressOf(loud, 4);
    await far.execOk("ip address add 10.100.0.99/24 dev eth0");
    assertEquals((await far.ping(target, { waitMs: 300 })).received, 0);
    await far.execOk("ip address del 10.100.0.99/24 dev eth0");
  });

  await t.step("the host's own addresses do not answer in a VLAN", async () => {
    const management = host1.plan.management.v4;
    await loud.execOk(`ip route add ${management}/32 dev eth0`);
    assertEquals((await loud.ping(management, { waitMs: 300 })).received, 0);
  });
});
