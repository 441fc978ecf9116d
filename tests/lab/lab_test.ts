import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import {
  attachByHand,
  eventually,
  type Lab,
  measureThroughput,
  type Sandbox,
  startLab,
} from "./mod.ts";

/** A pod made by hand in VLAN 100 or 200 of the default plan, with the number as its address. */
async function addPod(lab: Lab, host: number, vlan: 100 | 200, number: number): Promise<Sandbox> {
  const sandbox = await lab.host(host).sandbox();
  await attachByHand(lab.plan, sandbox, {
    vlan,
    addresses: [`10.${vlan}.0.${number}/24`, `fd00:${vlan}::${number}/64`],
    gateways: [`10.${vlan}.0.1`, `fd00:${vlan}::1`],
  });
  return sandbox;
}

Deno.test("a lab carries frames between hosts, servers and VLANs as a data centre does", async (t) => {
  await using lab = await startLab({ hosts: 2 });
  const a = await addPod(lab, 0, 100, 20);
  const b = await addPod(lab, 1, 100, 21);
  const c = await addPod(lab, 1, 200, 20);
  const server = await lab.addServer({
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });

  await t.step("pods of one VLAN reach each other across hosts", async () => {
    assert(await a.reaches("10.100.0.21"));
    assert(await a.reaches("fd00:100::21"));
  });

  await t.step("a server on an access port reaches the pods", async () => {
    assert(await server.reaches("10.100.0.20"));
    assert(await server.reaches("fd00:100::21"));
    assert(await b.reaches(server.address(4)));
  });

  await t.step("VLANs meet only in the router", async () => {
    assert(await a.reaches("10.200.0.20"));
    assert(await c.reaches("fd00:100::20"));
    assert(await c.reaches(server.address(6)));
    await lab.router.execOk("ip link set prod.200 down");
    assertEquals((await a.ping("10.200.0.20", { waitMs: 500 })).received, 0);
    // An address of VLAN 100 on a device in VLAN 200 finds no neighbour there.
    await c.execOk("ip address add 10.100.0.99/24 dev eth0");
    assertEquals((await c.ping("10.100.0.20", { waitMs: 500 })).received, 0);
    await lab.router.execOk("ip link set prod.200 up");
  });

  await t.step("TCP works, so checksums are right on this datapath", async () => {
    await using _server = await server.serveTcp(7000, { greeting: "legacy" });
    assertMatch(await a.askTcp(server.address(4), 7000), /^legacy\nhello\n$/);
    assertMatch(await c.askTcp(server.address(6), 7000), /^legacy\nhello\n$/);
  });

  await t.step("throughput can be measured, in both directions", async () => {
    const target = server.address(4);
    const [up, down] = [
      await measureThroughput(b, server, { target, seconds: 1 }),
      await measureThroughput(b, server, { target, seconds: 1, reverse: true }),
    ];
    assert(up > 1e7 && down > 1e7, `${up} ${down}`);
  });

  await t.step("a host does not answer for its management address in a VLAN", async () => {
    await server.execOk("ip address add 172.31.0.200/24 dev eth0");
    assertEquals((await server.ping("172.31.0.11", { waitMs: 500 })).received, 0);
  });

  await t.step("a capture on the uplink shows the VLAN tag", async () => {
    await using capture = await lab.host(0).capture("eth1", "vlan 100 and icmp6");
    assert(await a.reaches("fd00:100::21"));
    assertMatch(await capture.until(/echo request/), /vlan 100/);
  });

  await t.step("a pulled cable cuts a host off", async () => {
    await lab.host(1).setCable("prod", false);
    assertEquals((await a.ping("10.100.0.21", { waitMs: 500 })).received, 0);
    await lab.host(1).setCable("prod", true);
    assert(await a.reaches("10.100.0.21"));
  });
});

