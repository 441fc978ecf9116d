/** The shipped RBAC: all of it is needed, and nothing more may be done. */

import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { asFabricError, isKind } from "../../mod/error.ts";
import { presenceOf } from "../../mod/ipam/reclaim/presence.ts";
import type { KubeClient } from "../../mod/kube/client.ts";
import { warnAbout } from "../../mod/kube/event.ts";
import { isFenced } from "../../mod/kube/fenced.ts";
import { readPodIntent } from "../../mod/kube/intent.ts";
import { listObjects } from "../../mod/kube/list.ts";
import { namespacePath } from "../../mod/kube/paths.ts";
import type { KubeFixture, KubeObject } from "../kube_fixture.ts";
import {
  applyRbac,
  makeNamespace,
  makePod,
  makeWorkload,
  ours,
  type OwnerRef,
  rbacObjects,
  startKubeApi,
  USERS,
} from "./bed.ts";

const Role = v.looseObject({
  kind: v.literal("ClusterRole"),
  metadata: v.looseObject({ name: v.string() }),
  rules: v.array(v.looseObject({
    apiGroups: v.array(v.string()),
    resources: v.array(v.string()),
    verbs: v.array(v.string()),
  })),
});

/** What a user does, and what came of it, as text. */
type Probe = (client: KubeClient) => Promise<string>;

Deno.test("the shipped RBAC is enough, all of it is needed, and Secrets cannot be read", async (t) => {
  await using kube = await startKubeApi();
  await applyRbac(kube);
  const probes = { "fabric-plugin": await pluginProbes(kube), "fabric-ctl": ctlProbes() };
  const users = { "fabric-plugin": USERS.plugin, "fabric-ctl": USERS.ctl };
  const roles = rbacObjects().flatMap((object) => {
    const role = v.safeParse(Role, object);
    return role.success ? [{ object, role: role.output }] : [];
  });
  for (const name of ["fabric-plugin", "fabric-ctl"] as const) {
    const found = roles.find(({ role }) => role.metadata.name === name);
    assert(found !== undefined, `deploy/rbac.yaml has no ClusterRole ${name}`);
    using client = kube.as(users[name]);
    const whole = await outcomes(client, probes[name]);
    await t.step(`${name} may do its work`, () => {
      for (const [what, outcome] of Object.entries(whole)) {
        assert(!/forbidden|unknown|by reference/.test(outcome), `${what}: ${outcome}`);
      }
    });
    for (const [i, rule] of found.role.rules.entries()) {
      for (const resource of rule.resources) {
        for (const verb of rule.verbs) {
          await t.step(`${name} needs ${verb} ${resource}`, async () => {
            const rest = without(found.role.rules, { i, resource, verb });
            await put(kube, name, { ...found.object, rules: rest });
            await until(async () => !same(await outcomes(client, probes[name]), whole));
            await put(kube, name, found.object);
            await until(async () => same(await outcomes(client, probes[name]), whole));
          });
        }
      }
    }
    await t.step(`${name} may not read Secrets, nor write anything but Events`, async () => {
      await kube.create("/api/v1/namespaces/shop/secrets", {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: `of-${name}` },
      });
      const forbidden: readonly (() => Promise<unknown>)[] = [
        () => client.get(`/api/v1/namespaces/shop/secrets/of-${name}`),
        () => client.get("/api/v1/secrets"),
        () => client.get("/api/v1/namespaces/shop/configmaps"),
        () => client.get("/api/v1/namespaces/shop/serviceaccounts"),
        () => client.merge("/api/v1/namespaces/shop/pods/bare", { metadata: { labels: {} } }),
        () => client.merge("/api/v1/namespaces/shop", { metadata: { labels: { tier: "gold" } } }),
        () => client.create("/api/v1/namespaces/shop/serviceaccounts/default/token", {}),
      ];
      for (const [index, attempt] of forbidden.entries()) {
        const outcome = await attempt().then(() => "done", (error) => asFabricError(error).kind);
        assertEquals(outcome, "forbidden", `attempt ${index}`);
      }
    });
  }
  await t.step("an aggregated ClusterRole lets a foreign controller be read", () => extend(kube));
});

/** Without one verb for one resource. */
function without(
  rules: v.InferOutput<typeof Role>["rules"],
  { i, resource, verb }: { readonly i: number; readonly resource: string; readonly verb: string },
): readonly KubeObject[] {
  return rules.flatMap((rule, index): readonly KubeObject[] => {
    if (index !== i) return [rule];
    const others = rule.resources.filter((one) => one !== resource);
    const verbs = rule.verbs.filter((one) => one !== verb);
    return [
      ...(others.length === 0 ? [] : [{ ...rule, resources: others }]),
      ...(verbs.length === 0 ? [] : [{ ...rule, resources: [resource], verbs }]),
    ];
  });
}

async function put(kube: KubeFixture, name: string, role: KubeObject): Promise<void> {
  await kube.put(`/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`, role);
}

