/** kill -9 of the plugin at every step: after the runtime's DEL or GC nothing is left. */

import { assert, assertEquals } from "@std/assert";
import {
  ADD_FAULT_POINTS,
  DEL_FAULT_POINTS,
  GC_FAULT_POINTS,
  SPOOL_FAULT_POINTS,
  SPOOLED_FAULT_POINTS,
  UNDO_FAULT_POINTS,
} from "../../cni/fault_points.ts";
import { WITH_FAULTS } from "../executable.ts";
import {
  type EquippedHost,
  type Lab,
  type PluginCall,
  requireOk,
  type Sandbox,
} from "../lab/mod.ts";
import { confFor, startBed } from "./bed.ts";
import { addPod, resultOf } from "./by_hand.ts";
import { assertNothingLeft, readInterface } from "./records.ts";

const CONF = confFor("vlan100");
const NOTHING_VALID = { ...CONF, "cni.dev/valid-attachments": [] };

function startFaultBed(): Promise<Lab> {
  return startBed({ hosts: 1, install: () => ({ binary: WITH_FAULTS }) });
}

/** A call that is killed at the point. */
async function killedAt(
  point: string,
  verb: string,
  { host, call }: { readonly host: EquippedHost; readonly call: PluginCall },
): Promise<void> {
  const env = { FABRIC_FAULT: `${point}:kill` };
  const answer = await host.fabric(verb, { ...call, env });
  assertEquals(answer.code, 137, `${point} was not reached: ${answer.stdout}`);
}

Deno.test("ADD killed at every step: DEL cleans up, and so does GC when the sandbox is gone", async (t) => {
  await using lab = await startFaultBed();
  const host = lab.host(0);
  for (const point of ADD_FAULT_POINTS) {
    await t.step(`${point}, DEL`, async () => {
      await using sandbox = await host.sandbox();
      const call = { sandbox, conf: CONF };
      await killedAt(point, "ADD", { host, call });
      requireOk(await host.fabric("DEL", call));
      await assertNothingLeft(host);
    });
    await t.step(`${point}, GC`, async () => {
      const sandbox = await host.sandbox();
      await killedAt(point, "ADD", { host, call: { sandbox, conf: CONF } });
      await sandbox.remove();
      requireOk(await host.fabric("GC", { conf: NOTHING_VALID }));
      await assertNothingLeft(host);
    });
  }
  for (const point of UNDO_FAULT_POINTS) {
    await t.step(point, async () => {
      await using sandbox = await host.sandbox();
      // It fails when everything but the interface's name is there.
      await sandbox.execOk("ip link add eth0 type veth peer name other");
      await killedAt(point, "ADD", { host, call: { sandbox, conf: CONF } });
      requireOk(await host.fabric("DEL", { sandbox, conf: CONF }));
      await assertNothingLeft(host);
    });
  }
});

Deno.test("DEL killed at every step: another DEL, or GC, goes on", async (t) => {
  await using lab = await startFaultBed();
  const host = lab.host(0);
  for (const point of DEL_FAULT_POINTS) {
    await t.step(`${point}, DEL`, async () => {
      await using sandbox = await addPod(host, { conf: CONF });
      const call = { sandbox, conf: CONF };
      await killedAt(point, "DEL", { host, call });
      requireOk(await host.fabric("DEL", call));
      await assertNothingLeft(host);
    });
    await t.step(`${point}, GC`, async () => {
      const sandbox = await addPod(host, { conf: CONF });
      await killedAt(point, "DEL", { host, call: { sandbox, conf: CONF } });
      await sandbox.remove();
      requireOk(await host.fabric("GC", { conf: NOTHING_VALID }));
      await assertNothingLeft(host);
    });
  }
});

Deno.test("DEL without etcd killed at every step: another DEL goes on", async (t) => {
  await using lab = await startFaultBed();
  const host = lab.host(0);
  for (const point of SPOOL_FAULT_POINTS) {
    await t.step(point, async () => {
      await using sandbox = await addPod(host, { conf: CONF });
      const call = { sandbox, conf: CONF };
      await lab.etcd.kill(0);
      await killedAt(point, "DEL", { host, call });
      requireOk(await host.fabric("DEL", call));
      await lab.etcd.restart(0);
      requireOk(await host.fabric("DEL", call));
      await assertNothingLeft(host);
    });
  }
  for (const point of SPOOLED_FAULT_POINTS) {
    await t.step(point, async () => {
      await using sandbox = await addPod(host, { conf: CONF });
      const call = { sandbox, conf: CONF };
      await lab.etcd.kill(0);
      requireOk(await host.fabric("DEL", call));
      await lab.etcd.restart(0);
      await using other = await host.sandbox();
      await killedAt(point, "DEL", { host, call: { sandbox: other, conf: CONF } });
      // A new life of the same container must not be what a later finisher ends.
      resultOf(await host.fabric("ADD", call));
      requireOk(await host.fabric("DEL", { sandbox: other, conf: CONF }));
      assert(await sandbox.reaches("10.100.0.1"));
      requireOk(await host.fabric("CHECK", await checkCall(sandbox)));
      requireOk(await host.fabric("DEL", call));
      await assertNothingLeft(host);
    });
  }
});

/** A CHECK of what is there now, as another ADD would tell it. */
async function checkCall(sandbox: Sandbox): Promise<PluginCall> {
  const { mac, addresses } = await readInterface(sandbox);
  const prevResult = {
    cniVersion: "1.1.0",
    interfaces: [{ name: "eth0", mac, sandbox: sandbox.path }],
    ips: addresses.map((address) => ({ address, interface: 0 })),
  };
  return { sandbox, conf: { ...CONF, prevResult } };
}

Deno.test("GC killed at every step: another GC goes on", async (t) => {
  await using lab = await startFaultBed();
  const host = lab.host(0);
  const points = [
    ...GC_FAULT_POINTS,
    ...DEL_FAULT_POINTS.filter((p) => /port|veth|filter/.test(p)),
  ];
  for (const point of points) {
    await t.step(point, async () => {
      const pods = await Promise.all([1, 2, 3].map(() => addPod(host, { conf: CONF })));
      for (const pod of pods) await pod.remove();
      await killedAt(point, "GC", { host, call: { conf: NOTHING_VALID } });
      requireOk(await host.fabric("GC", { conf: NOTHING_VALID }));
      await assertNothingLeft(host);
    });
  }
});
