/** Who may use a network, how much of it, and what becomes of a workload that changes its addresses. */

import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { effort } from "../effort.ts";
import { requireOk } from "../lab/mod.ts";
import { declare, networkObject } from "../e2e/bed.ts";
import {
  eventsOf,
  forceDelete,
  type KubeBed,
  makeNamespace,
  makePod,
  makeWorkload,
  ours,
  refusedAdd,
  type RunningPod,
  runPod,
  startKubeBed,
  tryAdd,
  workloadPath,
} from "./bed.ts";

Deno.test("networks: who may, how many, and changes in place", async (t) => {
  await using bed = await startKubeBed({ hosts: 1 });
  const steps: readonly (readonly [string, (bed: KubeBed) => Promise<void>])[] = [
    ["spec.allowed: cluster, namespace, label, tenant; the node's own default is open", allowed],
    ["quotas hold under ADDs side by side, and count again after DELs", quotas],
    ["quotas of a tenant hold over its namespaces", tenantQuota],
    ["a rollout that lists too few addresses says so on Pod and workload, and may borrow", surge],
    ["maxSurge: 0 with exactly as many addresses never fails", exactly],
    ["another address: running Pods keep theirs, the next takes the new one", otherAddress],
    ["another network: what is left behind is free when the last holder goes", otherNetwork],
    ["a Pod of an older template takes nothing from those of the present one", olderTemplate],
    ["another default network of the Namespace counts for the next Pods", namespaceNetwork],
    ["an administrator's fix counts for the next Pod", fixed],
  ];
  for (const [name, step] of steps) await t.step(name, () => step(bed));
});

const SUBNET = (net: number) => [{ cidr: `10.${net}.0.0/24`, gateway: `10.${net}.0.1` }];

async function end(bed: KubeBed, { pod, stop }: RunningPod): Promise<void> {
  await forceDelete(bed.kube, pod);
  await stop();
}

async function allowed(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  await makeNamespace(kube, "gold", { labels: { tier: "gold" } });
  await makeNamespace(kube, "pay", { labels: { "beyondfabric.io/tenant": "payments" } });
  await declare(host, [
    networkObject("closed", {
      vlan: 501,
      subnets: SUBNET(51),
      allowed: {
        namespaces: ["bank"],
        namespaceSelector: { tier: "gold" },
        tenants: ["payments"],
      },
    }),
    networkObject("elsewhere", {
      vlan: 502,
      subnets: SUBNET(52),
      allowed: { clusters: ["another-cluster"] },
    }),
  ]);
  for (const namespace of ["bank", "gold", "pay"]) {
    const annotations = ours({ network: "closed" });
    await end(bed, await runPod(host, await makePod(kube, "in", { namespace, annotations })));
  }
  for (const [network, why] of [["closed", "Namespace shop"], ["elsewhere", kube.uid]] as const) {
    const pod = await makePod(kube, `out-${network}`, { annotations: ours({ network }) });
    const { code, msg } = await refusedAdd(host, pod);
    assertEquals(code, 105);
    assertStringIncludes(msg, why);
    assertStringIncludes(msg, `may not use network ${network}`);
    assertStringIncludes((await eventsOf(kube, pod)).join(), `may not use network ${network}`);
    // Once for the audit, however often the runtime tries.
    await refusedAdd(host, pod);
    const told = await bed.lab.etcd.etcdctl(
      "get",
      "/beyondfabric.io/audit/inbox/",
      "--prefix",
      "--print-value-only",
    );
    const entries = told.split("\n").filter((line) => line.includes(`Network ${network}`));
    assertEquals(entries.length, 1);
    assertStringIncludes(entries[0] ?? "", `shop/out-${network}`);
  }
  // What the node's administrator wrote is the node's.
  const pod = await makePod(kube, "by-conf");
  await end(bed, await runPod(host, pod, { conf: { network: "closed" } }));
}

async function quotas(bed: KubeBed): Promise<void> {
  const host = bed.host(0);
  const spec = {
    vlan: 511,
    subnets: [...SUBNET(53), { cidr: "fd00:53::/64", gateway: "fd00:53::1" }],
  };
  await makeNamespace(bed.kube, "small");
  const make = (name: string) =>
    makePod(bed.kube, name, { namespace: "small", annotations: ours({ network: "counted" }) });
  // What is in use before there is a quota counts as well.
  await declare(host, [networkObject("counted", spec)]);
  const before = await runPod(host, await make("before"));
  await declare(host, [networkObject("counted", { ...spec, quotas: { perNamespace: 3 } })]);
  const pods = await Promise.all(["a", "b", "c", "d", "e"].map(make));
  const answers = await Promise.all(pods.map((pod) => tryAdd(host, pod)));
  const codes = answers.map(({ answer }) => answer.code).toSorted();
  assertEquals(codes, [0, 0, 1, 1, 1]);
  const refused = answers.find(({ answer }) => answer.code === 1)?.answer.stdout ?? "";
  assertStringIncludes(refused, '"code":101');
  assertStringIncludes(refused, "Quota of namespace small in network counted is used up: 3 of 3");
  await before.stop();
  const last = await runPod(host, await make("last"));
  for (const { sandbox } of answers) requireOk(await host.fabric("DEL", { sandbox }));
  await last.stop();
  const keys = await bed.lab.etcd.etcdctl(
    "get",
    "/beyondfabric.io/uses/counted/",
    "--prefix",
    "--keys-only",
  );
  assertEquals(keys.trim(), "");
}