/** The API server takes a moment to act on a changed role. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error("nothing changed within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function outcomes(
  client: KubeClient,
  probes: Readonly<Record<string, Probe>>,
): Promise<Readonly<Record<string, string>>> {
  const all: Record<string, string> = {};
  for (const [name, probe] of Object.entries(probes)) {
    all[name] = await probe(client).catch((error) => asFabricError(error).kind);
  }
  return all;
}

function same(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

async function pluginProbes(kube: KubeFixture): Promise<Readonly<Record<string, Probe>>> {
  await makeNamespace(kube, "shop");
  const fixed = { annotations: ours({ fixed: "true" }) };
  const deployment = await makeWorkload(kube, "Deployment", "deployment", fixed);
  const cron = await makeWorkload(kube, "CronJob", "cronjob", fixed);
  const owners: Readonly<Record<string, OwnerRef | undefined>> = {
    bare: undefined,
    deployment: await makeWorkload(kube, "ReplicaSet", "deployment-1", { owner: deployment }),
    replicaset: await makeWorkload(kube, "ReplicaSet", "replicaset", fixed),
    statefulset: await makeWorkload(kube, "StatefulSet", "statefulset", fixed),
    daemonset: await makeWorkload(kube, "DaemonSet", "daemonset", fixed),
    cronjob: await makeWorkload(kube, "Job", "cronjob-1", { owner: cron }),
    job: await makeWorkload(kube, "Job", "job", fixed),
    controller: await makeWorkload(kube, "ReplicationController", "controller", fixed),
  };
  await kube.create("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
  const probes: Record<string, Probe> = {
    node: async (client) => String(await isFenced(client, "n1")),
    event: async (client) => {
      const about = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "bare", uid: "u" };
      // Twice: the second one finds the first.
      for (let i = 0; i < 2; i++) {
        await warnAbout(client, about, { reason: "Test", message: "a test", node: "n1", now: 0 });
      }
      return "written";
    },
  };
  for (const [name, owner] of Object.entries(owners)) {
    await makePod(kube, name, owner === undefined ? {} : { owner });
    probes[name] = async (client) => {
      const query = { namespace: "shop", name, uid: undefined, ifname: "eth0", node: "n1" };
      const { ownership: { workload }, wish } = await readPodIntent(client, query);
      const read = workload.object === undefined && owner !== undefined ? "by reference" : "read";
      return `${workload.kind} ${workload.name} ${read} ${wish.fixed}`;
    };
  }
  return probes;
}

function ctlProbes(): Readonly<Record<string, Probe>> {
  const kinds: readonly (readonly [string, string])[] = [
    ["", "Pod"],
    ["", "ReplicationController"],
    ["apps", "ReplicaSet"],
    ["apps", "Deployment"],
    ["apps", "StatefulSet"],
    ["apps", "DaemonSet"],
    ["batch", "Job"],
    ["batch", "CronJob"],
  ];
  const list = (path: string): Probe => async (client) => {
    for await (const _ of listObjects(client, path, (value) => value));
    return "listed";
  };
  return {
    cluster: async (client) => {
      await client.get(namespacePath("kube-system"));
      return "read";
    },
    pods: list("/api/v1/pods"),
    namespaces: list("/api/v1/namespaces"),
    deployments: list("/apis/apps/v1/deployments"),
    ...Object.fromEntries(kinds.map(([group, kind]): [string, Probe] => [
      kind,
      (client) =>
        presenceOf(client, { cluster: "", group, kind, namespace: "shop", name: "nobody" }),
    ])),
  };
}

/** What Kubernetes' controller does with an aggregated ClusterRole is done here by hand. */
async function extend(kube: KubeFixture): Promise<void> {
  await kube.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "clonesets.apps.kruise.io" },
    spec: {
      group: "apps.kruise.io",
      scope: "Namespaced",
      names: { plural: "clonesets", singular: "cloneset", kind: "CloneSet" },
      versions: [{
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      }],
    },
  });
  const path = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets";
  const object = {
    apiVersion: "apps.kruise.io/v1alpha1",
    kind: "CloneSet",
    metadata: { name: "clones", annotations: ours({ fixed: "true" }) },
  };
  let uid = "";
  await until(async () => {
    const made = await kube.create(path, object).catch((error) => {
      if (isKind(error, "not-found")) return undefined;
      throw error;
    });
    uid = /"uid":"([^"]+)"/.exec(JSON.stringify(made) ?? "")?.[1] ?? "";
    return uid !== "";
  });
  const owner = { apiVersion: object.apiVersion, kind: object.kind, name: "clones", uid };
  await makePod(kube, "clone", { owner });
  using client = kube.as(USERS.plugin);
  const read = async (): Promise<boolean> => {
    const query = { namespace: "shop", name: "clone", uid: undefined, ifname: "eth0", node: "n1" };
    const { ownership: { workload }, wish } = await readPodIntent(client, query);
    assertEquals([workload.group, workload.kind], ["apps.kruise.io", "CloneSet"]);
    return wish.fixed;
  };
  assertEquals(await read(), false, "by its reference alone its annotations do not count");
  await put(kube, "fabric-owners", {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "fabric-owners" },
    rules: [{ apiGroups: ["apps.kruise.io"], resources: ["clonesets"], verbs: ["get"] }],
  });
  await until(read);
}