Deno.test("hosts of a lab have their own files, ids and Open vSwitch", async (t) => {
  await using lab = await startLab({ hosts: 2, vlans: [] });
  const [one, two] = [lab.host("host1"), lab.host("host2")];

  await t.step("files of one are unknown to the other and to the machine", async () => {
    await one.writeFile("/etc/fabric/config.yaml", "node: host1\n", { mode: 0o600 });
    await one.writeFile("/etc/cni/net.d/10-x.conflist", "{}");
    assertEquals(await one.execOk("cat /etc/fabric/config.yaml; hostname"), "node: host1\nhost1\n");
    assertEquals(await two.exists("/etc/fabric/config.yaml"), false);
    assertEquals(await two.execOk("ls /etc/cni/net.d"), "");
    for (const path of ["/etc/fabric/config.yaml", "/etc/cni/net.d/10-x.conflist"]) {
      assertEquals(await Deno.stat(path).then(() => true, () => false), false);
    }
  });

  await t.step("ids differ", async () => {
    const ids = ["cat /etc/machine-id", "cat /proc/sys/kernel/random/boot_id"];
    for (const id of ids) assertNotEquals(await one.execOk(id), await two.execOk(id));
    assertEquals((await one.execOk(ids[0] ?? "")).trim(), one.machineId);
    assertEquals((await one.execOk(ids[1] ?? "")).trim(), one.bootId());
  });

  await t.step("etcd answers hosts and the test", async () => {
    const [endpoint = ""] = lab.etcd.endpoints;
    await one.execOk(["etcdctl", `--endpoints=${endpoint}`, "put", "key", "from host1"], {
      env: { ETCDCTL_API: "3" },
    });
    const response = await fetch(`${lab.etcd.testEndpoints[0]}/v3/kv/range`, {
      method: "POST",
      body: JSON.stringify({ key: btoa("key") }),
    });
    const text = await response.text();
    assert(text.includes(btoa("from host1")), text);
  });

  await t.step("vswitchd can be killed, frozen and restarted; ovsdb-server too", async () => {
    const { ovs } = one;
    await ovs.kill("ovs-vswitchd");
    await assertRejects(() => ovs.vsctl("--timeout=1", "add-br", "br-x"), Error, "142");
    await ovs.start("ovs-vswitchd");
    await ovs.vsctl("br-exists", "br-x");
    await ovs.restartVswitchd();
    await ovs.freeze("ovs-vswitchd");
    await assertRejects(() => ovs.vsctl("--timeout=1", "del-br", "br-x"), Error, "142");
    await ovs.thaw("ovs-vswitchd");
    await ovs.kill("ovsdb-server");
    await assertRejects(() => ovs.vsctl("--timeout=1", "show"), Error);
    await ovs.start("ovsdb-server");
    assertMatch(await ovs.vsctl("list-br"), /br-prod/);
    assertMatch(await two.ovs.vsctl("list-br"), /^br-prod\n$/);
  });

  await t.step(
    "a power cycle ends all that ran, keeps the disk and changes the boot id",
    async () => {
      const before = one.bootId();
      const pod = await addPodWithoutRouter(lab);
      await using sleeper = one.start(["sleep", "600"]);
      await one.mount("/bin/true", "/opt/cni/bin/fabric");
      await one.powerCycle();
      assertNotEquals(one.bootId(), before);
      assertEquals(await sleeper.status, 137);
      assertEquals(await one.exists(pod.path), false);
      assertEquals(await one.exists("/etc/fabric/config.yaml"), true);
      await one.execOk(["/opt/cni/bin/fabric"]);
      assertEquals((await one.execOk("cat /proc/sys/kernel/random/boot_id")).trim(), one.bootId());
      const other = await lab.host(1).sandbox();
      await attachByHand(lab.plan, other, { vlan: 100, addresses: ["10.100.0.31/24"] });
      const again = await addPodWithoutRouter(lab);
      assert(await again.reaches("10.100.0.31"));
    },
  );
});

async function addPodWithoutRouter(lab: Lab): Promise<Sandbox> {
  const sandbox = await lab.host(0).sandbox();
  await attachByHand(lab.plan, sandbox, { vlan: 100, addresses: ["10.100.0.30/24"] });
  return sandbox;
}

Deno.test("jumbo frames pass where the physical network has them, and not where it has not", async () => {
  await using lab = await startLab({
    hosts: 2,
    etcd: false,
    physicalNetworks: [{ name: "prod", mtu: 9000 }, { name: "dmz" }],
    vlans: [],
  });
  const [a, b] = [await lab.host(0).sandbox(), await lab.host(1).sandbox()];
  await attachByHand(lab.plan, a, { vlan: 5, addresses: ["10.5.0.1/24"], mtu: 9000 });
  await attachByHand(lab.plan, b, { vlan: 5, addresses: ["10.5.0.2/24"], mtu: 9000 });
  assert(await a.reaches("10.5.0.2"));
  assertEquals((await a.ping("10.5.0.2", { size: 8972 })).received, 1);

  const [c, d] = [await lab.host(0).sandbox(), await lab.host(1).sandbox()];
  const dmz = { vlan: 5, bridge: "br-dmz", mtu: 9000 };
  await attachByHand(lab.plan, c, { ...dmz, addresses: ["10.5.0.3/24"] });
  await attachByHand(lab.plan, d, { ...dmz, addresses: ["10.5.0.4/24"] });
  assert(await c.reaches("10.5.0.4"));
  assertEquals((await c.ping("10.5.0.4", { size: 8972 })).received, 0);
  // The same VLAN of two physical networks is two segments.
  assertEquals((await c.ping("10.5.0.1", { waitMs: 500 })).received, 0);
});

