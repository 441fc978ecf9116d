/** The reclaimer against a real API server: what it ends, when, and what it never does. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { allocate } from "../../mod/ipam/allocate.ts";
import { PREFIXES, reclaimerKey } from "../../mod/ipam/keys.ts";
import { becomeLeader } from "../../mod/ipam/reclaim/leader.ts";
import {
  type Observations,
  reclaimOnce,
  type ReclaimReport,
} from "../../mod/ipam/reclaim/reclaim.ts";
import { runReclaimer } from "../../mod/ipam/reclaim/run.ts";
import { release } from "../../mod/ipam/release.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { type KubeClient, openKubeClient } from "../../mod/kube/client.ts";
import { parseKubeconfig } from "../../mod/kube/kubeconfig.ts";
import type { OwnerRef } from "../../mod/model/identity.ts";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../ipam_fixture.ts";
import type { KubeFixture } from "../kube_fixture.ts";
import {
  applyRbac,
  makeNamespace,
  makeWorkload,
  startKubeApi,
  USERS,
  workloadPath,
} from "./bed.ts";

interface Rig {
  readonly ipam: IpamFixture;
  readonly kube: KubeFixture;
}

Deno.test("the reclaimer", async (t) => {
  await using ipam = await startIpam();
  await using kube = await startKubeApi();
  await applyRbac(kube);
  await makeNamespace(kube, "shop");
  await applyNetwork(ipam.context, "pods", {
    vlan: 100,
    subnets: [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1" }],
    coolingSeconds: 0,
  });
  const rig = { ipam, kube };
  await t.step(
    "ends what is gone at two looks, a grace apart, and nothing earlier",
    () => ends(rig),
  );
  await t.step("recreated within the grace, a workload keeps its addresses", () => recreated(rig));
  await t.step("reclaim: immediately, a time of its own, never", () => words(rig));
  await t.step("a holder is left alone, and ADD and DEL begin the grace anew", () => holders(rig));
  await t.step("what may not be read, or is not known, stays", () => unknown(rig));
  await t.step(
    "another cluster, and one without its kube-system: nothing",
    () => wrongCluster(rig),
  );
  await t.step("an API server that stands still, or refuses us: nothing", () => silent(rig));
  await t.step("one is active; who lost the lease ends nothing", () => leaders(rig));
  await t.step("as a process it ends what is gone, and resigns", () => process(rig));
});

function ownerOf({ kube }: Rig, name: string, more: Partial<OwnerRef> = {}): OwnerRef {
  return {
    cluster: kube.uid,
    group: "apps",
    kind: "StatefulSet",
    namespace: "shop",
    name,
    slot: "0",
    ifname: "eth0",
    ...more,
  };
}

let containers = 0;

/** An owner whose holder has ended. */
async function own(
  rig: Rig,
  name: string,
  options: { readonly reclaim?: number | "never"; readonly owner?: Partial<OwnerRef> } = {},
): Promise<OwnerRef> {
  const { context } = rig.ipam;
  const owner = ownerOf(rig, name, options.owner);
  const request = addRequest(`c${++containers}`, {
    owner,
    ...(options.reclaim === undefined ? {} : { reclaim: options.reclaim }),
  });
  await allocate(context, request);
  await release(context, request.attachment, { endedBy: "del" });
  return owner;
}

async function ownersOf({ ipam }: Rig): Promise<readonly string[]> {
  const { kvs } = await ipam.store.range(underPrefix(PREFIXES.owners));
  return kvs.map(({ key }) => key.split("/").at(-3) ?? "").toSorted();
}

/** Ends what a step left. */
async function cleanUp(rig: Rig): Promise<void> {
  const { store } = rig.ipam;
  for (const prefix of [PREFIXES.owners, PREFIXES.addresses, PREFIXES.macs, PREFIXES.attachments]) {
    await store.txn({ success: [{ delete: underPrefix(prefix) }] });
  }
}

interface Looker {
  look(): Promise<ReclaimReport>;
}

async function looker(
  rig: Rig,
  options: { readonly client?: KubeClient; readonly cluster?: string } = {},
): Promise<Looker & AsyncDisposable> {
  const { context, store } = rig.ipam;
  const cluster = options.cluster ?? rig.kube.uid;
  const leadership = await becomeLeader(store, { cluster, who: "test" });
  if (leadership === undefined) throw new Error("another one leads");
  const observations: Observations = new Map();
  const client = options.client ?? rig.kube.as(USERS.ctl);
  const { guard } = leadership;
  return {
    look: () => reclaimOnce(context, { client, cluster, observations, guard }),
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await leadership.resign();
    },
  };
}

