/** cnitool calls the plugin by libcni, as CRI-O and others do: every verb of CNI 1.1.0. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import * as v from "valibot";
import { conflist, type EquippedHost, requireOk, type Sandbox, TOOLS } from "../lab/mod.ts";
import { conflistsFor, startBed } from "./bed.ts";
import { resultOf } from "./by_hand.ts";
import { checkCitizens, type Pod } from "./citizens.ts";
import { verbsCalled } from "./plugin_log.ts";
import { assertNothingLeft, assertRecorded, attachments, readInterface } from "./records.ts";

const PluginList = v.object({ plugins: v.array(v.unknown()) });

const CONFLISTS = conflistsFor({ vlan100: "vlan100", vlan200: "vlan200" });

/** What cnitool makes the container id of. */
async function containerIdOf(sandbox: Sandbox): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-512", new TextEncoder().encode(sandbox.path));
  return `cnitool-${new Uint8Array(hash, 0, 10).toHex()}`;
}

async function addByTool(host: EquippedHost, network: string): Promise<Pod & Sandbox> {
  const sandbox = await host.sandbox();
  resultOf(await host.cnitool("add", { network, sandbox }));
  return {
    ...sandbox,
    containerId: await containerIdOf(sandbox),
    remove: async () => {
      requireOk(await host.cnitool("del", { network, sandbox }));
      await sandbox.remove();
    },
  };
}

Deno.test("cnitool makes pods citizens of their VLAN", async (t) => {
  await using lab = await startBed({ hosts: 2, install: () => ({ conflists: CONFLISTS }) });
  const runtime = (host: EquippedHost) =>
    Promise.resolve({ run: (_: string, network: string) => addByTool(host, network) });
  await checkCitizens(t, lab, runtime);
  assertEquals(await verbsCalled(lab.host(0)), { ADD: 2, DEL: 2 });
});

Deno.test("every verb works by cnitool", async (t) => {
  await using lab = await startBed({ hosts: 1, install: () => ({ conflists: CONFLISTS }) });
  const host = lab.host(0);
  await using pod = await addByTool(host, "vlan100");
  const call = { network: "vlan100", sandbox: pod };

  await t.step("STATUS says that an ADD would succeed", async () => {
    requireOk(await host.cnitool("status", call));
  });

  await t.step("an ADD of the same interface fails and touches nothing", async () => {
    const before = await readInterface(pod);
    const answer = await host.cnitool("add", call);
    assertEquals(answer.code, 1);
    assertMatch(answer.stderr, /interface eth0 exists already/);
    assertEquals(await readInterface(pod), before);
    await assertRecorded(host, pod, { network: "vlan100" });
    assert(await pod.reaches("10.100.0.1"));
  });

  await t.step("CHECK succeeds, and names what was changed", async () => {
    requireOk(await host.cnitool("check", call));
    const { addresses } = await readInterface(pod);
    const [address = ""] = addresses;
    await pod.execOk(`ip address del ${address} dev eth0`);
    const answer = await host.cnitool("check", call);
    assertEquals(answer.code, 1);
    assert(answer.stderr.includes(`interface eth0 has no address ${address}`), answer.stderr);
  });

  await t.step("DEL succeeds, also twice and without the namespace", async () => {
    requireOk(await host.cnitool("del", call));
    await assertNothingLeft(host);
    requireOk(await host.cnitool("del", call));
    await pod.remove();
    requireOk(await host.cnitool("del", call));
  });

  await t.step(
    // Its `gc` calls DEL for all that it knows of the network, and then GC without any list.
    "GC without a list of valid attachments is refused, not taken as none",
    async () => {
      const gone = await addByTool(host, "vlan100");
      const other = await addByTool(host, "vlan200");
      const answer = await host.cnitool("gc", { network: "vlan100", sandbox: gone });
      const left = await attachments(host);
      assertEquals(left.map(({ containerId }) => containerId), [other.containerId]);
      assert(await other.reaches("10.200.0.1"));
      assertEquals(answer.code, 1);
      assertMatch(answer.stderr, /cni\.dev\/valid-attachments .*: it is missing/);
      await other.remove();
      await assertNothingLeft(host);
    },
  );
});

Deno.test("in a chain it adds to the result before it, and later plugins work on its interface", async () => {
  const { plugins } = v.parse(PluginList, conflist({ plugin: { network: "vlan100" } }));
  await using lab = await startBed({ hosts: 1, install: () => ({ conflists: {} }) });
  const host = lab.host(0);
  for (const plugin of ["loopback", "tuning"]) {
    await host.mount(`${TOOLS}cni/${plugin}`, `/opt/cni/bin/${plugin}`);
  }
  const chain = {
    cniVersion: "1.1.0",
    name: "chain",
    plugins: [
      { type: "loopback" },
      ...plugins,
      { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.forwarding": "1" } },
    ],
  };
  await host.writeFile("/etc/cni/net.d/10-chain.conflist", JSON.stringify(chain));
  await using sandbox = await host.sandbox();
  const call = { network: "chain", sandbox };
  const result = resultOf(await host.cnitool("add", call));
  const names = result.interfaces.map(({ name }) => name);
  assertEquals([names.length, names[0], names[2]], [3, "lo", "eth0"]);
  assertEquals(
    result.ips.map(({ address, interface: index }) => [address, index]).toSorted(),
    [
      ["127.0.0.1/8", 0],
      ["::1/128", 0],
      ...(await readInterface(sandbox)).addresses.map((a) => [a, 2]),
    ]
      .toSorted(),
  );
  assertEquals(await sandbox.execOk("cat /proc/sys/net/ipv4/conf/eth0/forwarding"), "1\n");
  assert(await sandbox.reaches("10.100.0.1"));
  requireOk(await host.cnitool("check", call));
  requireOk(await host.cnitool("status", call));
  requireOk(await host.cnitool("del", call));
  await assertNothingLeft(host);
});
