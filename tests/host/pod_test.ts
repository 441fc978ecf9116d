import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../mod/error.ts";
import {
  addVeth,
  type ConfiguredPod,
  configurePod,
  type PodInterface,
  readPod,
  run,
  sourceTableOf,
} from "../../mod/host/mod.ts";
import { type Netns, startNetns, until } from "../ovs_fixture.ts";

const POD: PodInterface = {
  ifname: "eth0",
  mac: "02:00:0a:00:00:05",
  addresses: ["10.0.0.5/24", "2001:db8::5/64"],
  gateways: ["10.0.0.1", "192.0.2.1", "2001:db8:ff::1"].slice(0, 1),
  defaultRoute: true,
  routes: [],
};

/** A pair between two namespaces, set up inside the pod. */
async function setUp(
  host: Netns,
  options: { readonly pod: Netns; readonly settings?: Partial<PodInterface>; readonly at?: number },
): Promise<ConfiguredPod> {
  const { pod, settings = {}, at = 0 } = options;
  const wanted = { ...POD, ...settings };
  const { ifname } = wanted;
  const netns = pod.path;
  await addVeth(host.run, { host: `fb${at}`, peer: ifname, netns });
  const connected = Promise.resolve();
  return await configurePod(host.run, wanted, { netns, ifname, connected, txOffload: true });
}

Deno.test("configurePod() sets up both families, readPod() reads them back", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const gateways = ["192.0.2.1", "2001:db8:ff::1"];
  const routes = [{ destination: "10.9.0.0/16", gateway: "10.0.0.254" }];
  await setUp(host, { pod, settings: { gateways, routes } });
  assertEquals(await readPod(host.run, { netns: pod.path, ifname: "eth0" }), {
    up: true,
    mac: "02:00:0a:00:00:05",
    mtu: 1500,
    addresses: ["10.0.0.5/24", "2001:db8::5/64"],
    routes: [
      { destination: "0.0.0.0/0", gateway: "192.0.2.1", table: "main" },
      { destination: "10.9.0.0/16", gateway: "10.0.0.254", table: "main" },
      { destination: "::/0", gateway: "2001:db8:ff::1", table: "main" },
    ],
    rules: [],
  });
  const all = await pod.exec("ip -o addr show");
  assert(all.includes("inet6 fe80::aff:fe00:5/64"), all);
  assert(all.includes("inet 127.0.0.1/8"), all);
  assert(!all.includes("tentative"), all);
});

Deno.test("configurePod() takes no word of routers, and keeps IPv6 off without addresses", async () => {
  await using host = await startNetns();
  await using six = await startNetns();
  await using four = await startNetns();
  await setUp(host, { pod: six });
  await setUp(host, { pod: four, settings: { addresses: ["10.0.0.5/24"] }, at: 1 });
  const read = (pod: Netns, name: string): Promise<string> =>
    pod.exec(["cat", `/proc/sys/net/ipv6/conf/eth0/${name}`]);
  for (const name of ["accept_ra", "autoconf", "accept_dad", "disable_ipv6"]) {
    assertEquals(await read(six, name), "0\n", name);
  }
  assertEquals(await read(four, "disable_ipv6"), "1\n");
  assertEquals(await four.exec("ip -6 -o addr show dev eth0"), "");
});

Deno.test("configurePod() puts IPv6 on where the runtime had it off", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await pod.exec("for c in all default; do echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done");
  await setUp(host, { pod });
  const state = await readPod(host.run, { netns: pod.path, ifname: "eth0" });
  assertEquals(state?.addresses, ["10.0.0.5/24", "2001:db8::5/64"]);
});