async function ends(rig: Rig): Promise<void> {
  await makeWorkload(rig.kube, "StatefulSet", "alive");
  await own(rig, "alive");
  await own(rig, "gone");
  await using reclaimer = await looker(rig);
  const first = await reclaimer.look();
  assertEquals([first.looked, first.waiting, first.ended.length], [2, 1, 0]);
  rig.ipam.advance(599_000);
  assertEquals((await reclaimer.look()).ended.length, 0);
  rig.ipam.advance(2_000);
  const { ended, error } = await reclaimer.look();
  assertEquals([ended.length, error], [1, undefined]);
  assertEquals(await ownersOf(rig), ["alive"]);
  const { kvs } = await rig.ipam.store.range(underPrefix(PREFIXES.addresses));
  assertEquals(kvs.length, 1, "the address is free, that of the other is not");
  await cleanUp(rig);
}

async function recreated(rig: Rig): Promise<void> {
  await own(rig, "back");
  await using reclaimer = await looker(rig);
  await reclaimer.look();
  rig.ipam.advance(500_000);
  await makeWorkload(rig.kube, "StatefulSet", "back");
  await reclaimer.look();
  await rig.kube.delete(workloadPath("StatefulSet", "back"));
  rig.ipam.advance(200_000);
  // Seen alive in between: the grace begins anew.
  assertEquals((await reclaimer.look()).waiting, 1);
  rig.ipam.advance(599_000);
  assertEquals((await reclaimer.look()).ended.length, 0);
  assertEquals(await ownersOf(rig), ["back"]);
  await cleanUp(rig);
}

async function words(rig: Rig): Promise<void> {
  await own(rig, "never", { reclaim: "never" });
  await own(rig, "soon", { reclaim: 0 });
  await own(rig, "hour", { reclaim: 3600 });
  await using reclaimer = await looker(rig);
  assertEquals((await reclaimer.look()).ended.length, 0, "one look is never enough");
  rig.ipam.advance(6_000);
  assertEquals((await reclaimer.look()).ended.map(({ owner }) => owner.name), ["soon"]);
  rig.ipam.advance(3_600_000);
  assertEquals((await reclaimer.look()).ended.map(({ owner }) => owner.name), ["hour"]);
  assertEquals(await ownersOf(rig), ["never"]);
  await cleanUp(rig);
}

async function holders(rig: Rig): Promise<void> {
  const { context } = rig.ipam;
  const owner = ownerOf(rig, "held");
  const request = addRequest("held", { owner });
  await allocate(context, request);
  await using reclaimer = await looker(rig);
  for (let i = 0; i < 3; i++) {
    assertEquals((await reclaimer.look()).looked, 0);
    rig.ipam.advance(3_600_000);
  }
  await release(context, request.attachment, { endedBy: "del" });
  assertEquals((await reclaimer.look()).waiting, 1);
  rig.ipam.advance(599_000);
  const next = addRequest("next", { owner });
  await allocate(context, next);
  await release(context, next.attachment, { endedBy: "del" });
  rig.ipam.advance(2_000);
  assertEquals((await reclaimer.look()).ended.length, 0);
  assertEquals(await ownersOf(rig), ["held"]);
  await cleanUp(rig);
}

async function unknown(rig: Rig): Promise<void> {
  await own(rig, "clone", { reclaim: 0, owner: { group: "apps.kruise.io", kind: "CloneSet" } });
  await own(rig, "lease", { reclaim: 0, owner: { group: "coordination.k8s.io", kind: "Lease" } });
  await own(rig, "other", { reclaim: 0, owner: { cluster: "another" } });
  await using reclaimer = await looker(rig);
  for (let i = 0; i < 3; i++) {
    const { ended, error } = await reclaimer.look();
    assertEquals([ended.length, error], [0, undefined]);
    rig.ipam.advance(60_000);
  }
  assertEquals(await ownersOf(rig), ["clone", "lease", "other"]);
  await cleanUp(rig);
}

