/** The check of the store against a real API server: each kind is caused, and found by its code. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FabricError } from "../../mod/error.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { checkKubernetes } from "../../mod/ipam/check/kubernetes/check.ts";
import { release } from "../../mod/ipam/release.ts";
import { formatAddress } from "../../mod/ip/address.ts";
import { addRequest, applyNetwork, type IpamFixture, startIpam } from "../ipam_fixture.ts";
import type { KubeFixture } from "../kube_fixture.ts";
import {
  type ApiPod,
  applyRbac,
  forceDelete,
  makeNamespace,
  makePod,
  makeWorkload,
  ours,
  startKubeApi,
  USERS,
} from "./bed.ts";

interface Rig {
  readonly ipam: IpamFixture;
  readonly kube: KubeFixture;
}

interface Case {
  readonly code: string;
  /** What the finding is about. */
  readonly object: string;
  readonly detail: string;
  /** Causes it; returns what takes it back. */
  readonly cause: (rig: Rig) => Promise<() => Promise<unknown>>;
}

/** The Pod runs: Kubernetes has its addresses. */
async function report(
  { kube }: Rig,
  pod: ApiPod,
  ips: readonly string[],
): Promise<void> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`;
  const now = await kube.client.get(path);
  if (typeof now !== "object" || now === null) throw new Error("no Pod");
  const podIPs = ips.map((ip) => ({ ip }));
  const status = { phase: "Running", podIP: ips[0] ?? "", podIPs };
  await kube.put(`${path}/status`, { ...now, status });
}

/** Attaches the Pod's sandbox; its address. */
async function attach({ ipam, kube }: Rig, pod: ApiPod, node = "n1"): Promise<string> {
  const request = addRequest(`of-${pod.uid}`, {
    attachment: { cluster: kube.uid, node, containerId: `of-${pod.uid}`, ifname: "eth0" },
    pod: { ...pod },
  });
  const { addresses: [first] } = await allocate(ipam.context, request);
  return first === undefined ? "" : formatAddress(first.address);
}

function detach({ ipam, kube }: Rig, pod: ApiPod, node = "n1"): Promise<unknown> {
  const ref = { cluster: kube.uid, node, containerId: `of-${pod.uid}`, ifname: "eth0" };
  return release(ipam.context, ref, { endedBy: "del", cool: false });
}

const CASES: readonly Case[] = [
  {
    code: "F-K-01",
    object: "Pod shop/alone",
    detail: "it has 10.0.0.77 on node n1, and no attachment",
    cause: async (rig) => {
      const pod = await makePod(rig.kube, "alone", { node: "n1" });
      await report(rig, pod, ["10.0.0.77"]);
      return () => forceDelete(rig.kube, pod);
    },
  },
  {
    code: "F-K-02",
    object: "Pod shop/other",
    detail: "Kubernetes has 10.0.0.78, we have 10.0.0.",
    cause: async (rig) => {
      const pod = await makePod(rig.kube, "other", { node: "n1" });
      await attach(rig, pod);
      await report(rig, pod, ["10.0.0.78"]);
      return async () => {
        await detach(rig, pod);
        await forceDelete(rig.kube, pod);
      };
    },
  },
  {
    code: "F-K-03",
    object: "address 192.0.2.9",
    detail: "shop/twin-a",
    cause: async (rig) => {
      const pods = [
        await makePod(rig.kube, "twin-a", { node: "n1" }),
        await makePod(rig.kube, "twin-b", { node: "n2" }),
      ];
      for (const pod of pods) await report(rig, pod, ["192.0.2.9"]);
      return async () => {
        for (const pod of pods) await forceDelete(rig.kube, pod);
      };
    },
  },
  {
    code: "F-K-04",
    object: "Pod shop/lost",
    detail: "it runs on n2, its attachment is on n1",
    cause: async (rig) => {
      const pod = await makePod(rig.kube, "lost", { node: "n2" });
      await report(rig, pod, [await attach(rig, pod)]);
      return async () => {
        await detach(rig, pod);
        await forceDelete(rig.kube, pod);
      };
    },
  },
  {
    code: "F-K-05",
    object: "StatefulSet.apps shop/gone slot 0 eth0",
    detail: "of network pods is kept for it",
    cause: async ({ ipam, kube }) => {
      const owner = {
        ...{ cluster: kube.uid, group: "apps", kind: "StatefulSet", namespace: "shop" },
        ...{ name: "gone", slot: "0", ifname: "eth0" },
      };
      const request = addRequest("owned", { owner });
      await allocate(ipam.context, request);
      await release(ipam.context, request.attachment, { endedBy: "del" });
      return () => makeWorkload(kube, "StatefulSet", "gone");
    },
  },
  {
    code: "F-K-06",
    object: "Namespace nowhere",
    detail: "it names atlantis",
    cause: async ({ kube }) => {
      await makeNamespace(kube, "nowhere", { annotations: ours({ network: "atlantis" }) });
      return () =>
        kube.client.merge("/api/v1/namespaces/nowhere", {
          metadata: { annotations: ours({ network: "pods" }) },
        });
    },
  },
  {
    code: "F-K-07",
    object: "Deployment shop/tight",
    detail: "it lists 4 addresses, and 4 replicas with surge 1 need 5",
    cause: async ({ kube }) => {
      await makeWorkload(kube, "Deployment", "tight", {
        annotations: ours({ ips: "10.0.0.10-10.0.0.13" }),
        spec: { replicas: 4 },
      });
      return () =>
        kube.client.merge("/apis/apps/v1/namespaces/shop/deployments/tight", {
          spec: { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } },
        });
    },
  },
  {
    code: "F-K-08",
    object: "Pod shop/former on node n1",
    detail: "it does not exist",
    cause: async (rig) => {
      const pod = { namespace: "shop", name: "former", uid: crypto.randomUUID() };
      await attach(rig, pod);
      return () => detach(rig, pod);
    },
  },
];

Deno.test("check finds what does not fit between the store and Kubernetes", async (t) => {
  await using ipam = await startIpam();
  await using kube = await startKubeApi();
  await applyRbac(kube);
  await makeNamespace(kube, "shop");
  await applyNetwork(ipam.context, "pods", {
    vlan: 100,
    subnets: [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1", ranges: ["10.0.0.100-10.0.0.200"] }],
  });
  const rig = { ipam, kube };
  using client = kube.as(USERS.ctl);
  const check = async () => {
    const { findings } = await checkKubernetes(ipam.context, {
      client,
      cluster: kube.uid,
      betweenMs: 50,
    });
    return findings;
  };
  const healthy = await makePod(kube, "healthy", { node: "n1" });
  await report(rig, healthy, [await attach(rig, healthy)]);
  for (const { code, object, detail, cause } of CASES) {
    await t.step(`${code} ${object}`, async () => {
      assertEquals(await check(), [], "all is well before");
      const undo = await cause(rig);
      const found = (await check()).filter((one) => one.kind.code === code);
      assertEquals(found.map((one) => one.object), [object]);
      assertStringIncludes(found[0]?.detail ?? "", detail);
      await undo();
    });
  }
  await t.step("what is so at one look only is no finding", async () => {
    const pod = await makePod(kube, "passing", { node: "n1" });
    await report(rig, pod, ["10.0.0.79"]);
    const checking = checkKubernetes(ipam.context, { client, cluster: kube.uid, betweenMs: 1_500 });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await forceDelete(kube, pod);
    assertEquals((await checking).findings, []);
  });
  await t.step("another cluster's API server is refused", async () => {
    const cluster = crypto.randomUUID();
    const error = await assertRejects(
      () => checkKubernetes(ipam.context, { client, cluster }),
      FabricError,
    );
    assertEquals(error.details["reason"], "cluster");
  });
});