Deno.test("configurePod() routes answers of a further interface by their source", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await setUp(host, { pod, settings: { gateways: ["10.0.0.1", "2001:db8::1"] } });
  const sourceTable = sourceTableOf("net1");
  const second = {
    ifname: "net1",
    mac: "02:00:0a:01:00:05",
    addresses: ["10.1.0.5/24", "2001:db8:1::5/64"],
    gateways: ["10.1.0.1", "2001:db8:1::1"],
    defaultRoute: false,
    sourceTable,
  };
  await setUp(host, { pod, settings: second, at: 1 });
  const way = async (what: string): Promise<string> =>
    (await pod.exec(`ip route get ${what}`)).replace(/^.* (via \S+ dev \S+) .*$/s, "$1").trim();
  assertEquals(await way("203.0.113.9"), "via 10.0.0.1 dev eth0");
  assertEquals(await way("203.0.113.9 from 10.1.0.5"), "via 10.1.0.1 dev net1");
  assertEquals(await way("2001:db8:9::9 from 2001:db8:1::5"), "via 2001:db8:1::1 dev net1");
  assertEquals(await way("2001:db8:9::9 from 2001:db8::5"), "via 2001:db8::1 dev eth0");
  const state = await readPod(host.run, { netns: pod.path, ifname: "net1" });
  assertEquals(state?.rules.map(({ from }) => from), ["10.1.0.5", "2001:db8:1::5"]);

  // What a call that was killed leaves behind does not stop the next one.
  await host.exec("ip link del fb1");
  assert((await pod.exec("ip rule")).includes("10.1.0.5"));
  await setUp(host, { pod, settings: { ...second, addresses: ["10.1.0.6/24"] }, at: 1 });
  const rules = await pod.exec("ip rule; ip -6 rule");
  assert(rules.includes("10.1.0.6") && !rules.includes("10.1.0.5"), rules);
  assert(!rules.includes("2001:db8:1::5"), rules);
});

Deno.test("configurePod() gives the default route to the first interface, whoever made it", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const first = { ...POD, defaultRoute: "first", gateways: ["10.0.0.1", "2001:db8::1"] } as const;
  const defaults = async (): Promise<string> =>
    (await pod.exec("ip route show default; ip -6 route show default")).replace(/ metric.*/g, "");
  const net = (at: number, settings: Partial<PodInterface>): Partial<PodInterface> => ({
    ...first,
    ifname: `net${at}`,
    sourceTable: sourceTableOf(`net${at}`),
    mac: `02:00:0a:00:0${at}:05`,
    ...settings,
  });

  // Without a gateway it has no default route, and is not the first.
  const quiet = net(1, { gateways: [], addresses: ["10.1.0.5/24", "2001:db8:1::5/64"] });
  assertEquals(await setUp(host, { pod, settings: quiet, at: 1 }), { defaultRoute: true });
  assertEquals(await defaults(), "");
  // One that was told to keep out of it has default routes in its own table only.
  const told = net(2, {
    defaultRoute: false,
    addresses: ["10.2.0.5/24", "2001:db8:2::5/64"],
    gateways: ["10.2.0.1", "2001:db8:2::1"],
  });
  assertEquals(await setUp(host, { pod, settings: told, at: 2 }), { defaultRoute: false });
  assertEquals(await defaults(), "");
  const six = net(3, { addresses: ["2001:db8::5/64"], gateways: ["2001:db8::1"] });
  assertEquals(await setUp(host, { pod, settings: six, at: 3 }), { defaultRoute: true });
  assertEquals(await defaults(), "default via 2001:db8::1 dev net3\n");
  const later = net(4, { addresses: ["10.4.0.5/24"], gateways: ["10.4.0.1"] });
  assertEquals(await setUp(host, { pod, settings: later, at: 4 }), { defaultRoute: false });
  assertEquals(await defaults(), "default via 2001:db8::1 dev net3\n");
  assert((await pod.exec("ip rule")).includes(`from 10.4.0.5 lookup ${sourceTableOf("net4")}`));
});

