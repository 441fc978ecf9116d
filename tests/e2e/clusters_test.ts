/** Two Kubernetes clusters and bare containers in one network, all names being equal. */

import { assert, assertEquals } from "@std/assert";
import { type EquippedHost, requireOk } from "../lab/mod.ts";
import { startBed } from "./bed.ts";
import { addPod } from "./by_hand.ts";
import {
  addresses,
  addressOf,
  attachments,
  historyAddresses,
  podPorts,
  readInterface,
} from "./records.ts";

/** As UIDs of kube-system; the third has no Kubernetes. */
const CLUSTERS = [
  "0d3f1c9e-6c1b-4c0e-9d5e-1f6f9f1f0a01",
  "7be0a8d2-54a5-4b83-8f0b-2a9e3c5d0b02",
  "local",
] as const;

/** What a kubelet's runtime says of a pod, but for its UID the same in both clusters. */
const K8S_ARGS = {
  IgnoreUnknown: "1",
  K8S_POD_NAMESPACE: "shop",
  K8S_POD_NAME: "web-0",
  K8S_POD_INFRA_CONTAINER_ID: "c0ffee",
} as const;

/** Node name, container id, conf and interface are the same on each host. */
const CALL = {
  containerId: "c0ffee",
  conf: { name: "fabric", network: "vlan100", config: "/etc/fabric/config.yaml" },
} as const;

Deno.test("clusters and bare containers with equal names share a network", async (t) => {
  await using lab = await startBed({
    hosts: CLUSTERS.map((cluster) => ({ cluster })),
    install: (host) => ({ config: { node: "node1", cluster: host.plan.cluster } }),
  });
  const [host1, host2, host3] = [lab.host(0), lab.host(1), lab.host(2)];
  const uid = () => crypto.randomUUID();
  const pods = await Promise.all([
    addPod(host1, { ...CALL, args: { ...K8S_ARGS, K8S_POD_UID: uid() } }),
    addPod(host2, { ...CALL, args: { ...K8S_ARGS, K8S_POD_UID: uid() } }),
    addPod(host3, CALL),
  ]);
  const [one, two, bare] = pods;

  await t.step("each has addresses and a MAC of its own, and they are neighbours", async () => {
    const all = await Promise.all(pods.map((pod) => readInterface(pod)));
    assertEquals(new Set(all.flatMap((it) => it.addresses)).size, 6);
    assertEquals(new Set(all.map(({ mac }) => mac)).size, 3);
    for (const family of [4, 6] as const) {
      assert(await one.reaches(await addressOf(two, family)));
      assert(await two.reaches(await addressOf(bare, family)));
    }
  });

  await t.step("each cluster sees its own node, pod and container", async () => {
    for (const [i, cluster] of CLUSTERS.entries()) {
      const host = lab.host(i);
      const pod = pods[i];
      assert(pod !== undefined);
      const own = (await readInterface(pod)).addresses;
      const [attachment, ...more] = await attachments(host, "--cluster", cluster);
      assertEquals(more, []);
      assertEquals([attachment?.node, attachment?.containerId], ["node1", "c0ffee"]);
      assertEquals(attachment?.addresses.map(({ address }) => address).sort(), own);
      assertEquals(
        attachment?.pod && [attachment.pod.namespace, attachment.pod.name],
        cluster === "local" ? undefined : ["shop", "web-0"],
      );
      const plain = own.map((address) => address.replace(/\/.*/, ""));
      const recorded = await addresses(host, "--cluster", cluster);
      assertEquals(recorded.map(({ address }) => address).sort(), plain);
      const subject = cluster === "local" ? ["--container", "c0ffee"] : ["--pod", "shop/web-0"];
      assertEquals(await historyAddresses(host1, ...subject, "--cluster", cluster), plain);
    }
    assertEquals((await attachments(host1, "--node", "node1")).length, 3);
  });

  await t.step("GC with nothing valid touches no other cluster's pods of that node", async () => {
    await one.remove();
    const conf = { ...CALL.conf, "cni.dev/valid-attachments": [] };
    requireOk(await host1.fabric("GC", { conf }));
    assertEquals(await clustersLeft(host1), [CLUSTERS[1], CLUSTERS[2]]);
    assertEquals((await podPorts(host2)).length, 1);
    assert(await two.reaches(await addressOf(bare, 4)));
  });

  await t.step("DEL in one cluster leaves the other's pod of that name", async () => {
    requireOk(await two.again("DEL"));
    assertEquals(await clustersLeft(host1), [CLUSTERS[2]]);
    assert(await bare.reaches("10.100.0.1"));
    requireOk(await bare.again("DEL"));
    assertEquals(await clustersLeft(host1), []);
    assertEquals(await addresses(host1), []);
  });
});

async function clustersLeft(host: EquippedHost): Promise<readonly string[]> {
  return (await attachments(host)).map(({ cluster }) => cluster).sort();
}
