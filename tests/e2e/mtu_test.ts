/** MTU: pods of 1400 and of 9000 on one bridge. */

import { assert, assertEquals } from "@std/assert";
import { type EquippedHost, measureThroughput, requireOk } from "../lab/mod.ts";
import { confFor, conflistsFor, networkObject, startBed } from "./bed.ts";
import { addPod } from "./by_hand.ts";
import { addressOf, assertNothingLeft, readInterface } from "./records.ts";

/** A jumbo frame's payload: 9000 less the headers of IP and ICMP. */
const JUMBO = { 4: 8972, 6: 8952 } as const;

async function bridgeMtu(host: EquippedHost): Promise<number> {
  return (await readInterface(host, "br-prod")).mtu;
}

Deno.test("a pod of 1400 does not lower the bridge for those of 9000", async (t) => {
  const small = networkObject("vlan200", {
    vlan: 200,
    mtu: 1400,
    subnets: [
      { cidr: "10.200.0.0/24", gateway: "10.200.0.1", ranges: ["10.200.0.20-10.200.0.99"] },
      { cidr: "fd00:200::/64", gateway: "fd00:200::1" },
    ],
  });
  await using lab = await startBed({
    hosts: 2,
    physicalNetworks: [{ name: "prod", mtu: 9000 }],
    objects: [small],
    install: () => ({ conflists: conflistsFor({ jumbo: "vlan100", small: "vlan200" }) }),
  });
  const [host1, host2] = [lab.host(0), lab.host(1)];
  const server = await lab.addServer({
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });
  const narrow = await addPod(host1, { conf: confFor("vlan200") });

  await t.step("the first pod has 1400", async () => {
    assertEquals((await readInterface(narrow)).mtu, 1400);
    assertEquals(await bridgeMtu(host1), 9000);
    assert(await narrow.reaches("10.200.0.1"));
  });

  const wide = await addPod(host1, { conf: confFor("vlan100") });
  const near = await addPod(host1, { conf: confFor("vlan100") });
  const far = await addPod(host2, { conf: confFor("vlan100") });

  await t.step("jumbo frames pass, on the host, across hosts and to a server", async () => {
    for (const pod of [wide, near, far]) assertEquals((await readInterface(pod)).mtu, 9000);
    for (const family of [4, 6] as const) {
      const size = JUMBO[family];
      for (const target of [near, far]) {
        const address = await addressOf(target, family);
        assert(await wide.reaches(address));
        assertEquals((await wide.ping(address, { size })).received, 1);
      }
      assert(await server.reaches(await addressOf(far, family)));
      assertEquals((await far.ping(server.address(family), { size })).received, 1);
    }
    assertEquals([await bridgeMtu(host1), await bridgeMtu(host2)], [9000, 9000]);
  });

  await t.step("larger than its MTU a pod sends nothing", async () => {
    const size = 1400 - 28;
    assertEquals((await narrow.ping("10.200.0.1", { size })).received, 1);
    assertEquals((await narrow.ping("10.200.0.1", { size: size + 1, waitMs: 300 })).received, 0);
  });

  await t.step("TCP between 1400 and 9000 keeps to the smaller, both ways", async () => {
    const target = await addressOf(narrow, 6);
    for (const reverse of [false, true]) {
      const rate = await measureThroughput(wide, narrow, { target, seconds: 1, reverse });
      assert(rate > 10_000_000, `${rate} bit/s`);
    }
  });

  await t.step("podman stop, start and restart keep it so", async () => {
    const podman = await host2.podman();
    const narrowPod = await podman.run("narrow", { networks: ["small"] });
    const widePod = await podman.run("wide", { networks: ["jumbo"] });
    const address = await addressOf(wide, 4);
    const check = async () => {
      assertEquals((await readInterface(narrowPod)).mtu, 1400);
      assertEquals((await readInterface(widePod)).mtu, 9000);
      assert(await widePod.reaches(address));
      assertEquals((await widePod.ping(address, { size: JUMBO[4] })).received, 1);
      assertEquals(await bridgeMtu(host2), 9000);
    };
    await check();
    for (const pod of [narrowPod, widePod]) await pod.halt();
    for (const pod of [narrowPod, widePod]) await pod.startAgain();
    await check();
    for (const pod of [widePod, narrowPod]) await pod.restart();
    await check();
    for (const pod of [narrowPod, widePod]) await pod.remove();
  });

  for (const pod of [narrow, wide, near, far]) requireOk(await pod.again("DEL"));
  await assertNothingLeft(host1);
  await assertNothingLeft(host2);
});
