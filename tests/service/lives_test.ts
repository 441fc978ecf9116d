/** The way to Services through the lives of vswitchd, of the node, and of its configuration. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { stringify } from "yaml";
import { type EquippedHost, eventually, type Lab, type Place } from "../lab/mod.ts";
import { defaultConfig } from "../lab/fabric.ts";
import { addressOf } from "../e2e/records.ts";
import {
  addServicePod,
  askSource,
  serveSource,
  SERVICES,
  startServiceBed,
  translate,
  type Translation,
} from "./bed.ts";
import { confFor } from "../e2e/bed.ts";

const FAMILIES = [4, 6] as const;
const CONF = confFor("vlan100");
const clusterIp = (family: 4 | 6) => family === 4 ? "10.96.0.10" : "fd00:96::10";
/** On a wire nobody knows these. */
const FORBIDDEN = /10\.96\.|fd00:96:|0e:fa:b0:|01:80:c2:|169\.254\.|fab:1/;

async function translations(backend: Place): Promise<readonly Translation[]> {
  return await Promise.all(FAMILIES.map(async (family) => ({
    address: clusterIp(family),
    port: 80,
    backend: await addressOf(backend, family),
    backendPort: 8080,
  })));
}

async function assertServed(client: Place): Promise<void> {
  for (const family of FAMILIES) {
    assertEquals(
      await askSource(client, clusterIp(family), 80),
      await addressOf(client, family),
      `IPv${family}`,
    );
  }
}

/**
 * A runtime calls it again and again; on a busy machine it may answer that the switch is too slow.
 * All that was said is given.
 */
async function status(host: EquippedHost): Promise<string> {
  let said = "";
  await eventually("STATUS is well", async () => {
    const { code, stdout } = await host.fabric("STATUS");
    said += stdout;
    return code === 0;
  }, { timeoutMs: 60_000 });
  return said;
}

/** What of the way to Services there is on a node. */
async function leftOf(host: EquippedHost): Promise<string> {
  return await host.execOk(`ip -o link | grep -o ': sv[cp][0-9][^@]*' || :
    ip rule | grep '^101' || :; ip -6 rule | grep '^101' || :
    ip route show table all | grep -e svc -e 2000000 || :
    nft list tables | grep fabric_services || :
    ovs-ofctl dump-flows br-prod | grep -e fab4 -e fab5 || :
    ovs-vsctl --no-headings --columns=name list Port | grep svp || :
    ls /run/fabric/services 2>/dev/null || :`);
}

/** What `leftOf()` finds where nothing is missing: devices, rules, routes, table, flows, port and note. */
const PARTS = [
  /^: svc100-/m,
  /^: svp100-/m,
  /^101\d\d:.* fwmark /m,
  /default via 10\.100\.0\.1 dev svc100-/,
  /default via fd00:100::1 dev svc100-/,
  /dev svc100-.* table 2000000/,
  /table inet fabric_services/,
  /cookie=0xfab4/,
  /cookie=0xfab5/,
  /^svp100-/m,
  /^fb/m,
];

async function configure(lab: Lab, host: EquippedHost, fields: object): Promise<void> {
  const config = { ...defaultConfig({ etcd: lab.etcd }, host), ...fields };
  await host.writeFile("/etc/fabric/config.yaml", stringify(config));
}

