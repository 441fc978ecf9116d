import { assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../mod/error.ts";
import {
  addPort,
  connectOvsdb,
  delPort,
  ensureBridge,
  getBridge,
  getPort,
  listPorts,
  syncVswitchd,
  waitForOfport,
} from "../../mod/ovsdb/mod.ts";
import { startOvs, until } from "../ovs_fixture.ts";

const IDS = { cluster: "local", "container-id": "c1", ifname: "eth0" };

Deno.test("addPort() and waitForOfport() put a device into the datapath", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await host.exec("ip link add p1 type veth peer name q1");
  await addPort(db, { bridge: "br0", name: "p1", vlan: 100, externalIds: IDS, noopQos: true });
  const ofport = await waitForOfport(db, "p1");
  assertEquals(String(ofport), (await host.exec("ovs-vsctl get Interface p1 ofport")).trim());
  const port = await getPort(db, "p1");
  assertEquals(port, {
    name: "p1",
    bridge: "br0",
    vlan: 100,
    trunks: [],
    externalIds: IDS,
    state: { ofport, error: undefined, mtu: 1500 },
  });
  assertEquals(
    await host.exec("ovs-vsctl --bare get Port p1 external_ids:beyondfabric.io/container-id"),
    "c1\n",
  );
});

Deno.test("addPort() says that the bridge is missing, and adds nothing", async () => {
  await using host = await startOvs();
  await using db = await connectOvsdb({ socket: host.socket });
  const error = await assertRejects(
    () => addPort(db, { bridge: "br9", name: "p1", vlan: 1, externalIds: {}, noopQos: true }),
    FabricError,
    "there is no bridge br9",
  );
  assertEquals(error.kind, "not-found");
  assertEquals(await getPort(db, "p1"), undefined);
  assertEquals(await host.exec("ovs-vsctl --bare --columns=_uuid list QoS"), "");
});

Deno.test("addPort() leaves a port of that name alone, also on another bridge", async () => {
  await using host = await startOvs({ bridges: ["br0", "br1"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await host.exec("ip link add p1 type veth peer name q1; ovs-vsctl add-port br1 p1 tag=7");
  const error = await assertRejects(
    () => addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: IDS }),
    FabricError,
    "there is a port p1 in Open vSwitch already",
  );
  assertEquals(error.kind, "conflict");
  const port = await getPort(db, "p1");
  assertEquals([port?.bridge, port?.vlan, port?.externalIds], ["br1", 7, {}]);
});

Deno.test("addPort() lets one of several calls for one name win", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  const calls = Array.from(
    { length: 8 },
    () => addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: IDS }),
  );
  const settled = await Promise.allSettled(calls);
  assertEquals(settled.filter(({ status }) => status === "fulfilled").length, 1);
  assertEquals((await listPorts(db, { externalIds: IDS })).length, 1);
});

Deno.test("waitForOfport() tells what vswitchd says about a device that is missing", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: {} });
  const error = await assertRejects(() => waitForOfport(db, "p1"), FabricError, "No such device");
  assertEquals(error.kind, "host");
});

Deno.test("waitForOfport() blames vswitchd when the port never comes up", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await host.killVswitchd();
  await host.exec("ip link add p1 type veth peer name q1");
  await addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: {} });
  const start = performance.now();
  const error = await assertRejects(
    () => waitForOfport(db, "p1", { timeoutMs: 300, bridge: "br0" }),
    FabricError,
    "ovs-vswitchd did not take up port p1 within 300 ms",
  );
  assertEquals(error.kind, "unavailable");
  assertEquals(performance.now() - start < 1_000, true);
  assertEquals(await delPort(db, "p1"), true);
  assertEquals(await getPort(db, "p1"), undefined);
});

Deno.test("waitForOfport() sees a port come up when vswitchd comes back", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await host.killVswitchd();
  await host.exec("ip link add p1 type veth peer name q1");
  await addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: {} });
  const [ofport] = await Promise.all([waitForOfport(db, "p1"), host.startVswitchd()]);
  assertEquals(ofport >= 1, true);
});

Deno.test("waitForOfport() tells a bridge that vswitchd cannot make", async () => {
  await using host = await startOvs();
  await using db = await connectOvsdb({ socket: host.socket });
  await host.exec("ip link add p1 type veth peer name q1");
  await ensureBridge(db, { name: "br0", datapathType: "no-such-type" });
  await addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: {} });
  const error = await assertRejects(
    () => waitForOfport(db, "p1", { timeoutMs: 300, bridge: "br0" }),
    FabricError,
    "ovs-vswitchd has not made bridge br0",
  );
  assertEquals(error.kind, "unavailable");
});

Deno.test("syncVswitchd() tells a vswitchd that follows from one that does not", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await Promise.all(Array.from({ length: 8 }, () => syncVswitchd(db)));
  await host.freeze("ovs-vswitchd");
  const error = await assertRejects(
    () => syncVswitchd(db, { timeoutMs: 200 }),
    FabricError,
    "ovs-vswitchd does not follow its database",
  );
  assertEquals(error.kind, "unavailable");
});

