/** A plugin that is killed anywhere leaves nothing of a pod's way to Services behind. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  ADD_FAULT_POINTS,
  DEL_FAULT_POINTS,
  SERVICES_FAULT_POINTS,
} from "../../cni/fault_points.ts";
import { WITH_FAULTS } from "../executable.ts";
import { resultOf } from "../e2e/by_hand.ts";
import { confFor } from "../e2e/bed.ts";
import { runInLanes, type Scenario } from "../e2e/lanes.ts";
import { addressOf } from "../e2e/records.ts";
import { type EquippedHost, type PluginCall, requireOk, type Sandbox } from "../lab/mod.ts";
import { addServicePod, askSource, serveSource, startServiceBed, translate } from "./bed.ts";

interface Case {
  readonly host: EquippedHost;
  readonly sandbox: Sandbox;
  readonly call: PluginCall;
}

const CONF = confFor("vlan100");

/** What there is of pods' ways: the set-up of the node stays. */
async function left(host: EquippedHost): Promise<string> {
  return await host.execOk(`ls /run/fabric/services 2>/dev/null || :
    for f in -4 -6; do
      ip $f route show table 2000000 2>/dev/null || :
      ip $f neigh show nud permanent
    done
    ovs-ofctl dump-flows br-prod | grep cookie=0xfab5 || :
    ovs-vsctl --no-headings --columns=name list Port | grep fb || :`);
}

/** So many lines of it each pod has: note and port, a route and a neighbour of each family, flows. */
const PARTS: readonly (readonly [RegExp, number])[] = [
  [/^"?fb[a-z2-7]+"?$/, 2],
  [/^(10\.100\.|fd00:100:)\S+ dev svc\S+ .*src /, 2],
  [/^(10\.100\.|fd00:100:).* PERMANENT/, 2],
  [/cookie=0xfab5/, 17],
];

async function killedAt(point: string, verb: string, { host, call }: Case): Promise<void> {
  const answer = await host.fabric(verb, { ...call, env: { FABRIC_FAULT: `${point}:kill` } });
  assertEquals(answer.code, 137, `${verb} did not reach ${point}: ${answer.stdout}`);
}

async function inCase(host: EquippedHost, run: (it: Case) => Promise<void>): Promise<void> {
  await using sandbox = await host.sandbox();
  await run({ host, sandbox, call: { sandbox, conf: CONF } });
  assertEquals(await left(host), "");
}

const SCENARIOS: readonly Scenario[] = [
  ...[...ADD_FAULT_POINTS, ...SERVICES_FAULT_POINTS].map((point) => ({
    name: `ADD killed at ${point}, then DEL`,
    run: (host: EquippedHost) =>
      inCase(host, async (it) => {
        await killedAt(point, "ADD", it);
        requireOk(await host.fabric("DEL", it.call));
        assertEquals(await left(host), "");
        resultOf(await host.fabric("ADD", it.call));
        requireOk(await host.fabric("DEL", it.call));
      }),
  })),
  ...SERVICES_FAULT_POINTS.map((point) => ({
    name: `ADD killed at ${point}, then GC`,
    run: (host: EquippedHost) =>
      inCase(host, async (it) => {
        await killedAt(point, "ADD", it);
        await it.sandbox.remove();
        requireOk(await host.fabric("GC", { conf: { ...CONF, "cni.dev/valid-attachments": [] } }));
      }),
  })),
  ...DEL_FAULT_POINTS.map((point) => ({
    name: `DEL killed at ${point}, then DEL`,
    run: (host: EquippedHost) =>
      inCase(host, async (it) => {
        resultOf(await host.fabric("ADD", it.call));
        await killedAt(point, "DEL", it);
        requireOk(await host.fabric("DEL", it.call));
      }),
  })),
  {
    name: "an ADD that fails",
    run: (host) =>
      inCase(host, async (it) => {
        // Somebody else has the way to the Services in it already.
        await it.sandbox.execOk(`ip link add net0 type veth peer name net1; ip link set net0 up
          ip route add 10.96.0.0/16 dev net0`);
        const answer = await host.fabric("ADD", it.call);
        assertMatch(answer.stdout, /"msg":".*File exists/);
      }),
  },
  {
    name: "a DEL while vswitchd is down",
    run: (host) =>
      inCase(host, async (it) => {
        resultOf(await host.fabric("ADD", it.call));
        await host.ovs.kill("ovs-vswitchd");
        requireOk(await host.fabric("DEL", it.call));
        await host.ovs.start("ovs-vswitchd");
        requireOk(await host.fabric("STATUS"));
      }),
  },
];

Deno.test("a plugin that is killed leaves nothing of a pod's way to Services", async (t) => {
  await using lab = await startServiceBed({ hosts: 3, binary: WITH_FAULTS });
  await t.step("at every point of ADD and DEL", () => runInLanes(lab.hosts, SCENARIOS));

  await t.step("a set-up that is killed is made again by the next ADD", async () => {
    const [host, other] = [lab.host(0), lab.host(1)];
    const backend = await addServicePod(other);
    await using _server = await serveSource(backend, 8080);
    await host.execOk("ip link del svc100-ulm4; nft delete table inet fabric_services");
    await host.ovs.vsctl("del-port", "svp100-ulm4");
    await host.ovs.ofctl("del-flows", "br-prod", "table=110");
    const client = await addServicePod(host);
    await translate(host, [{
      address: "10.96.0.10",
      port: 80,
      backend: await addressOf(backend, 4),
      backendPort: 8080,
    }]);
    assertEquals(await askSource(client, "10.96.0.10", 80), await addressOf(client, 4));
  });

  await t.step("many first ADDs at once make one set-up", async () => {
    const host = lab.host(2);
    const made = async () =>
      (await host.readFile("/var/log/fabric/fabric.log")).split("way to Services set up").length;
    const before = await made();
    await host.powerCycle();
    const pods = await Promise.all(Array.from({ length: 4 }, () => addServicePod(host)));
    assertEquals(await made(), before + 1);
    const all = (await left(host)).split("\n");
    for (const [part, lines] of PARTS) {
      const found = all.filter((line) => part.test(line));
      assertEquals(found.length, lines * pods.length, `${part}\n${all.join("\n")}`);
    }
    for (const pod of pods) assertEquals((await pod.again("DEL")).code, 0);
    assertEquals(await left(host), "");
  });
});
