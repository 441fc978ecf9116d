/** DEL before and long after its ADD, and without etcd. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { type EquippedHost, type Lab, requireOk } from "../lab/mod.ts";
import { WITH_FAULTS } from "../executable.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod, resultOf } from "./by_hand.ts";
import { readPluginLog } from "./plugin_log.ts";
import { addresses, assertNothingLeft, attachments } from "./records.ts";

const CONF = confFor("vlan100");

/** Files that wait in the spool of a host. */
async function spooled(host: EquippedHost): Promise<readonly string[]> {
  const text = await host.execOk("ls /var/lib/fabric/spool 2>/dev/null || :");
  return text.split("\n").filter((line) => line !== "");
}

/** Addresses of a pod without their lengths, as the store has them in use. */
async function inUse(host: EquippedHost): Promise<readonly string[]> {
  return (await addresses(host)).filter(({ state }) => state === "used")
    .map(({ address }) => address).sort();
}

function short(ips: readonly { readonly address: string }[]): readonly string[] {
  return ips.map(({ address }) => address.replace(/\/.*/, "")).sort();
}

Deno.test("DEL that cannot reach etcd cleans the host, and the next call says the rest", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);

  await t.step("the host is clean at once, the record waits in the spool", async () => {
    const pod = await addPod(host, { conf: CONF });
    const used = short(pod.result.ips);
    assertEquals(await inUse(host), used);
    await lab.etcd.kill(0);
    assertEquals(requireOk(await host.fabric("DEL", { sandbox: pod, conf: CONF })), "");
    assertEquals(await pod.exec("ip link show dev eth0").then(({ code }) => code), 1);
    assertEquals(
      (await host.execOk("ip -o link | grep -c ': fb[a-z2-7]\\{13\\}' || :")).trim(),
      "0",
    );
    assertEquals((await spooled(host)).length, 1);
    // As often as one likes: the runtime does not know that it was spooled.
    requireOk(await host.fabric("DEL", { sandbox: pod, conf: CONF, netns: "" }));
    await lab.etcd.restart(0);
    assertEquals(await inUse(host), used);
    const line = (await readPluginLog(host)).findLast(({ message }) => message === "DEL");
    assertEquals([line?.level, line?.properties["spooled"]], ["WARN", true]);
    await pod.remove();
  });
  await t.step("a call for another sandbox finishes it, a bounded part at a time", async () => {
    const other = await addPod(host, { conf: CONF });
    assertEquals(await spooled(host), []);
    assertEquals(await inUse(host), short(other.result.ips));
    requireOk(await host.fabric("DEL", { sandbox: other, conf: CONF }));
    await other.remove();
    await assertNothingLeft(host);
  });
  await t.step("an ADD of the same container is a new life, and stays", async () => {
    const pod = await addPod(host, { conf: CONF });
    await lab.etcd.kill(0);
    requireOk(await host.fabric("DEL", { sandbox: pod, conf: CONF }));
    await lab.etcd.restart(0);
    const again = resultOf(await host.fabric("ADD", { sandbox: pod, conf: CONF }));
    assertEquals(await spooled(host), []);
    assertEquals(await inUse(host), short(again.ips));
    // The address of the first life is cooling.
    assertNotEquals(short(again.ips), short(pod.result.ips));
    assert(await pod.reaches("10.100.0.1"));
    requireOk(await host.fabric("STATUS"));
    assertEquals(await inUse(host), short(again.ips));
    requireOk(await host.fabric("DEL", { sandbox: pod, conf: CONF }));
    await pod.remove();
  });
  await t.step("twenty of them are finished by a few calls", async () => {
    const pods = await Promise.all(Array.from({ length: 20 }, () => addPod(host, { conf: CONF })));
    await lab.etcd.kill(0);
    await Promise.all(pods.map(async (pod) => {
      requireOk(await host.fabric("DEL", { sandbox: pod, conf: CONF }));
      await pod.remove();
    }));
    await lab.etcd.restart(0);
    assertEquals((await spooled(host)).length, 20);
    await using sandbox = await host.sandbox();
    let calls = 0;
    while ((await spooled(host)).length > 0 && calls < 20) {
      calls++;
      requireOk(await host.fabric("DEL", { sandbox, conf: CONF }));
    }
    assert(calls >= 3 && calls < 20, `${calls} calls`);
    await assertNothingLeft(host);
  });
});

Deno.test("DEL may come before its ADD, and again and again after it", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  await using sandbox = await host.sandbox();
  const call = { sandbox, conf: CONF };
  await t.step("a DEL of what never was", async () => {
    for (let i = 0; i < 2; i++) requireOk(await host.fabric("DEL", call));
    await assertNothingLeft(host);
  });
  await t.step("an ADD after it is a new life", async () => {
    resultOf(await host.fabric("ADD", call));
    assert(await sandbox.reaches("10.100.0.1"));
  });
  await t.step("two DELs after it, at once and later", async () => {
    const both = await Promise.all([host.fabric("DEL", call), host.fabric("DEL", call)]);
    for (const answer of both) requireOk(answer);
    requireOk(await host.fabric("DEL", call));
    await assertNothingLeft(host);
  });
});

function startFaultBed(): Promise<Lab> {
  return startBed({ hosts: 1, install: () => ({ binary: WITH_FAULTS }) });
}

Deno.test("an ADD whose answer was lost completes with the same addresses", async () => {
  await using lab = await startFaultBed();
  const host = lab.host(0);
  await using sandbox = await host.sandbox();
  const call = { sandbox, conf: CONF };
  const killed = await host.fabric("ADD", {
    ...call,
    env: { FABRIC_FAULT: "add:after-allocate:kill" },
  });
  assertEquals([killed.code, killed.stdout], [137, ""]);
  const [record] = await attachments(host);
  // What the kill left of the devices goes with the sandbox; here the runtime makes a new one.
  await host.execOk("for d in $(ip -o link | grep -o ' fb[a-z2-7]*'); do ip link del $d; done");
  const result = resultOf(await host.fabric("ADD", call));
  assertEquals(result.ips.map(({ address }) => address), record?.addresses.map((a) => a.address));
  assert(await sandbox.reaches("10.100.0.1"));
  requireOk(await host.fabric("DEL", call));
  await assertNothingLeft(host);
});