async function tenantQuota(bed: KubeBed): Promise<void> {
  const host = bed.host(0);
  const labels = { "beyondfabric.io/tenant": "retail" };
  for (const name of ["retail-a", "retail-b"]) await makeNamespace(bed.kube, name, { labels });
  await declare(host, [
    networkObject("leased", { vlan: 512, subnets: SUBNET(54), quotas: { tenants: { retail: 1 } } }),
  ]);
  const annotations = ours({ network: "leased", fixed: "true" });
  const pod = await makePod(bed.kube, "p", { namespace: "retail-a", annotations });
  const one = await runPod(host, pod);
  const other = await makePod(bed.kube, "p", { namespace: "retail-b", annotations });
  assertStringIncludes((await refusedAdd(host, other)).msg, "Quota of tenant retail");
  // A fixed address counts as long as it is the owner's, and the owner always finds it.
  await one.stop();
  assertEquals((await refusedAdd(host, other)).code, 101);
  const again = await runPod(host, pod);
  assertEquals(again.addresses, one.addresses);
  await end(bed, again);
}

async function surge(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  const annotations = ours({ network: "listed", ips: "10.40.0.10-10.40.0.11" });
  const deployment = await makeWorkload(kube, "Deployment", "tight", {
    annotations,
    spec: { replicas: 2 },
  });
  const owner = await makeWorkload(kube, "ReplicaSet", "tight-1", { owner: deployment });
  const pods = [];
  for (const name of ["a", "b"]) {
    pods.push(await runPod(host, await makePod(kube, `tight-${name}`, { owner })));
  }
  assertEquals(pods.map(({ addresses }) => addresses[0]), ["10.40.0.10", "10.40.0.11"]);
  const pod = await makePod(kube, "tight-surge", { owner });
  const { code, msg, details = "" } = await refusedAdd(host, pod);
  assertEquals(code, 11);
  for (
    const part of [
      "Deployment.apps shop/tight lists 2 addresses of network listed",
      "2 replicas + surge 1 = 3 addresses at once",
      "10.40.0.10",
    ]
  ) assertStringIncludes(msg, part);
  for (const way of ["maxSurge", "on-exhausted: borrow"]) assertStringIncludes(details, way);
  assertStringIncludes((await eventsOf(kube, pod)).join(), "lists 2 addresses");
  const about = { namespace: "shop", name: "tight", kind: "Deployment" };
  assertStringIncludes((await eventsOf(kube, about)).join(), "lists 2 addresses");
  await kube.client.merge(workloadPath("Deployment", "tight"), {
    metadata: { annotations: ours({ "on-exhausted": "borrow" }) },
  });
  const borrowed = await runPod(host, pod);
  assert(/^10\.40\.0\.2\d\d$/.test(borrowed.addresses[0] ?? ""), borrowed.addresses.join());
  await end(bed, borrowed);
  for (const one of pods) await end(bed, one);
}

async function exactly(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  const list = ["10.40.0.20", "10.40.0.21", "10.40.0.22"];
  const deployment = await makeWorkload(kube, "Deployment", "exact", {
    annotations: ours({ network: "listed", ips: list.join() }),
    spec: { replicas: 3, strategy: { rollingUpdate: { maxSurge: 0 } } },
  });
  const start = async (set: string, index: number): Promise<RunningPod> => {
    const owner = { ...deployment, kind: "ReplicaSet", name: set, uid: sets.get(set) ?? "" };
    return await runPod(host, await makePod(kube, `${set}-${index}`, { owner }));
  };
  const sets = new Map<string, string>();
  let pods: RunningPod[] = [];
  for (let rollout = 0; rollout < effort(5, 100); rollout++) {
    const set = `exact-${rollout}`;
    sets.set(set, (await makeWorkload(kube, "ReplicaSet", set, { owner: deployment })).uid);
    // The new Pod is made as soon as the old one is gone from the API; its sandbox ends a bit later.
    const next = await Promise.all([0, 1, 2].map(async (index) => {
      const old = pods[index];
      if (old === undefined) return await start(set, index);
      await forceDelete(kube, old.pod);
      const [fresh] = await Promise.all([start(set, index), old.stop()]);
      return fresh;
    }));
    assertEquals(next.map(({ addresses }) => addresses[0] ?? "").toSorted(), list);
    pods = next;
  }
  for (const one of pods) await end(bed, one);
}

async function usedIn(bed: KubeBed, network: string): Promise<readonly string[]> {
  const { stdout } = await bed.host(0).admin(["get", "addresses", "-n", network, "-o", "name"]);
  return stdout.split("\n").filter((line) => line !== "").map((line) =>
    line.split("/").at(-1) ?? ""
  );
}

