/** Services of every kind in a real cluster, for every pair of a client and a way to the server. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type EquippedHost, eventually, type Lab } from "../lab/mod.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { CLUSTER_DIR, KUBECTL, SERVICE_CIDRS } from "./control_plane.ts";
import { EMPTY_IPS } from "./service_objects.ts";
import { walkUntil } from "./service_probes.ts";
import { expectedCells, formatCells } from "./service_table.ts";
import { makeServiceWorld, type ServiceWorld } from "./service_world.ts";
import { faultsOf, record, type WireRules } from "./uplink_frames.ts";

/** What only nodes and their Pods know: Services, and the next hops towards them. */
const NEVER_ON_A_WIRE = [...SERVICE_CIDRS, "169.254.0.0/16", "fe80::fab:1/128"];
/** A node's frames into its own network that are not the node's. */
const NOT_AS_NODE = ["172.31.0.0/24", "fd00:31::/64", "fe80::/10", "::/128"]
  .map((net) => `not src net ${net}`).join(" and ");
const HOP_MACS = ["01:80:c2:00:00:0f", "0e:fa:b0:00:00:01"];

Deno.test("Services of every kind work on the underlay", async (t) => {
  await using cluster = await startCluster({ services: true, proxy: "nftables", patient: true });
  const { lab, nodes } = cluster;
  const uplinks = await Promise.all(lab.hosts.map((host) => record(host, "eth1")));
  const management = await Promise.all(
    lab.hosts.map((host) => record(host, "eth0", "--direction=out", NOT_AS_NODE)),
  );
  const world = await makeServiceWorld(cluster);
  const expected = expectedCells();
  const walkAll = async () => {
    const cells = await walkUntil(world, expected);
    const isAsExpected = [...expected].every(([key, word]) => cells.get(key) === word);
    assert(isAsExpected, `\n${formatCells(cells, expected)}`);
  };

  await t.step("kube-proxy with nftables: servers see whom the table says", walkAll);

  await t.step(
    "Pods reach Services by name, and the API server by its Service",
    () => checkNames(cluster, world),
  );

  await t.step("a Service without a server refuses, and keeps nobody waiting", async () => {
    for (const name of ["here", "far", "vlan", "node1"] as const) {
      for (const host of [EMPTY_IPS[4], `[${EMPTY_IPS[6]}]`]) {
        const { code } = await world.clients[name].place.exec(["curl", "-sm30", `http://${host}/`]);
        // 7: it could not connect; 28: it waited in vain.
        assertEquals(code, 7, `${name} to ${host}`);
      }
    }
  });

  await t.step("exec, logs and port-forward work", () => checkKubectl(cluster));

  await t.step("kube-proxy with iptables: servers see whom the table says", async () => {
    await Promise.all(nodes.map((node) => node.changeProxy("iptables")));
    await walkAll();
  });

  await t.step("by the kubelets' probes every Pod has lived all the time", async () => {
    const path = "-o=jsonpath={.items[*].status.containerStatuses[*].restartCount}";
    assertMatch(await cluster.kubectl("get", "pods", path), /^(0 ?)+$/);
  });

  await t.step("the wires have seen Pods as plain hosts, and nothing of Services", async () => {
    const rules = await rulesOf(lab, world);
    for (const recording of uplinks) {
      const frames = await recording.end();
      assert(frames.length > 1000, `${frames.length} frames`);
      assertEquals(faultsOf(frames, rules), []);
    }
  });

  await t.step("by the nodes' own network Pods leave in their node's name only", async () => {
    for (const recording of management) assertEquals(await recording.end(), []);
  });
});

async function checkNames(cluster: Cluster, { clients }: ServiceWorld): Promise<void> {
  for (const pod of ["here", "far", "vlan"] as const) {
    const url = "http://anywhere/hostname";
    const said = await cluster.kubectl("exec", pod, "--", "wget", "-qO-", url);
    assertEquals(said.trim(), "self");
    const api = ["curl", "-skm30", "https://10.96.0.1/version"];
    assertMatch(await clients[pod].place.execOk(api), /"gitVersion"/);
  }
}

async function checkKubectl(cluster: Cluster): Promise<void> {
  assertEquals((await cluster.kubectl("exec", "far", "--", "hostname")).trim(), "far");
  assertMatch(await cluster.kubectl("logs", "self", "--tail=50"), /GET \/readyz/);
  const place = cluster.lab.management;
  await using forward = place.start([
    KUBECTL,
    `--kubeconfig=${CLUSTER_DIR}/admin.conf`,
    "port-forward",
    "pod/vlan-far",
    "18080:8080",
  ]);
  await forward.until(/Forwarding from 127\.0\.0\.1/, 60_000);
  const said = await eventually("the forwarded port answers", async () => {
    const { code, stdout } = await place.exec(["curl", "-sm5", "http://127.0.0.1:18080/hostname"]);
    return code === 0 && stdout;
  });
  assertEquals(said, "vlan-far");
}

/** Everybody who may send on the wires of the nodes. */
async function rulesOf(lab: Lab, world: ServiceWorld): Promise<WireRules> {
  const { legacy, outside } = world.clients;
  const stations = new Map<string, ReadonlySet<string> | undefined>();
  for (const { place, addresses } of [legacy, outside]) {
    const [mac] = macsIn(await place.execOk(["ip", "-o", "link", "show", "eth0"]));
    if (mac !== undefined) stations.set(mac, new Set([addresses[4], addresses[6]]));
  }
  for (const mac of macsIn(await lab.router.execOk(["ip", "-o", "link"]))) {
    stations.set(mac, undefined);
  }
  for (const host of lab.hosts) {
    for (const [mac, addresses] of await sandboxesOf(host)) stations.set(mac, addresses);
  }
  return { stations, forbidden: NEVER_ON_A_WIRE, forbiddenMacs: HOP_MACS };
}

function macsIn(text: string): readonly string[] {
  return [...text.matchAll(/link\/ether ([0-9a-f:]{17})/g)].map(([, mac]) => mac ?? "");
}

/** MACs and addresses of all Pods of a node, cluster DNS among them. */
async function sandboxesOf(host: EquippedHost) {
  const text = await host.execOk(`for netns in /run/netns/cni-*; do
    echo "$(nsenter --net="$netns" -- ip -o link show eth0) " \\
      $(nsenter --net="$netns" -- ip -o address show dev eth0)
  done`);
  return text.trim().split("\n").map((line): [string, ReadonlySet<string>] => [
    macsIn(line)[0] ?? "",
    new Set([...line.matchAll(/ inet6? ([^/ ]+)/g)].map(([, address]) => address ?? "")),
  ]);
}
