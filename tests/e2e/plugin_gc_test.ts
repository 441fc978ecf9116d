/** GC removes what its runtime no longer knows, of its own conf and node, and nothing that lives. */

import { assert, assertEquals } from "@std/assert";
import { type EquippedHost, requireOk } from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod, failureOf, type HandPod } from "./by_hand.ts";
import { readPluginLog } from "./plugin_log.ts";
import { assertNothingLeft, attachments, podPorts } from "./records.ts";

const CONF = confFor("vlan100");

interface GcOptions {
  readonly valid: readonly HandPod[];
  readonly name?: string;
  readonly key?: string;
}

async function gc(
  host: EquippedHost,
  { valid, name = "fabric", key = "cni.dev/valid-attachments" }: GcOptions,
): Promise<void> {
  const list = valid.map(({ containerId }) => ({ containerID: containerId, ifname: "eth0" }));
  const answer = await host.fabric("GC", { conf: { ...CONF, name, [key]: list } });
  assertEquals(requireOk(answer), "");
}

async function recorded(host: EquippedHost): Promise<readonly string[]> {
  return (await attachments(host)).map(({ containerId }) => containerId).sort();
}

function ids(...pods: readonly HandPod[]): readonly string[] {
  return pods.map(({ containerId }) => containerId).sort();
}

Deno.test("GC keeps what is valid and what lives, of any conf and node", async (t) => {
  await using lab = await startBed({ hosts: 2 });
  const [host, other] = [lab.host(0), lab.host(1)];
  const add = (on: EquippedHost, name = "fabric") => addPod(on, { conf: { ...CONF, name } });
  const [valid, living, gone, foreign, far] = await Promise.all([
    add(host),
    add(host),
    add(host),
    add(host, "another"),
    add(other),
  ]);
  const second = await host.fabric("ADD", {
    sandbox: gone,
    ifname: "net1",
    conf: confFor("vlan200"),
  });
  requireOk(second);

  await t.step("what is gone goes, in whatever network", async () => {
    await gone.remove();
    await foreign.remove();
    await far.remove();
    await gc(host, { valid: [valid] });
    assertEquals(await recorded(host), ids(valid, living, foreign, far));
    assertEquals((await podPorts(host)).length, 3);
    for (const pod of [valid, living]) assert(await pod.reaches("10.100.0.1"));
    const line = (await readPluginLog(host)).findLast(({ message }) => message === "GC");
    assertEquals(line?.properties["kept"], 1);
  });
  await t.step("each conf and each node collects its own, by the older key too", async () => {
    await gc(host, { valid: [], name: "another", key: "cni.dev/attachments" });
    assertEquals(await recorded(host), ids(valid, living, far));
    await gc(other, { valid: [] });
    assertEquals(await recorded(host), ids(valid, living));
    await assertNothingLeft(other);
  });
  await t.step("a GC that does not say what is valid is refused", async () => {
    const answer = await host.fabric("GC", { conf: CONF });
    assertEquals(failureOf(answer).code, 7);
    assertEquals(await recorded(host), ids(valid, living));
  });
  await t.step(
    "after a boot all namespaces are gone, and a file may stand at their paths",
    async () => {
      await host.powerCycle();
      await host.execOk(`touch ${valid.path} ${living.path}`);
      await gc(host, { valid: [] });
      await assertNothingLeft(host);
    },
  );
});

Deno.test("GC of many is done in one call, and again when it was cut short", async () => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  const pods: HandPod[] = [];
  for (let i = 0; i < 5; i++) {
    pods.push(...await Promise.all(Array.from({ length: 6 }, () => addPod(host, { conf: CONF }))));
  }
  for (const pod of pods) await pod.remove();
  await host.ovs.kill("ovsdb-server");
  const failed = await host.fabric("GC", { conf: { ...CONF, "cni.dev/valid-attachments": null } });
  assertEquals(failureOf(failed).code, 112);
  assertEquals((await recorded(host)).length, 30);
  await host.ovs.start("ovsdb-server");
  await gc(host, { valid: [] });
  await assertNothingLeft(host);
});