Deno.test("the way to Services lives on through vswitchd, the node and its configuration", async (t) => {
  await using lab = await startServiceBed({
    router: "strict",
    physicalNetworks: [{ name: "prod" }, { name: "spare" }],
    vlans: [
      { vlan: 100, router: ["10.100.0.1/24", "fd00:100::1/64"] },
      { vlan: 200, router: ["10.200.0.1/24", "fd00:200::1/64"] },
      { vlan: 300, physicalNetwork: "spare", router: ["10.30.0.1/24", "fd00:30::1/64"] },
    ],
  });
  const [node, other] = [lab.host(0), lab.host(1)];
  const backend = await addServicePod(other);
  await using _server = await serveSource(backend, 8080);
  let client = await addServicePod(node);
  const neighbour = await addServicePod(node);
  const rules = await translations(backend);
  await translate(node, rules);
  await assertServed(client);

  const direct = await addressOf(backend, 4);
  for (const how of ["restarted", "killed"] as const) {
    await t.step(
      `vswitchd is ${how}: nothing leaves by the wire until STATUS has mended it`,
      async () => {
        await using capture = await node.capture("eth1");
        if (how === "restarted") await node.ovs.restartVswitchd();
        else {
          await node.ovs.kill("ovs-vswitchd");
          await node.ovs.start("ovs-vswitchd");
        }
        // Direct traffic goes on by itself.
        assert(await client.reaches(direct, { withinMs: 60_000 }));
        for (const family of FAMILIES) {
          const attempt = `TCP${family}:${family === 6 ? "[fd00:96::10]" : "10.96.0.10"}:80`;
          assert((await client.exec(["socat", "-", `${attempt},connect-timeout=1`])).code !== 0);
        }
        await status(node);
        await assertServed(client);
        const lines = await capture.stop();
        assert(lines.some((line) => line.includes(direct)), "direct traffic is seen");
        assertEquals(lines.filter((line) => FORBIDDEN.test(line)), []);
      },
    );
  }

  await t.step("the next ADD mends it as well, for all pods", async () => {
    await node.ovs.restartVswitchd();
    const next = await addServicePod(node);
    await assertServed(client);
    await assertServed(neighbour);
    await assertServed(next);
    assertEquals((await next.again("DEL")).code, 0);
  });

  await t.step("flows that somebody deleted are mended by STATUS", async () => {
    await node.ovs.ofctl("del-flows", "br-prod", "table=120");
    await status(node);
    await assertServed(client);
    await node.ovs.ofctl("del-flows", "br-prod");
    await node.ovs.ofctl("add-flow", "br-prod", "priority=0,actions=NORMAL");
    await status(node);
    await assertServed(client);
  });

  await t.step("one STATUS mends two bridges", async () => {
    const second = await addServicePod(node, "spare-vlan300");
    const bridges = ["br-prod", "br-spare"];
    const flows = (bridge: string) => node.ovs.ofctl("dump-flows", bridge, "table=120");
    for (const bridge of bridges) assertMatch(await flows(bridge), /cookie=0xfab5/);
    for (const bridge of bridges) await node.ovs.ofctl("del-flows", bridge, "table=120");
    const said = await status(node);
    // Each is mended in a turn of its own, and none is kept for longer.
    assert(!/Another call/.test(said), said);
    for (const bridge of bridges) assertMatch(await flows(bridge), /cookie=0xfab5/);
    assertEquals((await second.again("DEL")).code, 0);
  });

  await t.step("CHECK mends the node, and says what a pod lacks", async () => {
    await node.ovs.restartVswitchd();
    const check = () => client.again("CHECK", { conf: { ...CONF, prevResult: client.result } });
    const well = await check();
    assertEquals(well.code, 0, well.stdout);
    await assertServed(client);
    const address = await addressOf(client, 4);
    await client.execOk("ip route del 10.96.0.0/16");
    await node.execOk(`ip route del ${address} table 2000000`);
    const { code, stdout } = await check();
    assertEquals(code, 1);
    assertMatch(stdout, /the sandbox lacks route replace 10\.96\.0\.0\/16 via 169\.254\.1\.1/);
    assertMatch(await node.execOk("ip route show table 2000000"), new RegExp(`^${address} `, "m"));
    await client.execOk("ip route add 10.96.0.0/16 via 169.254.1.1 dev eth0 onlink");
    assertEquals((await check()).code, 0);
  });

  await t.step("a connection that was open goes on when its client speaks next", async () => {
    const talk = client.start(["socat", "-", "TCP4:10.96.0.10:80"]);
    await talk.write("one\n");
    await talk.until(/^one\n/m, 60_000);
    // What the server says again while there are no flows comes as it is, and the client refuses it.
    await eventually("the server's answer is acknowledged", async () => {
      const ends = await backend.execOk("ss -Htn state established sport = :8080");
      return ends.trim() !== "" &&
        ends.trim().split("\n").every((end) => /^0 +0 /.test(end.trim()));
    }, { timeoutMs: 60_000 });
    await node.ovs.kill("ovs-vswitchd");
    await node.ovs.start("ovs-vswitchd");
    await status(node);
    await talk.write("two\n");
    await talk.until(/^two\n/m, 60_000);
    await talk.stop();
  });

  await t.step("who asked for MACs ends, and the next pod asks", async () => {
    const newest = await addServicePod(node);
    await assertServed(newest);
    assertEquals((await newest.again("DEL")).code, 0);
    await node.execOk("ip neigh flush dev svc100-ulm4; ip -6 neigh flush dev svc100-ulm4");
    await assertServed(client);
    await assertServed(neighbour);
  });

  await t.step("a backend that moves is followed", async () => {
    const moving = await addServicePod(other);
    const fixed = await addressOf(moving, 4);
    await using _old = await serveSource(moving, 8080);
    const to = [{ address: "10.96.0.11", port: 80, backend: fixed, backendPort: 8080 }];
    await translate(node, [...rules, ...to]);
    assertEquals(await askSource(client, "10.96.0.11", 80), await addressOf(client, 4));
    // Somebody else has the address now: an announcement is all that is heard of it.
    const server = await lab.addServer({ vlan: 100, addresses: ["10.100.0.11/24"] });
    await moving.execOk(["ip", "address", "del", `${fixed}/24`, "dev", "eth0"]);
    await server.execOk(`ip address add ${fixed}/24 dev eth0
      echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_notify; ip link set eth0 down; ip link set eth0 up`);
    await using _new = await serveSource(server, 8080);
    assertEquals(await askSource(client, "10.96.0.11", 80), await addressOf(client, 4));
    assertEquals((await moving.again("DEL")).code, 0);
    await translate(node, rules);
  });

  await t.step("other ranges, and another address of the node, are taken up", async () => {
    await node.execOk("ip address add 172.31.0.77/24 dev eth0");
    await configure(lab, node, {
      services: {
        cidrs: [...SERVICES.services.cidrs, "10.97.0.0/16"],
        nodeAddresses: ["172.31.0.77", "fd00:31::11"],
        viaNode: ["10.200.0.0/24"],
      },
    });
    await status(node);
    await assertServed(client);
    assertMatch(await node.execOk("ip rule"), /to 10\.200\.0\.0\/24 fwmark/);
    assertMatch(await node.execOk("ip route show table 2000000"), / src 172\.31\.0\.77/);
    const next = await addServicePod(node);
    assertMatch(await next.execOk("ip route"), /10\.97\.0\.0\/16 via 169\.254\.1\.1/);
    await assertServed(next);
    await configure(lab, node, SERVICES);
    await status(node);
    assert(!/ to 10\.200/.test(await node.execOk("ip rule")));
    await assertServed(next);
    assertEquals((await next.again("DEL")).code, 0);
  });

  await t.step("after a boot the first ADD makes everything again", async () => {
    for (const pod of [client, neighbour]) assertEquals((await pod.again("DEL")).code, 0);
    await node.powerCycle();
    await status(node);
    await translate(node, rules);
    client = await addServicePod(node);
    await assertServed(client);
  });

  await t.step("DEL and GC leave nothing of a pod", async () => {
    const gone = await addServicePod(node);
    const address = await addressOf(gone, 4);
    assertEquals((await gone.again("DEL")).code, 0);
    await gone.remove();
    const lost = await addServicePod(node);
    const other = await addressOf(lost, 6);
    await lost.remove();
    const valid = [{ containerID: client.containerId, ifname: "eth0" }];
    const answer = await node.fabric("GC", {
      conf: { ...confFor("vlan100"), "cni.dev/valid-attachments": valid },
    });
    assertEquals(answer.code, 0, answer.stdout);
    const left = await leftOf(node);
    // Whole addresses: 10.100.0.2 is no part of 10.100.0.21.
    const words = new Set(left.split(/[\s,=/]+/));
    assert(!words.has(address) && !words.has(other), left);
    assertEquals((await node.execOk("ls /run/fabric/services")).trim().split("\n").length, 1);
    await assertServed(client);
  });

  await t.step("switched off, nothing is left of it; direct traffic does not notice", async () => {
    const all = await leftOf(node);
    for (const part of PARTS) assertMatch(all, part);
    await configure(lab, node, {});
    await status(node);
    assertEquals(await leftOf(node), "");
    assert(await client.reaches(await addressOf(backend, 4)));
    assertEquals((await client.again("DEL")).code, 0);
    const plain = await addServicePod(node);
    assertEquals(await leftOf(node), "");
    const routes = await plain.execOk("ip route; ip -6 route; ip neigh");
    assert(!/169\.254|fab:1|10\.96|fd00:96/.test(routes), routes);
    assertEquals(
      (await plain.execOk("cat /proc/sys/net/ipv4/ip_local_port_range")).trim().split(/\s+/),
      ["32768", "60999"],
    );
  });
});