async function otherAddress(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  const owner = await makeWorkload(kube, "StatefulSet", "moving", {
    annotations: ours({ network: "listed", ips: "10.40.0.30" }),
  });
  const old = await runPod(host, await makePod(kube, "moving-0", { owner }));
  assertEquals(old.addresses[0], "10.40.0.30");
  await kube.client.merge(workloadPath("StatefulSet", "moving"), {
    metadata: { annotations: ours({ ips: "10.40.0.31" }) },
  });
  // It runs on with what it has.
  assert((await usedIn(bed, "listed")).includes("10.40.0.30"));
  await end(bed, old);
  const fresh = await runPod(host, await makePod(kube, "moving-0", { owner }));
  assertEquals(fresh.addresses[0], "10.40.0.31");
  const used = await usedIn(bed, "listed");
  assert(used.includes("10.40.0.31") && !used.includes("10.40.0.30"), used.join());
  await end(bed, fresh);
}

async function otherNetwork(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  await declare(host, [networkObject("former", { vlan: 521, subnets: SUBNET(55) })]);
  const deployment = await makeWorkload(kube, "Deployment", "nomad", {
    annotations: ours({ network: "former", fixed: "true" }),
  });
  const owner = await makeWorkload(kube, "ReplicaSet", "nomad-1", { owner: deployment });
  const pods = [];
  for (const name of ["a", "b"]) {
    pods.push(await runPod(host, await makePod(kube, `nomad-${name}`, { owner })));
  }
  const [a, b] = pods;
  assert(a !== undefined && b !== undefined);
  await kube.client.merge(workloadPath("Deployment", "nomad"), {
    metadata: { annotations: ours({ network: "vlan200" }) },
  });
  await end(bed, a);
  const fresh = await runPod(host, await makePod(kube, "nomad-c", { owner }));
  assert(fresh.addresses[0]?.startsWith("10.200."));
  // The one that still runs keeps its address until it ends.
  assertEquals(await usedIn(bed, "former"), [...b.addresses]);
  await end(bed, b);
  assertEquals(await usedIn(bed, "former"), []);
  await end(bed, fresh);
}

async function olderTemplate(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  await declare(host, [networkObject("older", { vlan: 522, subnets: SUBNET(56) })]);
  const [older, present] = [
    ours({ network: "older", fixed: "true" }),
    ours({ network: "vlan200", fixed: "true" }),
  ];
  for (const kind of ["Deployment", "CronJob"] as const) {
    const name = `canary-${kind.toLowerCase()}`;
    const workload = await makeWorkload(kube, kind, name, { templateAnnotations: present });
    const maker = kind === "Deployment" ? "ReplicaSet" : "Job";
    const owner = await makeWorkload(kube, maker, `${name}-1`, { owner: workload });
    const start = async (pod: string, annotations: typeof present) =>
      await runPod(host, await makePod(kube, `${name}-${pod}`, { owner, annotations }));
    const fresh = await start("fresh", present);
    const old = await start("old", older);
    await end(bed, fresh);
    const next = await start("next", present);
    assertEquals(next.addresses, fresh.addresses, kind);
    assertEquals(await usedIn(bed, "older"), [...old.addresses]);
    await end(bed, old);
    await end(bed, next);
    assertEquals(await usedIn(bed, "older"), []);
  }
}

async function namespaceNetwork(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  const annotations = ours({ network: "vlan100", fixed: "true" });
  await makeNamespace(kube, "moved", { annotations });
  const namespace = "moved";
  const set = await makeWorkload(kube, "StatefulSet", "set", { namespace });
  const plan = [[0, "10.100."], [1, "10.200."], [2, "10.200."]] as const;
  let last: readonly string[] = [];
  for (const [turn, prefix] of plan) {
    if (turn === 1) {
      await kube.client.merge("/api/v1/namespaces/moved", {
        metadata: { annotations: ours({ network: "vlan200" }) },
      });
    }
    const pod = await runPod(host, await makePod(kube, "set-0", { namespace, owner: set }));
    assert(pod.addresses[0]?.startsWith(prefix), pod.addresses.join());
    if (turn === 2) assertEquals(pod.addresses, last);
    last = pod.addresses;
    await end(bed, pod);
  }
}

async function fixed(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  const owner = await makeWorkload(kube, "StatefulSet", "byhand", {
    annotations: ours({ network: "listed", fixed: "true" }),
  });
  const old = await runPod(host, await makePod(kube, "byhand-0", { owner }));
  assertNotEquals(old.addresses[0], "10.40.0.40");
  requireOk(
    await host.admin([
      ...["fix", "StatefulSet.apps/shop/byhand", "--slot", "0", "--cluster", kube.uid],
      ...["--network", "listed", "--ip", "10.40.0.40"],
    ]),
  );
  await end(bed, old);
  const fresh = await runPod(host, await makePod(kube, "byhand-0", { owner }));
  assertEquals(fresh.addresses[0], "10.40.0.40");
  await end(bed, fresh);
}
