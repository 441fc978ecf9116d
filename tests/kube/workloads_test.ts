/** Whose the addresses are: any workload, by slot, through restarts, scaling and replacement. */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import {
  type ApiPod,
  eventsOf,
  forceDelete,
  type KubeBed,
  makePod,
  makeWorkload,
  ours,
  type OwnerRef,
  refusedAdd,
  type RunningPod,
  runPod,
  startKubeBed,
  workloadPath,
} from "./bed.ts";

const FIXED = ours({ fixed: "true" });

Deno.test("addresses belong to workloads", async (t) => {
  await using bed = await startKubeBed();
  const steps: readonly (readonly [string, (bed: KubeBed) => Promise<void>])[] = [
    ["a StatefulSet's belong to its ordinals, on every node", statefulSet],
    ["spec.ordinals.start counts: the first address is that of the first ordinal", ordinalsStart],
    [
      "a Deployment's Pods take the slots whose holders are gone, through its ReplicaSets",
      deployment,
    ],
    ["a Deployment has no more slots than Pods at once: one waits, or borrows", mostSlots],
    ["a DaemonSet has a slot per node", daemonSet],
    ["Job, indexed Job, CronJob, bare ReplicaSet, ReplicationController and bare Pod", others],
    ["a controller that nobody knows counts by its reference", reference],
    ["a sandbox made anew has the slot that its Pod had", sandboxAgain],
    ["scaling down and up again, and a recreated workload, find their addresses", scale],
    ["a Pod whose owner is gone waits", ownerGone],
    ["both interfaces of a Pod have addresses of their own", interfaces],
    ["get pods and get workloads show whose the addresses are", shown],
  ];
  for (const [name, step] of steps) await t.step(name, () => step(bed));
});

/** The Pod is deleted, its sandbox ends. */
async function end(bed: KubeBed, { pod, stop }: RunningPod): Promise<void> {
  await forceDelete(bed.kube, pod);
  await stop();
}

async function start(
  bed: KubeBed,
  name: string,
  { host = 0, ...options }: Parameters<typeof makePod>[2] & { readonly host?: number },
): Promise<RunningPod> {
  return await runPod(bed.host(host), await makePod(bed.kube, name, options));
}

async function statefulSet(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "StatefulSet", "db", { annotations: FIXED });
  const [zero, one] = [
    await start(bed, "db-0", { owner }),
    await start(bed, "db-1", { owner, host: 1 }),
  ];
  assertNotEquals(zero.addresses, one.addresses);
  await end(bed, zero);
  await end(bed, one);
  // On the other node, in the other order.
  const one2 = await start(bed, "db-1", { owner, host: 0 });
  const zero2 = await start(bed, "db-0", { owner, host: 1 });
  assertEquals([zero2.addresses, one2.addresses], [zero.addresses, one.addresses]);
  await end(bed, zero2);
  await end(bed, one2);
}

async function ordinalsStart(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "StatefulSet", "late", {
    annotations: ours({ network: "listed", ips: "10.40.0.60-10.40.0.62" }),
    spec: { ordinals: { start: 5 } },
  });
  const five = await start(bed, "late-5", { owner });
  const seven = await start(bed, "late-7", { owner });
  assertEquals(five.addresses[0], "10.40.0.60");
  assertEquals(seven.addresses[0], "10.40.0.62");
  const eight = await makePod(bed.kube, "late-8", { owner });
  const { msg, code } = await refusedAdd(bed.host(0), eight);
  assertEquals(code, 11);
  assertStringIncludes(msg, "lists 3 addresses");
  assertStringIncludes(msg, "slot 8");
  await end(bed, five);
  await end(bed, seven);
}

async function replicaSet(bed: KubeBed, owner: OwnerRef, name: string): Promise<OwnerRef> {
  return await makeWorkload(bed.kube, "ReplicaSet", name, { owner });
}

async function deployment(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "Deployment", "web", { annotations: FIXED });
  const first = await replicaSet(bed, owner, "web-1");
  const old = [];
  for (let i = 0; i < 3; i++) {
    old.push(await start(bed, `web-1-${i}`, { owner: first, host: i % 2 }));
  }
  const before = old.map(({ addresses }) => addresses[0] ?? "");
  assertEquals(new Set(before).size, 3);
  // A rollout without surge: one goes, one comes, of another ReplicaSet and on another node.
  const second = await replicaSet(bed, owner, "web-2");
  const fresh: RunningPod[] = [];
  for (const [i, pod] of old.entries()) {
    await end(bed, pod);
    fresh.push(await start(bed, `web-2-${i}`, { owner: second, host: (i + 1) % 2 }));
  }
  const after = fresh.map(({ addresses }) => addresses[0] ?? "");
  assertEquals(after.toSorted(), before.toSorted());
  // With surge there is one more slot, and the next rollout finds it.
  const surge = await start(bed, "web-2-surge", { owner: second });
  assert(!before.includes(surge.addresses[0] ?? ""));
  for (const pod of [...fresh, surge]) await end(bed, pod);
}

