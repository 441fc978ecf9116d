/** Rule 7: a fixed address moves only when the sandbox before it has ended, and how that is known. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { requireOk } from "../lab/mod.ts";
import {
  eventsOf,
  forceDelete,
  type KubeBed,
  makePod,
  makeWorkload,
  ours,
  refusedAdd,
  runPod,
  startKubeBed,
  tryAdd,
} from "./bed.ts";
import { resultOf } from "../e2e/by_hand.ts";

const FIXED = ours({ fixed: "true" });

Deno.test("a fixed address moves when the sandbox before has ended, and not before", async (t) => {
  await using bed = await startKubeBed();
  const steps: readonly (readonly [string, (bed: KubeBed) => Promise<void>])[] = [
    ["an ordinary rollout does not meet an error: the ADD watches the old sandbox end", rollout],
    ["on one node the old one must have ended, too", oneNode],
    ["force-deleted, its node cut off: the new Pod waits, and the late DEL takes nothing", cutOff],
    ["a node fenced by taint gives the address up; a node that is only NotReady does not", taint],
    ["a node fenced by hand gives the address up", byHand],
    ["a late DEL of a deleted Pod does not touch its successor of the same name", lateDel],
    ["after a power cut the node's own addresses come back, to the same slots", reboot],
    ["a sandbox that went without a DEL does not keep its Pod from its slot", noDel],
    ["another machine under the node's name is refused until somebody says so", otherMachine],
  ];
  for (const [name, step] of steps) await t.step(name, () => step(bed));
});

async function statefulSet(bed: KubeBed, name: string) {
  return await makeWorkload(bed.kube, "StatefulSet", name, { annotations: FIXED });
}

async function rollout(bed: KubeBed): Promise<void> {
  const owner = await statefulSet(bed, "roll");
  const old = await runPod(bed.host(0), await makePod(bed.kube, "roll-0", { owner }));
  await forceDelete(bed.kube, old.pod);
  const pod = await makePod(bed.kube, "roll-0", { owner });
  const [fresh] = await Promise.all([
    runPod(bed.host(1), pod),
    new Promise((resolve) => setTimeout(resolve, 1_000)).then(() => old.stop()),
  ]);
  assertEquals(fresh.addresses, old.addresses);
  await fresh.stop();
}

async function oneNode(bed: KubeBed): Promise<void> {
  const owner = await statefulSet(bed, "one");
  const old = await runPod(bed.host(0), await makePod(bed.kube, "one-0", { owner }));
  await forceDelete(bed.kube, old.pod);
  const pod = await makePod(bed.kube, "one-0", { owner });
  const began = performance.now();
  const { code, msg } = await refusedAdd(bed.host(0), pod);
  assertEquals(code, 11);
  assertStringIncludes(
    msg,
    `Fixed address ${old.addresses.join(", ")} is still held by pod shop/one-0`,
  );
  assert(performance.now() - began > 4_500, "it has waited");
  assertStringIncludes((await eventsOf(bed.kube, pod)).join(), "is still held by");
  await old.stop();
  const fresh = await runPod(bed.host(0), pod);
  assertEquals(fresh.addresses, old.addresses);
  await fresh.stop();
}

async function cutOff(bed: KubeBed): Promise<void> {
  const owner = await statefulSet(bed, "cut");
  const old = await runPod(bed.host(0), await makePod(bed.kube, "cut-0", { owner }));
  await bed.host(0).setCable("management", false);
  await forceDelete(bed.kube, old.pod);
  const pod = await makePod(bed.kube, "cut-0", { owner });
  assertEquals((await refusedAdd(bed.host(1), pod)).code, 11);
  // The kubelet ends it, and etcd is not there: the DEL is spooled, and the address stays.
  requireOk(await bed.host(0).fabric("DEL", { sandbox: old.sandbox, timeoutMs: 60_000 }));
  assertEquals((await refusedAdd(bed.host(1), pod)).code, 11);
  await bed.host(0).setCable("management", true);
  const other = await runPod(bed.host(0), await makePod(bed.kube, "other"));
  const fresh = await runPod(bed.host(1), pod);
  assertEquals(fresh.addresses, old.addresses);
  await old.stop();
  assertEquals(await holderOf(bed, "cut"), "host2");
  await other.stop();
  await fresh.stop();
}

async function registerNode(bed: KubeBed, name: string): Promise<void> {
  await bed.kube.create("/api/v1/nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
  });
}

async function taint(bed: KubeBed): Promise<void> {
  await registerNode(bed, "host1");
  const owner = await statefulSet(bed, "taint");
  const old = await runPod(bed.host(0), await makePod(bed.kube, "taint-0", { owner }));
  await forceDelete(bed.kube, old.pod);
  const pod = await makePod(bed.kube, "taint-0", { owner });
  const setTaint = (key: string): Promise<unknown> =>
    bed.kube.client.merge("/api/v1/nodes/host1", {
      spec: { taints: [{ key, value: "nodeshutdown", effect: "NoExecute" }] },
    });
  await setTaint("node.kubernetes.io/unreachable");
  assertEquals((await refusedAdd(bed.host(1), pod)).code, 11);
  await setTaint("node.kubernetes.io/out-of-service");
  const fresh = await runPod(bed.host(1), pod);
  assertEquals(fresh.addresses, old.addresses);
  await bed.kube.client.merge("/api/v1/nodes/host1", { spec: { taints: null } });
  // The dead node comes back: its late DEL ends what is its own, which is nothing any more.
  await old.stop();
  assertEquals(await holderOf(bed, "taint"), "host2");
  await fresh.stop();
}

async function holderOf(bed: KubeBed, name: string): Promise<string> {
  const { stdout } = await bed.host(1).admin(["get", "owners", `shop/${name}`, "-o", "wide"]);
  return /host\d/.exec(stdout)?.[0] ?? "";
}

async function byHand(bed: KubeBed): Promise<void> {
  const owner = await statefulSet(bed, "hand");
  const old = await runPod(bed.host(0), await makePod(bed.kube, "hand-0", { owner }));
  await forceDelete(bed.kube, old.pod);
  const pod = await makePod(bed.kube, "hand-0", { owner });
  const node = `${bed.kube.uid}/host1`;
  requireOk(await bed.host(1).admin(["fence", node, "--reason", "burnt", "--yes"]));
  const fresh = await runPod(bed.host(1), pod);
  assertEquals(fresh.addresses, old.addresses);
  requireOk(await bed.host(1).admin(["unfence", node, "--yes"]));
  await old.stop();
  assertEquals(await holderOf(bed, "hand"), "host2");
  await fresh.stop();
}

async function lateDel(bed: KubeBed): Promise<void> {
  const old = await runPod(bed.host(0), await makePod(bed.kube, "same", { annotations: FIXED }));
  await old.stop();
  await forceDelete(bed.kube, old.pod);
  const pod = await makePod(bed.kube, "same", { annotations: FIXED });
  const fresh = await runPod(bed.host(0), pod);
  assertEquals(fresh.addresses, old.addresses);
  requireOk(await bed.host(0).fabric("DEL", { containerId: old.sandbox.containerId }));
  assertEquals(await holderOf(bed, "same"), "host1");
  await fresh.stop();
}

async function reboot(bed: KubeBed): Promise<void> {
  const deployment = await makeWorkload(bed.kube, "Deployment", "boot", { annotations: FIXED });
  const owner = await makeWorkload(bed.kube, "ReplicaSet", "boot-1", { owner: deployment });
  const pods = [];
  for (const name of ["a", "b", "c"]) {
    pods.push(await runPod(bed.host(0), await makePod(bed.kube, `boot-${name}`, { owner })));
  }
  const plain = await runPod(bed.host(0), await makePod(bed.kube, "boot-plain"));
  await bed.host(0).powerCycle();
  // The kubelet makes new sandboxes for the same Pods, in any order.
  const again = await Promise.all(pods.toReversed().map(({ pod }) => runPod(bed.host(0), pod)));
  assertEquals(
    again.map(({ addresses }) => addresses),
    pods.toReversed().map((it) => it.addresses),
  );
  const { stdout } = await bed.host(0).admin([
    "get",
    "attachments",
    "--node",
    "host1",
    "-o",
    "json",
  ]);
  assert(!stdout.includes(plain.sandbox.containerId), "what is of the earlier boot has ended");
  for (const pod of again) await pod.stop();
}

async function noDel(bed: KubeBed): Promise<void> {
  const deployment = await makeWorkload(bed.kube, "Deployment", "crash", { annotations: FIXED });
  const owner = await makeWorkload(bed.kube, "ReplicaSet", "crash-1", { owner: deployment });
  const [a, b] = [
    await makePod(bed.kube, "crash-a", { owner }),
    await makePod(bed.kube, "crash-b", { owner }),
  ];
  const first = await runPod(bed.host(0), a);
  const second = await runPod(bed.host(0), b);
  for (let i = 0; i < 2; i++) {
    // The runtime failed after the ADD: the namespace goes, and nobody says so.
    await first.sandbox.remove();
    await second.sandbox.remove();
    const [again, other] = [await runPod(bed.host(0), a), await runPod(bed.host(0), b)];
    assertEquals([again.addresses, other.addresses], [first.addresses, second.addresses]);
    await again.sandbox.remove();
    await other.sandbox.remove();
  }
  // On the other node a lost sandbox of this one says nothing.
  const pod = await makePod(bed.kube, "crash-c", { owner });
  const third = await runPod(bed.host(1), pod);
  assert(![first.addresses[0], second.addresses[0]].includes(third.addresses[0]));
  await third.stop();
}

async function otherMachine(bed: KubeBed): Promise<void> {
  const host = bed.host(1);
  const pod = await makePod(bed.kube, "machine");
  const other = "f".repeat(32);
  await host.writeFile("/etc/fabric/machine-id", `${other}\n`);
  const env = { FABRIC_MACHINE_ID_FILE: "/etc/fabric/machine-id" };
  const add = async () => {
    const { answer, sandbox } = await tryAdd(host, pod, { env });
    await host.fabric("DEL", { sandbox, env });
    await sandbox.remove();
    return answer;
  };
  const refused = await add();
  assertStringIncludes(refused.stdout, "belongs to the machine");
  const node = `${bed.kube.uid}/host2`;
  requireOk(await host.admin(["node", "replace", node, "--machine-id", other, "--yes"]));
  resultOf(await add());
}
