/** What a user writes: annotations, the nearest wins, and a wrong one is said where people look. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readRate } from "../../mod/host/bandwidth.ts";
import { type EquippedHost, eventually } from "../lab/mod.ts";
import {
  eventsOf,
  type KubeBed,
  makeNamespace,
  makePod,
  makeWorkload,
  ours,
  refusedAdd,
  runPod,
  startKubeBed,
} from "./bed.ts";

Deno.test("annotations of a Pod, its workload and its Namespace", async (t) => {
  await using bed = await startKubeBed({
    hosts: 1,
    networks: {
      dmz: { vlan: 300, subnets: [{ cidr: "10.30.0.0/24", gateway: "10.30.0.1" }] },
    },
  });
  await t.step("without any, the node's default network counts", async () => {
    const pod = await runPod(bed.host(0), await makePod(bed.kube, "plain"));
    assert(pod.addresses[0]?.startsWith("10.100.0."), pod.addresses.join());
    await pod.stop();
  });
  await t.step("network: the nearest wins", () => nearest(bed));
  await t.step("order: arguments, network.<ifname>, network, conflist, default", () => order(bed));
  await t.step("mac and rates are set", () => macAndRates(bed));
  await t.step(
    "a wrong value is an Event and the ADD's error, and nothing stays",
    () => wrong(bed),
  );
  await t.step("a Pod that is gone, is another, or belongs elsewhere is refused", () => guard(bed));
  await t.step("a static Pod is known by its hash", () => mirror(bed));
  await t.step("without the API server, or with it silent, ADD and STATUS say so", () => down(bed));
});

async function nearest(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  await makeNamespace(kube, "near", { annotations: ours({ network: "dmz" }) });
  const namespace = "near";
  const byNamespace = await runPod(host, await makePod(kube, "a", { namespace }));
  assert(byNamespace.addresses[0]?.startsWith("10.30.0."));
  const owner = await makeWorkload(kube, "StatefulSet", "db", {
    namespace,
    annotations: ours({ network: "vlan200" }),
  });
  const byWorkload = await runPod(host, await makePod(kube, "db-0", { namespace, owner }));
  assert(byWorkload.addresses[0]?.startsWith("10.200.0."));
  const annotations = ours({ network: "none,vlan100" });
  // `none` does not exist: the first that reaches the zone counts.
  const byPod = await runPod(host, await makePod(kube, "db-1", { namespace, owner, annotations }));
  assert(byPod.addresses[0]?.startsWith("10.100.0."));
  for (const pod of [byNamespace, byWorkload, byPod]) await pod.stop();
}

async function order(bed: KubeBed): Promise<void> {
  const host = bed.host(0);
  const annotations = ours({ "network": "vlan200", "network.net1": "dmz" });
  const pod = await makePod(bed.kube, "order", { annotations });
  const starts = async (prefix: string, options: Parameters<typeof runPod>[2]): Promise<void> => {
    const running = await runPod(host, pod, options);
    assert(running.addresses[0]?.startsWith(prefix), `${running.addresses} of ${prefix}`);
    await running.sandbox.remove();
  };
  await starts("10.100.0.", { args: { FABRIC_NETWORK: "vlan100" } });
  await starts("10.200.0.", { conf: { network: "vlan100" } });
  await starts("10.30.0.", { ifname: "net1", conf: { network: "vlan100" } });
  await starts("10.100.0.", { ifname: "net2", conf: { network: "vlan100" } });
  await starts("10.100.0.", { ifname: "net2" });
}

async function macAndRates(bed: KubeBed): Promise<void> {
  const host = bed.host(0);
  const pod = await makePod(bed.kube, "limits", {
    annotations: {
      ...ours({ "mac": "02:00:00:00:00:05", "ingress-rate": "10M", "egress-rate": "1.5M" }),
      "kubernetes.io/egress-bandwidth": "7M",
    },
  });
  const { sandbox, stop } = await runPod(host, pod);
  const shown = await sandbox.execOk(["ip", "-br", "link", "show", "eth0"]);
  assertStringIncludes(shown, "02:00:00:00:00:05");
  const run = async (argv: readonly string[]) => ({
    stdout: await sandbox.execOk([...argv]),
    stderr: "",
  });
  assertEquals(await readRate(run, "eth0"), 1_500_000);
  const outside = async (argv: readonly string[]) => ({
    stdout: await host.execOk([...argv]),
    stderr: "",
  });
  const [port = ""] = await portsOf(host);
  assertEquals(await readRate(outside, port), 10_000_000);
  await stop();
}

/** Names of the ports that are pods'. */
async function portsOf(host: EquippedHost): Promise<readonly string[]> {
  const text = await host.execOk([
    ...["ovs-vsctl", "--bare", "--columns=name", "find", "Port"],
    'external_ids:"beyondfabric.io/pod"="shop/limits"',
  ]);
  return text.split(/\s+/).filter((name) => name !== "");
}