async function wrongCluster(rig: Rig): Promise<void> {
  const cluster = crypto.randomUUID();
  await own(rig, "mine", { reclaim: 0, owner: { cluster } });
  {
    await using reclaimer = await looker(rig, { cluster });
    await reclaimer.look();
    rig.ipam.advance(60_000);
    const { ended, error } = await reclaimer.look();
    assertEquals(ended.length, 0);
    assertStringIncludes(error?.message ?? "", "another cluster");
  }
  // A cluster with a name of its own is held to the UID that was seen first.
  await own(rig, "named", { reclaim: 0, owner: { cluster: "east" } });
  {
    await using reclaimer = await looker(rig, { cluster: "east" });
    assertEquals((await reclaimer.look()).error, undefined);
  }
  await using other = await startKubeApi();
  await applyRbac(other);
  await using reclaimer = await looker(rig, { cluster: "east", client: other.as(USERS.ctl) });
  for (let i = 0; i < 3; i++) {
    const { ended, error } = await reclaimer.look();
    assertEquals([ended.length, error?.details["reason"]], [0, "cluster"]);
    rig.ipam.advance(60_000);
  }
  assertEquals(await ownersOf(rig), ["mine", "named"]);
  await cleanUp(rig);
}

async function silent(rig: Rig): Promise<void> {
  await own(rig, "quiet", { reclaim: 0 });
  const { kube } = rig;
  const client = openKubeClient(parseKubeconfig(await kubeconfigOf(kube), "test"), {
    timeoutMs: 500,
  });
  await using reclaimer = await looker(rig, { client });
  assertEquals((await reclaimer.look()).waiting, 1);
  await kube.pause();
  rig.ipam.advance(60_000);
  const paused = await reclaimer.look();
  kube.resume();
  assertEquals([paused.ended.length, paused.error?.kind], [0, "unavailable"]);
  await using refused = await lookerOf(rig, kube.as(USERS.nobody));
  await refused.look();
  rig.ipam.advance(60_000);
  const { ended, error } = await refused.look();
  assertEquals([ended.length, error?.kind], [0, "forbidden"]);
  assertEquals(await ownersOf(rig), ["quiet"]);
  await cleanUp(rig);
}

async function kubeconfigOf(kube: KubeFixture): Promise<unknown> {
  return JSON.parse(await Deno.readTextFile(await kube.writeKubeconfig(USERS.ctl)));
}

/** Beside another one, which leads. */
async function lookerOf(rig: Rig, client: KubeClient): Promise<Looker & AsyncDisposable> {
  const observations: Observations = new Map();
  const guard = { key: "none", target: "create", op: "=", revision: 0 } as const;
  const cluster = rig.kube.uid;
  return await Promise.resolve({
    look: () => reclaimOnce(rig.ipam.context, { client, cluster, observations, guard }),
    [Symbol.asyncDispose]: () => Promise.resolve(client[Symbol.dispose]()),
  });
}

async function leaders(rig: Rig): Promise<void> {
  const { store } = rig.ipam;
  const cluster = rig.kube.uid;
  await own(rig, "contested", { reclaim: 0 });
  await using reclaimer = await looker(rig);
  assertEquals(await becomeLeader(store, { cluster, who: "second" }), undefined);
  await reclaimer.look();
  rig.ipam.advance(60_000);
  // The lease ends, and another one begins.
  await store.txn({ success: [{ delete: { key: reclaimerKey(cluster) } }] });
  const second = await becomeLeader(store, { cluster, who: "second" });
  assertEquals((await reclaimer.look()).ended.length, 0);
  assertEquals(await ownersOf(rig), ["contested"]);
  await second?.resign();
  await cleanUp(rig);
}

async function process(rig: Rig): Promise<void> {
  await own(rig, "last", { reclaim: 0 });
  const ending = new AbortController();
  const texts: string[] = [];
  const faults: string[] = [];
  await runReclaimer(rig.ipam.context, {
    cluster: rig.kube.uid,
    who: "test",
    openClient: () => Promise.resolve(rig.kube.as(USERS.ctl)),
    signal: ending.signal,
    everyMs: 50,
    onLook: () => rig.ipam.advance(10_000),
    onEnded: (_what, text) => {
      texts.push(text);
      ending.abort();
    },
    onFault: (text) => faults.push(text),
  });
  assertEquals(faults, []);
  assertStringIncludes(
    texts[0] ?? "",
    "is free again: StatefulSet.apps shop/last slot 0 eth0 is gone",
  );
  const { kvs } = await rig.ipam.store.range({ key: reclaimerKey(rig.kube.uid) });
  assertEquals(kvs, [], "it has resigned");
}
