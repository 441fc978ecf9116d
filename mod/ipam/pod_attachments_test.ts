import { assertEquals } from "@std/assert";
import { addRequest, applyNetwork, startIpam } from "../../tests/ipam_fixture.ts";
import type { Store } from "../etcd/store.ts";
import { allocate } from "./allocate.ts";
import { findMac } from "./find_mac.ts";
import { PREFIXES } from "./keys.ts";
import { attachmentsOfPod, clusterNames } from "./pod_attachments.ts";
import { release } from "./release.ts";

const SUBNETS = [{ cidr: "10.0.0.0/24" }];

/** The store, which notes whether all attachments were read. */
function watched(store: Store): { readonly store: Store; readonly scans: string[] } {
  const scans: string[] = [];
  const noting: Store = {
    range: (request, options) => {
      if (request.key === PREFIXES.attachments) scans.push(request.key);
      return store.range(request, options);
    },
    txn: (request, options) => store.txn(request, options),
    watch: (request) => store.watch(request),
    grantLease: (ttl) => store.grantLease(ttl),
    revokeLease: (id) => store.revokeLease(id),
    keepLeaseAlive: (id) => store.keepLeaseAlive(id),
    status: () => store.status(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { store: noting, scans };
}

Deno.test("attachmentsOfPod() finds all interfaces of a pod by lookup, in its own cluster", async () => {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 10, subnets: SUBNETS });
  const pod = { namespace: "web", name: "shop-1", uid: "u1" };
  const base = addRequest("c1", { pod });
  await allocate(context, base);
  const net1 = { ...base.attachment, ifname: "net1" };
  await allocate(context, { ...base, attachment: net1 });
  const other = { ...base.attachment, cluster: "other", containerId: "c2" };
  await allocate(context, { ...base, attachment: other });
  await allocate(context, addRequest("c3", { pod: { ...pod, name: "shop-2" } }));

  const { store, scans } = watched(fixture.store);
  const clusters = [...await clusterNames(store)].sort();
  assertEquals(clusters, ["local", "other"]);
  const find = async (clusters: readonly string[], name = "shop-1"): Promise<readonly string[]> => {
    const found = await attachmentsOfPod(store, { namespace: "web", name, clusters });
    return found.map(({ key }) => key).sort();
  };
  const own = ["attachments/local/n1/c1/eth0", "attachments/local/n1/c1/net1"];
  assertEquals(await find(["local"]), own);
  assertEquals(await find(clusters), [...own, "attachments/other/n1/c2/eth0"]);
  assertEquals(await find(clusters, "shop"), []);
  await release(context, base.attachment, { endedBy: "del" });
  assertEquals(await find(["local"]), ["attachments/local/n1/c1/net1"]);
  await release(context, net1, { endedBy: "del" });
  assertEquals(await find(["local"]), []);
  assertEquals(scans, []);
});

Deno.test("attachmentsOfPod() finds a pod whose address belongs to its workload", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  await applyNetwork(context, "pods", { vlan: 10, subnets: SUBNETS });
  const owner = {
    cluster: "local",
    group: "apps",
    kind: "StatefulSet",
    namespace: "db",
    name: "pg",
    ifname: "eth0",
  };
  for (const slot of ["0", "1"]) {
    const pod = { namespace: "db", name: `pg-${slot}`, uid: `u${slot}` };
    await allocate(context, addRequest(`c${slot}`, { pod, owner: { ...owner, slot } }));
  }
  const deployment = { ...owner, kind: "Deployment", name: "web-shop", slot: "7" };
  const pod = { namespace: "db", name: "web-shop-5f6c8-k8q2m", uid: "u2" };
  await allocate(context, addRequest("c2", { pod, owner: deployment }));
  const find = async (name: string): Promise<readonly string[]> => {
    const found = await attachmentsOfPod(store, { namespace: "db", name, clusters: ["local"] });
    return found.map(({ key }) => key);
  };
  assertEquals(await find("pg-1"), ["attachments/local/n1/c1/eth0"]);
  assertEquals(await find("web-shop-5f6c8-k8q2m"), ["attachments/local/n1/c2/eth0"]);
  assertEquals(await find("web-shop-5f6c8-k8q2n"), []);
  assertEquals(await find("pg-2"), []);
});

Deno.test("findMac() finds a MAC in every segment that has it", async () => {
  await using fixture = await startIpam();
  const { context, store } = fixture;
  const mac = "0a:58:0a:00:00:63";
  for (const [i, name] of ["a", "b"].entries()) {
    const subnets = [{ cidr: `10.${i}.0.0/24` }];
    await applyNetwork(context, name, { vlan: 10 + i, subnets });
    await allocate(context, addRequest(`c-${name}`, { networks: [name], mac }));
  }
  const found = await findMac(store, mac);
  assertEquals(
    found.map(({ physicalNetwork, vlan, record }) => [
      physicalNetwork,
      vlan,
      record.holder?.containerId,
    ]),
    [["prod", 10, "c-a"], ["prod", 11, "c-b"]],
  );
  assertEquals(await findMac(store, "0a:58:0a:00:00:64"), []);
});