Deno.test("configurePod() sees the default route of IPv4 that another plugin made", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await pod.exec(`ip link add d0 type veth peer name d1; ip link set d1 up; ip link set d0 up
    ip addr add 192.0.2.5/24 dev d0; ip route add default via 192.0.2.1`);
  const settings = { defaultRoute: "first", sourceTable: 77 } as const;
  assertEquals(await setUp(host, { pod, settings }), { defaultRoute: false });
  assertEquals(await pod.exec("ip route show default"), "default via 192.0.2.1 dev d0 \n");
});

Deno.test("configurePod() can begin before the addresses are known, and sets MAC and MTU", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await addVeth(host.run, { host: "fb0", peer: "eth0", netns: pod.path });
  const planned = Promise.withResolvers<PodInterface>();
  const configuring = configurePod(host.run, planned.promise, {
    netns: pod.path,
    ifname: "eth0",
    connected: Promise.resolve(),
    txOffload: true,
  });
  await until(
    "it has begun",
    async () => await pod.exec("cat /proc/sys/net/ipv4/conf/eth0/arp_notify") === "1\n",
  );
  planned.resolve({ ...POD, mtu: 9000 });
  await configuring;
  const state = await readPod(host.run, { netns: pod.path, ifname: "eth0" });
  assertEquals([state?.mac, state?.mtu, state?.addresses], [POD.mac, 9000, [...POD.addresses]]);
});

Deno.test("configurePod() ends its programs when the addresses never become known", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  await addVeth(host.run, { host: "fb0", peer: "eth0", netns: pod.path });
  await assertRejects(
    () =>
      configurePod(host.run, Promise.reject(new FabricError("exhausted", "no address is free")), {
        netns: pod.path,
        ifname: "eth0",
        connected: new Promise(() => {}),
        txOffload: true,
      }),
    FabricError,
    "no address is free",
  );
});

Deno.test("configurePod() refuses the namespace of the host itself", async () => {
  const ifname = "lo";
  const netns = "/proc/self/ns/net";
  const connected = Promise.resolve();
  await assertRejects(
    () => configurePod(run, { ...POD, ifname }, { netns, ifname, connected, txOffload: true }),
    FabricError,
    "/proc/self/ns/net is the host's own network namespace",
  );
});

Deno.test("configurePod() fails with what it waited for, and announces nothing", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const veth = { host: "fb0", peer: "eth0", mac: POD.mac, mtu: 1500 };
  await addVeth(host.run, { ...veth, netns: pod.path });
  const error = new FabricError("unavailable", "ovs-vswitchd did not take up the port");
  await assertRejects(
    () =>
      configurePod(host.run, POD, {
        netns: pod.path,
        ifname: "eth0",
        connected: Promise.reject(error),
        txOffload: true,
      }),
    FabricError,
    "did not take up",
  );
});

Deno.test("configurePod() and readPod() say that the namespace is gone", async () => {
  await using host = await startNetns();
  const netns = "/nonexistent/netns";
  const message = `there is no network namespace at ${netns}`;
  const connected = Promise.resolve();
  await assertRejects(
    () => configurePod(host.run, POD, { netns, ifname: "eth0", connected, txOffload: true }),
    FabricError,
    message,
  );
  await assertRejects(() => readPod(host.run, { netns, ifname: "eth0" }), FabricError, message);
});

Deno.test("configurePod() tells the command that the kernel refused", async () => {
  await using host = await startNetns();
  await using pod = await startNetns();
  const settings = { gateways: [], routes: [{ destination: "0.0.0.0/8", gateway: "127.0.0.1" }] };
  const error = await assertRejects(() => setUp(host, { pod, settings }), FabricError);
  assertEquals(error.kind, "host");
  assert(String(error.details["stderr"]).includes("Command failed -:5"), error.message);
});

Deno.test("readPod() finds no interface", async () => {
  await using pod = await startNetns();
  assertEquals(await readPod(pod.run, { netns: pod.path, ifname: "eth7" }), undefined);
});