Deno.test("etcd of three members with TLS and auth survives the loss of its leader", async () => {
  await using lab = await startLab({
    hosts: 1,
    vlans: [],
    etcd: { members: 3, tls: "mutual", auth: true },
  });
  const { etcd } = lab;
  await etcd.etcdctl("put", "key", "value");
  const leader = await etcd.leader();
  await etcd.kill(leader);
  const next = await eventually("another leader", async () => {
    const found = await etcd.leader();
    return found !== leader && { found };
  });
  assertNotEquals(next.found, leader);
  await etcd.restart(leader);
  await etcd.pause(leader);
  assertNotEquals(await etcd.leader(), leader);
  await etcd.resume(leader);
  assertMatch(await etcd.etcdctl("get", "key"), /value/);
  assertEquals(new Set(etcd.testEndpoints).size, 3);
  const anonymous = await lab.host(0).exec(
    ["etcdctl", `--endpoints=${etcd.endpoints[0]}`, "get", "key", "--command-timeout=2s"],
    { env: { ETCDCTL_API: "3" } },
  );
  assertNotEquals(anonymous.code, 0);
  assert(etcd.certificates !== undefined);
  const { caFile, certFile, keyFile } = etcd.certificates;
  using client = Deno.createHttpClient({ caCerts: [caFile], cert: certFile, key: keyFile });
  for (const endpoint of etcd.testEndpoints) {
    assertMatch(await (await fetch(`${endpoint}/health`, { client })).text(), /true/);
  }
  // The lab ends with a member that does not listen to signals.
  await etcd.pause(0);
});

Deno.test("labs stand side by side with the same names and addresses", async () => {
  await using one = await startLab({ hosts: 1 });
  await using two = await startLab({ hosts: 1 });
  const [a, b] = [await addPod(one, 0, 100, 20), await addPod(two, 0, 100, 20)];
  const server = await one.addServer({ vlan: 100, addresses: ["10.100.0.10/24"] });
  assert(await a.reaches(server.address(4)));
  assertEquals((await b.ping(server.address(4), { waitMs: 500 })).received, 0);
  await one.close();
  assert(await b.reaches("10.100.0.1"));
});

Deno.test("kill -9 of the process that holds a lab leaves nothing behind", async () => {
  const script = `import { attachByHand, startLab } from ${
    JSON.stringify(import.meta.resolve("./mod.ts"))
  };
    const lab = await startLab({ hosts: 2 });
    const pod = await lab.host(0).sandbox();
    await attachByHand(lab.plan, pod, { vlan: 100, addresses: ["10.100.0.20/24"] });
    lab.host(1).start(["sleep", "600"]);
    const tree = [lab.pid, ...lab.hosts.map((host) => host.pid())];
    const namespaces = tree.flatMap((pid) => ["net", "mnt", "pid"].map((kind) =>
      Deno.readLinkSync("/proc/" + pid + "/ns/" + kind)));
    console.log("LAB " + JSON.stringify({ id: lab.id, namespaces }));
    await new Promise(() => setInterval(() => {}, 1000));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("\n")) child.kill("SIGKILL");
  }
  await child.status;
  const said: unknown = JSON.parse(text.slice(4));
  assert(typeof said === "object" && said !== null && "id" in said && "namespaces" in said);
  const { id, namespaces } = said;
  assert(typeof id === "string" && Array.isArray(namespaces) && namespaces.length === 9);

  await eventually("all processes are gone", async () => {
    const users = await findUsers(namespaces);
    return users.length === 0;
  });
  const mounts = await Deno.readTextFile("/proc/self/mountinfo");
  assert(!mounts.includes("fabric-lab"));
  // What is left are empty control groups; the next lab sweeps them.
  await using _next = await startLab({ hosts: 1, etcd: false, vlans: [] });
  assertEquals(await findCgroups(id), []);
});

/** Processes that are in one of the namespaces. */
async function findUsers(namespaces: readonly unknown[]): Promise<readonly string[]> {
  const users: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    for (const kind of ["net", "mnt", "pid"]) {
      const link = await Deno.readLink(`/proc/${name}/ns/${kind}`).catch(() => "");
      if (namespaces.includes(link)) users.push(name);
    }
  }
  return users;
}

async function findCgroups(id: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const at of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    if (await Deno.stat(`${at}/${id}`).then(() => true, () => false)) found.push(at);
  }
  return found;
}