async function mostSlots(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const owner = await makeWorkload(kube, "Deployment", "exact", {
    annotations: FIXED,
    spec: { replicas: 2, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } },
  });
  const set = await replicaSet(bed, owner, "exact-1");
  const old = [
    await start(bed, "exact-1-a", { owner: set }),
    await start(bed, "exact-1-b", { owner: set, host: 1 }),
  ] as const;
  // Its controller makes the next Pod as soon as one is about to end.
  const next = await makePod(kube, "exact-1-c", { owner: set });
  const { code, msg } = await refusedAdd(bed.host(0), next);
  assertEquals(code, 11);
  assertStringIncludes(msg, "Deployment.apps shop/exact has 2 slots in network vlan100");
  assertStringIncludes(msg, "it wants 2 replicas + surge 0 = 2 addresses at once");
  assertStringIncludes((await eventsOf(kube, next)).join(), "has 2 slots");
  const coming = runPod(bed.host(0), next);
  await end(bed, old[1]);
  const third = await coming;
  assertEquals(third.addresses, old[1].addresses);
  await kube.client.merge(workloadPath("Deployment", "exact"), {
    metadata: { annotations: ours({ "on-exhausted": "borrow" }) },
  });
  const fourth = await start(bed, "exact-1-d", { owner: set });
  assert(![...old[0].addresses, ...third.addresses].includes(fourth.addresses[0] ?? ""));
  for (const pod of [old[0], third, fourth]) await end(bed, pod);
  const fifth = await start(bed, "exact-1-e", { owner: set });
  assertEquals(fifth.addresses, old[0].addresses);
  await end(bed, fifth);
}

async function daemonSet(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "DaemonSet", "agent", {
    annotations: ours({ network: "listed", ips: "10.40.0.70-10.40.0.71" }),
  });
  const pods = [
    await start(bed, "agent-a", { owner, host: 0 }),
    await start(bed, "agent-b", { owner, host: 1 }),
  ];
  const [a, b] = pods.map(({ addresses }) => addresses[0]);
  assertEquals([a, b].toSorted(), ["10.40.0.70", "10.40.0.71"]);
  for (const pod of pods) await end(bed, pod);
  const again = await start(bed, "agent-c", { owner, host: 1 });
  assertEquals(again.addresses[0], b);
  await end(bed, again);
}

async function others(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const job = await makeWorkload(kube, "Job", "sum", { annotations: FIXED });
  const cron = await makeWorkload(kube, "CronJob", "night", { annotations: FIXED });
  const runs = [
    await makeWorkload(kube, "Job", "night-1", { owner: cron }),
    await makeWorkload(kube, "Job", "night-2", { owner: cron }),
  ] as const;
  const cases: readonly (readonly [OwnerRef | undefined, OwnerRef | undefined, string])[] = [
    [job, job, "sum"],
    [runs[0], runs[1], "night"],
    ...(await Promise.all((["ReplicaSet", "ReplicationController"] as const).map(async (kind) => {
      const owner = await makeWorkload(kube, kind, kind.toLowerCase(), { annotations: FIXED });
      return [owner, owner, kind.toLowerCase()] as const;
    }))),
    [undefined, undefined, "bare"],
  ];
  for (const [before, after, name] of cases) {
    const bare = before === undefined;
    const options = (owner: OwnerRef | undefined) =>
      owner === undefined ? { annotations: FIXED } : { owner };
    const one = await start(bed, bare ? name : `${name}-x`, options(before));
    await end(bed, one);
    const two = await start(bed, bare ? name : `${name}-y`, { ...options(after), host: 1 });
    assertEquals(two.addresses, one.addresses, name);
    await end(bed, two);
  }
  const indexed = await makeWorkload(kube, "Job", "indexed", {
    annotations: ours({ network: "listed", ips: "10.40.0.80-10.40.0.82" }),
    spec: { completionMode: "Indexed", completions: 3 },
  });
  const pod = await start(bed, "indexed-2-abcde", {
    owner: indexed,
    annotations: { "batch.kubernetes.io/job-completion-index": "2" },
  });
  assertEquals(pod.addresses[0], "10.40.0.82");
  await end(bed, pod);
}