async function wrong(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const before = await bed.lab.etcd.etcdctl("get", "", "--from-key", "--keys-only");
  const cases: readonly (readonly [string, string, string])[] = [
    ["ips", "10.100.0.300", "neither an address nor a range"],
    ["ips", "10.100.0.50,10.100.0.50", "twice"],
    ["fixed", "yes", "true"],
    ["mac", "01:00:00:00:00:05", "mac"],
    ["ingress-rate", "100", "out of bounds"],
    ["egress-rate", "fast", "quantity"],
    ["reclaim", "after=1y", "after=10m"],
    ["on-exhausted", "panic", "wait"],
    ["network", "Not A Name", "name of a network"],
    ["netwrok", "vlan100", "did you mean network"],
    ["network", "nowhere", "does not exist"],
    ["ips", "10.200.0.50", "10.200.0.50"],
  ];
  for (const [i, [name, value, says]] of cases.entries()) {
    const pod = await makePod(kube, `wrong-${i}`, { annotations: ours({ [name]: value }) });
    const { msg, details } = await refusedAdd(bed.host(0), pod);
    const text = `${msg}; ${details}`;
    assertStringIncludes(text, says);
    assertStringIncludes(msg, `shop/wrong-${i}`);
    const [event = ""] = await eventsOf(kube, pod);
    assertEquals(event, text, "the Event says the same");
  }
  const after = await bed.lab.etcd.etcdctl("get", "", "--from-key", "--keys-only");
  const keys = (text: string): readonly string[] =>
    text.split("\n").filter((key) =>
      /^\/beyondfabric\.io\/(addresses|owners|attachments|macs|uses)\//.test(key)
    );
  assertEquals(keys(after), keys(before));
}

async function guard(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  const gone = { namespace: "shop", name: "gone", uid: crypto.randomUUID() };
  const missing = await refusedAdd(host, gone);
  assertEquals(missing.code, 121);
  assertStringIncludes(missing.msg, "shop/gone");
  const pod = await makePod(kube, "again");
  const other = await refusedAdd(host, { ...pod, uid: crypto.randomUUID() });
  assertEquals(other.code, 121);
  const elsewhere = await makePod(kube, "elsewhere", { node: "host9" });
  const misplaced = await refusedAdd(host, elsewhere);
  assertEquals(misplaced.code, 121);
  assertStringIncludes(misplaced.msg, "host9");
}

async function mirror(bed: KubeBed): Promise<void> {
  const hash = "0123456789abcdef0123456789abcdef";
  const made = await makePod(bed.kube, "static-host1", {
    node: "host1",
    annotations: {
      "kubernetes.io/config.hash": hash,
      "kubernetes.io/config.mirror": hash,
      ...ours({ fixed: "true" }),
    },
  });
  const first = await runPod(bed.host(0), { ...made, uid: hash });
  await first.stop();
  const second = await runPod(bed.host(0), { ...made, uid: hash });
  assertEquals(second.addresses, first.addresses);
  await second.stop();
}

async function down(bed: KubeBed): Promise<void> {
  const { kube } = bed;
  const host = bed.host(0);
  const pod = await makePod(kube, "down");
  // Its two seconds may be too short on a busy machine.
  await eventually("STATUS is content", async () => (await host.fabric("STATUS")).code === 0);
  await kube.pause();
  const { code, msg } = await refusedAdd(host, pod);
  const status = await host.fabric("STATUS");
  kube.resume();
  assertEquals(code, 120);
  assertStringIncludes(msg, "shop/down");
  assertStringIncludes(status.stdout, "kube");
  assertEquals(status.code, 1);
  const running = await runPod(host, pod);
  // A DEL needs nothing of Kubernetes.
  await kube.pause();
  await running.stop();
  kube.resume();
}
