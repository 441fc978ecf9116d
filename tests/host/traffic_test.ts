import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../mod/error.ts";
import {
  addLeakFilter,
  addVeth,
  delLeakFilter,
  delLink,
  hasLeakFilter,
  limitTrafficToPod,
  readRate,
  shaperOf,
} from "../../mod/host/mod.ts";
import { type Netns, startNetns, startOvs, until } from "../ovs_fixture.ts";
import { attach } from "./attach.ts";

const ONE = { mac: "02:00:0a:00:00:01", vlan: 5, addresses: ["10.0.0.1/24", "2001:db8::1/64"] };
const TWO = { mac: "02:00:0a:00:00:02", vlan: 5, addresses: ["10.0.0.2/24", "2001:db8::2/64"] };

Deno.test("pods on a netdev switch ping and talk TCP, with their tx offload off", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using one = await startNetns();
  await using two = await startNetns();
  await attach(host, { pod: one, ...ONE });
  await attach(host, { pod: two, ...TWO });
  await one.exec("ping -c1 -w5 10.0.0.2; ping -6 -c1 -w5 2001:db8::2");
  await using _server = await listen(two);
  await one.exec("timeout 5 iperf3 -n 1M -c 10.0.0.2");
  await one.exec("timeout 5 iperf3 -n 1M -c 2001:db8::2");
  const features = await one.exec("ethtool -k eth0");
  assertEquals(/tx-checksumming: (\w+)/.exec(features)?.[1], "off");
});

Deno.test("jumbo frames pass between pods beside a pod of 1400", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using small = await startNetns();
  await using one = await startNetns();
  await using two = await startNetns();
  const three = { ...ONE, mac: "02:00:0a:00:00:03", addresses: ["10.0.0.3/24"] };
  await attach(host, { pod: small, ...three, mtu: 1400 });
  await attach(host, { pod: one, ...ONE, mtu: 9000 });
  await attach(host, { pod: two, ...TWO, mtu: 9000 });
  await one.exec("ping -c1 -w5 -M do -s 8972 10.0.0.2; ping -c1 -w5 -M do -s 1372 10.0.0.3");
});

Deno.test("a pod of the untagged network cannot send into a VLAN", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using untagged = await startNetns();
  await using tagged = await startNetns();
  await using other = await startNetns();
  await attach(host, { pod: untagged, ...ONE, vlan: 0 });
  await attach(host, { pod: other, ...TWO, vlan: 0 });
  await attach(host, { pod: tagged, ...TWO, vlan: 5 });
  await untagged.exec("ping -c1 -w5 10.0.0.2");
  // A frame of VLAN 5, made by hand: the kernel here has no VLAN devices.
  const frame = "ffffffffffff" + "02000a000001" + "81000005" + "0806" +
    "0001080006040001" + "02000a000001" + "0a000001" + "000000000000" + "0a000002";
  const count = async (): Promise<number> =>
    JSON.parse(await tagged.exec("ip -j -s link show eth0"))[0].stats64.rx.packets;
  const before = await count();
  await untagged.exec(`python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for _ in range(5): s.send(bytes.fromhex("${frame}").ljust(60, b"\\0"))
'`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assertEquals(await count(), before);
});

Deno.test("the leak filter keeps the host's addresses from answering into a pod's VLAN", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using pod = await startNetns();
  await using other = await startNetns();
  await host.exec("ip link add mgmt type veth peer name mgmt1; ip link set mgmt up");
  await host.exec("ip link set mgmt1 up; ip addr add 10.0.0.77/24 dev mgmt");
  const device = await attach(host, { pod, ...ONE, leakFilter: false });
  await attach(host, { pod: other, ...TWO });
  const asks = async (): Promise<boolean> => {
    await pod.exec("ip neigh flush dev eth0; ping -c1 -W1 10.0.0.77 >/dev/null || true");
    return /10\.0\.0\.77 lladdr/.test(await pod.exec("ip neigh show 10.0.0.77 dev eth0"));
  };
  assertEquals(await asks(), true, "without the filter there is nothing to test");
  await addLeakFilter(host.run, device);
  assertEquals(await asks(), false);
  await pod.exec("ping -c1 -W1 10.0.0.2");
});