Deno.test("connectOvsdb() says at once that nothing listens", async () => {
  const error = await assertRejects(
    () => connectOvsdb({ socket: "/nonexistent/db.sock" }),
    FabricError,
    "ovsdb-server does not answer on /nonexistent/db.sock",
  );
  assertEquals(error.kind, "unavailable");
});

Deno.test("transact() tells reading that failed from writing of unknown outcome", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket, timeoutMs: 200 });
  await host.freeze("ovsdb-server");
  const message = `ovsdb-server does not answer on ${host.socket}`;
  const read = await assertRejects(() => getBridge(db, "br0"), FabricError, message);
  assertEquals(read.kind, "unavailable");
  const write = await assertRejects(
    () => addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: {} }),
    FabricError,
    message,
  );
  assertEquals(write.kind, "unknown-outcome");
});

Deno.test("transact() fails when the server dies under it", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await host.killVswitchd();
  await addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: {} });
  const waiting = assertRejects(() => waitForOfport(db, "p1"), FabricError, "does not answer");
  await host.killDatabase();
  await waiting;
});

Deno.test("delPort() removes port, interface and QoS, and nothing on the second call", async () => {
  await using host = await startOvs({ bridges: ["br0", "br1"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await host.exec("ip link add p1 type veth peer name q1; ip link add p2 type veth peer name q2");
  await addPort(db, { bridge: "br0", name: "p1", vlan: 1, externalIds: {}, noopQos: true });
  await addPort(db, { bridge: "br1", name: "p2", vlan: 1, externalIds: {}, noopQos: true });
  assertEquals(await delPort(db, "p1"), true);
  assertEquals(await delPort(db, "p1"), false);
  assertEquals((await listPorts(db, { namePrefix: "p" })).map(({ name }) => name), ["p2"]);
  const counts = "for t in Port Interface QoS; do ovs-vsctl --bare --columns=_uuid list $t; done";
  assertEquals(
    (await host.exec(counts)).split("\n").filter((line) => line !== "").length,
    3 + 3 + 1,
  );
});

Deno.test("listPorts() goes by the facts noted on a port", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  const add = (name: string, externalIds: Record<string, string>): Promise<void> =>
    addPort(db, { bridge: "br0", name, vlan: 5, externalIds });
  await add("p1", { ...IDS, "conf-name": "a" });
  await add("p2", { ...IDS, "container-id": "c2", "conf-name": "a" });
  await add("p3", { ...IDS, "container-id": "c3", "conf-name": "b" });
  const named = async (ids: Record<string, string>): Promise<string[]> =>
    (await listPorts(db, { externalIds: ids })).map(({ name }) => name).sort();
  assertEquals(await named({ "conf-name": "a" }), ["p1", "p2"]);
  assertEquals(await named({ "conf-name": "z" }), []);
  assertEquals((await listPorts(db, { namePrefix: "p" })).length, 3);
});

Deno.test("addPort() with 1400 does not lower the bridge, so that 9000 works after it", async () => {
  await using host = await startOvs({ bridges: ["br0"] });
  await using db = await connectOvsdb({ socket: host.socket });
  for (const [name, mtu] of [["p1", 1400], ["p2", 9000]] as const) {
    await host.exec(`ip link add ${name} mtu ${mtu} type veth peer name q${name}`);
    await addPort(db, { bridge: "br0", name, vlan: 1, externalIds: {}, bridgeMtu: 9000 });
    await waitForOfport(db, name);
  }
  const mtuOf = async (name: string): Promise<string> =>
    (await host.exec(`cat /sys/class/net/${name}/mtu 2>/dev/null || ip -o link show ${name}`))
      .replace(/^.*mtu (\d+).*$/s, "$1").trim();
  await until("the bridge has its MTU", async () => await mtuOf("br0") === "9000");
  assertEquals([await mtuOf("p1"), await mtuOf("p2")], ["1400", "9000"]);
});

Deno.test("ensureBridge() makes a bridge with its uplink once, and finds it then", async () => {
  await using host = await startOvs();
  await using db = await connectOvsdb({ socket: host.socket });
  await host.exec("ip link add uplink0 type veth peer name wire");
  const options = { name: "br0", datapathType: "netdev", uplink: "uplink0", mtu: 1500 };
  const made = await Promise.all(Array.from({ length: 5 }, () => ensureBridge(db, options)));
  assertEquals(new Set(made.map(({ uuid }) => uuid)).size, 1);
  assertEquals(made[0]?.datapathType, "netdev");
  assertEquals(await waitForOfport(db, "uplink0") >= 1, true);
  const { uuid } = await ensureBridge(db, { ...options, datapathType: "system" });
  assertEquals([uuid, (await getBridge(db, "br0"))?.datapathType], [made[0]?.uuid, "netdev"]);
});

Deno.test("ensureBridge() does not take an uplink from another bridge", async () => {
  await using host = await startOvs({ bridges: ["br1"] });
  await using db = await connectOvsdb({ socket: host.socket });
  await host.exec("ip link add uplink0 type veth peer name wire; ovs-vsctl add-port br1 uplink0");
  const error = await assertRejects(
    () => ensureBridge(db, { name: "br0", datapathType: "netdev", uplink: "uplink0" }),
    FabricError,
    "uplink uplink0 is a port of bridge br1",
  );
  assertEquals(error.kind, "conflict");
});
