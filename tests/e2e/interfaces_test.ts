/** Two interfaces of one sandbox, each in a network of its own. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Lab, type Place, requireOk } from "../lab/mod.ts";
import { confFor, conflistsFor, startBed } from "./bed.ts";
import { addPod, resultOf } from "./by_hand.ts";
import { addressOf, assertNothingLeft, assertRecorded, readInterface } from "./records.ts";

/** A third VLAN, so that its servers reach both addresses of a pod by the router alone. */
const VLANS = [
  { vlan: 100, router: ["10.100.0.1/24", "fd00:100::1/64"] },
  { vlan: 200, router: ["10.200.0.1/24", "fd00:200::1/64"] },
  { vlan: 300, router: ["10.30.0.1/24", "fd00:300::1/64"] },
];

function startInterfacesBed(hosts: number): Promise<Lab> {
  const conflists = conflistsFor({ front: "vlan100", back: "vlan200" });
  return startBed({ hosts, vlans: VLANS, install: () => ({ conflists }) });
}

/** Default routes of the main table, as `device gateway`. */
async function defaultRoutes(pod: Place): Promise<readonly string[]> {
  const text = await pod.execOk("ip route show default; ip -6 route show default");
  return [...text.matchAll(/default via (\S+) dev (\S+)/g)].map(([, via, dev]) => `${dev} ${via}`);
}

/** A server behind the router asks both addresses; each answer leaves by the interface asked. */
async function checkReplies(lab: Lab, pod: Place): Promise<void> {
  await using outside = await lab.addServer({
    name: "outside",
    vlan: 300,
    addresses: ["10.30.0.10/24", "fd00:300::10/64"],
  });
  await using _service = await pod.serveTcp(7000);
  for (const [ifname, other] of [["eth0", "eth1"], ["eth1", "eth0"]] as const) {
    for (const family of [4, 6] as const) {
      const address = await addressOf(pod, family, ifname);
      const replies = `src host ${address} and (icmp or icmp6 or tcp)`;
      await using right = await pod.capture(ifname, replies);
      await using wrong = await pod.capture(other, replies);
      assert(await outside.reaches(address), `${ifname} IPv${family}`);
      assertEquals(await outside.askTcp(address, 7000), "hello\n");
      await right.until(/echo reply/);
      await right.until(/7000/);
      assertEquals(await wrong.stop(), []);
    }
  }
}

Deno.test("replies leave by the interface that was asked; the first has the default route", async (t) => {
  await using lab = await startInterfacesBed(2);
  const host = lab.host(0);
  const podman = await host.podman();

  await t.step("podman", async () => {
    const pod = await podman.run("both", { networks: ["front", "back"] });
    await assertRecorded(host, pod, { network: "vlan100", ifname: "eth0" });
    await assertRecorded(host, pod, { network: "vlan200", ifname: "eth1" });
    // Whichever podman began with has both.
    const routes = await defaultRoutes(pod);
    assertEquals(new Set(routes.map((route) => route.split(" ")[0])).size, 1);
    assertEquals(routes.length, 2);
    await checkReplies(lab, pod);
    await pod.remove();
    await assertNothingLeft(host);
  });

  await t.step("both at the same time, as containerd has it", async () => {
    const calls = [
      { network: "front", ifname: "eth0" },
      { network: "back", ifname: "eth1" },
    ];
    for (let round = 0; round < 4; round++) {
      await using sandbox = await host.sandbox();
      await Promise.all(
        calls.map(async (call) => resultOf(await host.cnitool("add", { ...call, sandbox }))),
      );
      const routes = await defaultRoutes(sandbox);
      assertEquals(new Set(routes.map((route) => route.split(" ")[0])).size, 1, routes.join());
      assertEquals(routes.length, 2);
      for (const call of calls) requireOk(await host.cnitool("del", { ...call, sandbox }));
    }
    await assertNothingLeft(host);
  });

  await t.step("cnitool, one interface after the other", async () => {
    await using sandbox = await host.sandbox();
    const [front, back] = [
      { network: "front", sandbox },
      { network: "back", sandbox, ifname: "eth1" },
    ];
    const first = resultOf(await host.cnitool("add", front));
    const second = resultOf(await host.cnitool("add", back));
    assertEquals(first.routes.map(({ dst }) => dst), ["0.0.0.0/0", "::/0"]);
    assertEquals(second.routes, []);
    assertEquals(await defaultRoutes(sandbox), ["eth0 10.100.0.1", "eth0 fd00:100::1"]);
    await checkReplies(lab, sandbox);
    // What the pod asks itself goes out by the default route.
    await using capture = await sandbox.capture("eth0", "icmp[icmptype] == icmp-echo");
    await sandbox.ping("10.30.0.1");
    await capture.until(/> 10\.30\.0\.1/);
    for (const call of [front, back]) requireOk(await host.cnitool("check", call));

    // The second goes alone, and leaves no rule behind.
    requireOk(await host.cnitool("del", back));
    assertEquals(await foreignRules(sandbox), []);
    assert(await sandbox.reaches("10.200.0.1"), "by the router now");
    requireOk(await host.cnitool("check", front));
    requireOk(await host.cnitool("del", front));
    await assertNothingLeft(host);
  });

  await t.step("the second may have the default route, and the first none, when told", async () => {
    const first = await addPod(host, { conf: confFor("vlan100", { defaultRoute: false }) });
    assertEquals(await defaultRoutes(first), []);
    const second = await addPod(host, {
      sandbox: first,
      ifname: "eth1",
      conf: confFor("vlan200", { args: { cni: { defaultRoute: true } } }),
    });
    assertEquals(await defaultRoutes(first), ["eth1 10.200.0.1", "eth1 fd00:200::1"]);
    await checkReplies(lab, first);
    requireOk(await second.again("DEL"));
    requireOk(await first.again("DEL"));
    await assertNothingLeft(host);
  });

  await t.step("both in one network", async () => {
    await using one = await addPod(host, { conf: confFor("vlan100") });
    await addPod(host, { sandbox: one, ifname: "eth1", conf: confFor("vlan100") });
    await using other = await addPod(lab.host(1), { conf: confFor("vlan100") });
    const macs = new Map<string, string>();
    for (const ifname of ["eth0", "eth1"]) {
      const address = await addressOf(one, 4, ifname);
      assert(await other.reaches(address), ifname);
      const { mac } = await readInterface(one, ifname);
      macs.set(address, mac);
      assertMatch(await other.execOk(["ip", "neigh", "show", address]), new RegExp(mac));
    }
    assertEquals(new Set(macs.values()).size, 2);
    for (const ifname of ["eth1", "eth0"]) requireOk(await one.again("DEL", { ifname }));
    await assertNothingLeft(host);
  });
});

/** Routing rules beyond the kernel's own. */
async function foreignRules(pod: Place): Promise<readonly string[]> {
  const text = await pod.execOk("ip rule; ip -6 rule");
  return text.split("\n").filter((line) => line !== "" && !/^(0|32766|32767):/.test(line));
}