Deno.test("a leak filter is added and removed as often as one likes, side by side", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const names = Array.from({ length: 16 }, (_, index) => `fb${index}`);
  for (const [index, name] of names.entries()) {
    const mac = "02:00:0a:00:00:01";
    await addVeth(host.run, { host: name, peer: `e${index}`, netns: pod.path, mac, mtu: 1500 });
  }
  await Promise.all(names.flatMap((name) => [name, name]).map((n) => addLeakFilter(host.run, n)));
  assertEquals(await hasLeakFilter(host.run, "fb3"), true);
  await Promise.all(names.map((name) => delLink(host.run, name)));
  await Promise.all(names.map((name) => delLeakFilter(host.run, name)));
  assertEquals(await delLeakFilter(host.run, "fb3"), false);
  assertEquals(await hasLeakFilter(host.run, "fb3"), false);
  const left = await host.exec("nft list ruleset");
  assert(!left.includes("chain"), left);
});

Deno.test("shaperOf() chooses the burst, and refuses what is no rate", async () => {
  assertEquals(shaperOf(10_000_000), { rate: 10_000_000, burst: 16_384, limit: 81_920 });
  assertEquals(shaperOf(500_000_000).burst, 250_000);
  for (const rate of [0, -1, 1.5, 999, 1e15]) {
    await assertRejects(async () => await shaperOf(rate), FabricError, "out of bounds");
  }
});

Deno.test("rate limits hold to 2 % at layer 2, both ways, over a restart of vswitchd", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using server = await startNetns();
  await attach(host, { pod: server, ...TWO });
  for (const rate of [10_000_000, 50_000_000]) {
    await using pod = await startNetns();
    const shaper = shaperOf(rate);
    const device = await attach(host, { pod, ...ONE, egress: shaper, noopQos: true });
    await limitTrafficToPod(host.run, { device, shaper });
    await assertRates(pod, { rate, server });
    await host.killVswitchd();
    await host.startVswitchd();
    await until("the pod is connected again", () => reaches(pod, "10.0.0.2"));
    assertEquals([await readRate(host.run, device), await readRate(pod.run, "eth0")], [rate, rate]);
    if (rate === 10_000_000) await assertRates(pod, { rate, server });
  }
});

/** Loads both directions and compares the device's own byte counters with the rate. */
async function assertRates(
  pod: Netns,
  { rate, server }: { readonly rate: number; readonly server: Netns },
): Promise<void> {
  await using _listening = await listen(server);
  // UDP, since what TCP makes of a limit on a busy machine is its own affair.
  const load = `iperf3 -u --bidir -t 20 -b ${Math.round(rate * 1.5)} -c 10.0.0.2`;
  await using _load = pod.background(["sh", "-c", `exec ${load}`]);
  const read = async (): Promise<{ readonly rx: number; readonly tx: number; at: number }> => {
    const { rx, tx } = JSON.parse(await pod.exec("ip -j -s link show dev eth0"))[0].stats64;
    return { rx: rx.bytes, tx: tx.bytes, at: performance.now() };
  };
  const idle = await read();
  await until("the load runs", async () => {
    const { rx, tx } = await read();
    return Math.min(rx - idle.rx, tx - idle.tx) > rate / 8 / 5;
  });
  // Never more than the limit. Less in a window only says that the busy machine sent less.
  const reached = new Set<string>();
  for (let window = 0; window < 6 && reached.size < 2; window++) {
    const start = await read();
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const end = await read();
    for (const direction of ["rx", "tx"] as const) {
      const bits = (end[direction] - start[direction]) * 8;
      const measured = bits / ((end.at - start.at) / 1_000) / rate;
      assert(measured < 1.02, `${direction}: ${measured} of ${rate} bit/s`);
      if (measured > 0.98) reached.add(direction);
    }
  }
  assertEquals(reached.size, 2, `only ${[...reached]} reached 98 % of ${rate} bit/s`);
}

async function listen(pod: Netns): Promise<AsyncDisposable> {
  const server = pod.background(["iperf3", "-s"]);
  await until("iperf3 listens", async () => (await pod.exec("ss -Hltn sport = :5201")) !== "");
  return server;
}

async function reaches(pod: Netns, address: string): Promise<boolean> {
  return (await pod.exec(`ping -c1 -W1 ${address} >/dev/null && echo yes || true`)) === "yes\n";
}
