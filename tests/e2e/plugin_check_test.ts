/** CHECK finds what was changed behind the plugin's back; STATUS tells whether an ADD would work. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type EquippedHost, requireOk } from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod, failureOf } from "./by_hand.ts";

const RATES = { ingressRate: 50_000_000, egressRate: 20_000_000 };

Deno.test("CHECK names what differs from what the ADD made", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  const conf = confFor("vlan100", { runtimeConfig: { bandwidth: RATES } });
  const pod = await addPod(host, { conf });
  const port = pod.result.interfaces[0]?.name ?? "";
  const [four = "", six = ""] = pod.result.ips.map(({ address }) => address);
  const check = () =>
    host.fabric("CHECK", { sandbox: pod, conf: { ...conf, prevResult: pod.result } });

  await t.step("right after the ADD", async () => {
    assertEquals(requireOk(await check()), "");
  });
  await t.step("what a later plugin of the chain added is no difference", async () => {
    await pod.execOk(
      "ip route add 203.0.113.0/24 via 10.100.0.1; ip addr add 192.0.2.1/32 dev eth0",
    );
    const prevResult = {
      ...pod.result,
      interfaces: [...pod.result.interfaces, { name: "tun0", sandbox: pod.path }],
    };
    requireOk(await host.fabric("CHECK", { sandbox: pod, conf: { ...conf, prevResult } }));
  });
  const faults: readonly (readonly [string, string, string, RegExp])[] = [
    [
      "address",
      `ip -n ${pod.containerId} addr del ${four} dev eth0
       ip -n ${pod.containerId} route del default`,
      `ip -n ${pod.containerId} addr add ${four} brd + dev eth0`,
      /interface eth0 has no address 10\.100\.0\.\d+\/24; .*no route to 0\.0\.0\.0\/0 by 10\.100\.0\.1/,
    ],
    [
      "MAC and MTU",
      `ip -n ${pod.containerId} link set eth0 address 02:00:00:00:00:01 mtu 1400`,
      `ip -n ${pod.containerId} link set eth0 address ${pod.result.interfaces[1]?.mac} mtu 1500`,
      /MAC of eth0 is 02:00:00:00:00:01, not .*; MTU of eth0 is 1400, not 1500/,
    ],
    [
      "interface down",
      `ip -n ${pod.containerId} link set eth0 down`,
      `ip -n ${pod.containerId} link set eth0 up`,
      /interface eth0 is down/,
    ],
    [
      "VLAN of the port",
      `ovs-vsctl set Port ${port} tag=200`,
      `ovs-vsctl set Port ${port} tag=100`,
      new RegExp(`VLAN of port ${port} is 200, not 100`),
    ],
    [
      "limits",
      `tc qdisc replace dev ${port} root tbf rate 1mbit burst 20000 limit 90000
       ip netns exec ${pod.containerId} tc qdisc del dev eth0 root`,
      `tc qdisc replace dev ${port} root tbf rate 50mbit burst 25000 limit 400000
       ip netns exec ${pod.containerId} tc qdisc replace dev eth0 root tbf rate 20mbit burst 20000 limit 90000`,
      /to the pod \(bit\/s\) is 1000000, not 50000000; .*from the pod \(bit\/s\) is not set, not 20000000/,
    ],
  ];
  for (const [what, damage, mend, expected] of faults) {
    await t.step(what, async () => {
      await host.execOk(damage);
      const failure = failureOf(await check());
      assertEquals(failure.code, 117, failure.msg);
      assertMatch(failure.msg, expected);
      await host.execOk(mend);
      // Taking an interface down, or its address away, took routes with it.
      await pod.execOk(`ip addr add ${six} dev eth0 nodad 2>/dev/null || :
        ip route add default via 10.100.0.1 2>/dev/null || :
        ip -6 route add default via fd00:100::1 2>/dev/null || :`);
      assertEquals((await check()).stdout, "");
    });
  }
  await t.step("port gone, interface gone, record gone", async () => {
    await host.execOk(`ovs-vsctl del-port ${port}`);
    assertMatch(failureOf(await check()).msg, /Open vSwitch has no port/);
    await pod.execOk("ip link del eth0");
    assertMatch(failureOf(await check()).msg, /the sandbox has no interface eth0/);
    requireOk(await host.fabric("DEL", { sandbox: pod, conf }));
    const failure = failureOf(await check());
    assertEquals(failure.code, 117);
    assertMatch(failure.msg, /etcd has no record of container /);
  });
  await t.step("namespace gone", async () => {
    const other = await addPod(host, { conf });
    await other.remove();
    const answer = await host.fabric("CHECK", {
      sandbox: other,
      conf: { ...conf, prevResult: other.result },
    });
    assertEquals(failureOf(answer).code, 3);
  });
});

Deno.test("STATUS tells within two seconds whether an ADD would succeed", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  const expect = async (code: number, msg: RegExp) => {
    const start = performance.now();
    const failure = failureOf(await host.fabric("STATUS"));
    const took = performance.now() - start;
    assertMatch(failure.msg, msg);
    assertEquals(failure.code, code);
    // The call's own limit is 2 s; the second more is for a busy machine.
    assert(took < 3_000, `it took ${Math.round(took)} ms`);
  };
  await t.step("all is well", async () => {
    assertEquals(requireOk(await host.fabric("STATUS")), "");
  });
  await t.step("etcd is down", async () => {
    await lab.etcd.kill(0);
    await expect(50, /^etcd cannot be reached/);
    await lab.etcd.restart(0);
  });
  await t.step("etcd hangs", async () => {
    await lab.etcd.pause(0);
    await expect(50, /etcd/);
    await lab.etcd.resume(0);
  });
  await t.step("ovsdb-server is down", async () => {
    await host.ovs.kill("ovsdb-server");
    await expect(50, /^ovsdb-server does not answer/);
    await host.ovs.start("ovsdb-server");
  });
  await t.step("ovs-vswitchd is down", async () => {
    await host.ovs.kill("ovs-vswitchd");
    await expect(51, /ovs-vswitchd/);
    await host.ovs.start("ovs-vswitchd");
  });
  await t.step("everything hangs", async () => {
    await host.ovs.freeze("ovs-vswitchd");
    await lab.etcd.pause(0);
    await expect(51, /etcd.*ovs-vswitchd/);
    await host.ovs.thaw("ovs-vswitchd");
    await lab.etcd.resume(0);
  });
  await t.step("no such zone, no such bridge", async () => {
    await host.installFabric({ config: { zone: "nowhere" } });
    await expect(50, /^Zone nowhere of this node does not exist$/);
    await configureBridge(host, "br-none");
    await expect(51, /^Bridge br-none of this node's configuration not found$/);
  });
  await t.step("the configuration itself", async () => {
    await host.writeFile("/etc/fabric/config.yaml", "zones: zone1\n");
    await expect(7, /unknown field zones/);
    await host.execOk("rm /etc/fabric/config.yaml");
    await expectMissing(host);
  });
});

async function configureBridge(host: EquippedHost, bridge: string): Promise<void> {
  await host.installFabric({ config: { physicalNetworks: { prod: { bridge } } } });
}

/** A conf that names the file insists on it. */
async function expectMissing(host: EquippedHost): Promise<void> {
  const answer = await host.fabric("STATUS", { conf: confFor("vlan100") });
  assertMatch(failureOf(answer).msg, /there is no such file/);
}