async function reference(bed: KubeBed): Promise<void> {
  const owner = {
    apiVersion: "apps.kruise.io/v1alpha1",
    kind: "CloneSet",
    name: "clones",
    uid: crypto.randomUUID(),
  };
  const one = await start(bed, "clones-a", { owner, annotations: FIXED });
  await end(bed, one);
  const two = await start(bed, "clones-b", { owner, annotations: FIXED, host: 1 });
  assertEquals(two.addresses, one.addresses);
  const owners = await bed.host(0).admin(["get", "owners", "-o", "json"]);
  assertStringIncludes(owners.stdout, '"kind": "CloneSet"');
  assertStringIncludes(owners.stdout, '"group": "apps.kruise.io"');
  await end(bed, two);
}

async function sandboxAgain(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "Deployment", "steady", { annotations: FIXED });
  const set = await replicaSet(bed, owner, "steady-1");
  const pods = [];
  for (let i = 0; i < 3; i++) pods.push(await start(bed, `steady-${i}`, { owner: set }));
  // All sandboxes end, as after a crash of the runtime, and are made anew in another order.
  for (const { stop } of pods) await stop();
  for (const { pod, addresses } of pods.toReversed()) {
    const again = await runPod(bed.host(0), pod);
    assertEquals(again.addresses, addresses);
  }
}

async function scale(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "StatefulSet", "scaled", { annotations: FIXED });
  const one = await start(bed, "scaled-1", { owner });
  await end(bed, one);
  const up = await start(bed, "scaled-1", { owner, host: 1 });
  assertEquals(up.addresses, one.addresses);
  await end(bed, up);
  await bed.kube.delete("/apis/apps/v1/namespaces/shop/statefulsets/scaled");
  const recreated = await makeWorkload(bed.kube, "StatefulSet", "scaled", { annotations: FIXED });
  const again = await start(bed, "scaled-1", { owner: recreated });
  assertEquals(again.addresses, one.addresses);
  await end(bed, again);
}

async function ownerGone(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "ReplicaSet", "short", { annotations: FIXED });
  await bed.kube.delete("/apis/apps/v1/namespaces/shop/replicasets/short");
  const pod: ApiPod = await makePod(bed.kube, "short-x", { owner, annotations: FIXED });
  const { code, msg } = await refusedAdd(bed.host(0), pod);
  assertEquals(code, 11);
  assertStringIncludes(msg, "ReplicaSet shop/short");
  assertEquals(await eventsOf(bed.kube, pod), []);
}

async function interfaces(bed: KubeBed): Promise<void> {
  const annotations = ours({ "fixed": "true", "fixed.net1": "true", "network.net1": "vlan200" });
  const pod = await makePod(bed.kube, "two", { annotations });
  const first = await runPod(bed.host(0), pod);
  const second = await runPod(bed.host(0), pod, { sandbox: first.sandbox, ifname: "net1" });
  assert(second.addresses[0]?.startsWith("10.200."));
  await first.stop();
  const again = await runPod(bed.host(0), pod);
  assertEquals(again.addresses, first.addresses);
}

async function shown(bed: KubeBed): Promise<void> {
  const owner = await makeWorkload(bed.kube, "StatefulSet", "shown", { annotations: FIXED });
  const pod = await start(bed, "shown-3", { owner });
  const [address = ""] = pod.addresses;
  const pods = await bed.host(0).admin(["get", "pods", "shop/shown-3", "--no-headers"]);
  assertEquals(pods.stdout.trim().split(/\s+/).slice(0, 7), [
    "shop/shown-3",
    ...[pod.addresses.map((it) => `${it}/${it.includes(":") ? 64 : 24}`).join(), "vlan100", "100"],
    ...["host1", "StatefulSet.apps", "shop/shown"],
  ]);
  const list = await bed.host(0).admin(["get", "workloads", "shop/shown", "--no-headers"]);
  for (const part of ["StatefulSet.apps shop/shown", "vlan100", " 1 ", address]) {
    assertStringIncludes(list.stdout, part);
  }
  const described = await bed.host(0).admin(["describe", "workload", "shop/shown"]);
  assertStringIncludes(described.stdout, "pod shop/shown-3");
  await end(bed, pod);
}
