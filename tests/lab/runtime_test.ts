import { assert, assertEquals, assertMatch } from "@std/assert";
import { type EquippedHost, startLab, TOOLS } from "./mod.ts";

/** The reference plugins of Debian's `containernetworking-plugins`. */
const PLUGINS = "/usr/lib/cni";

function bridgeList(name: string, third: number): unknown {
  const subnet = `10.244.${third}.0/24`;
  return {
    cniVersion: "0.4.0",
    name,
    plugins: [{
      type: "bridge",
      bridge: `cni${third}`,
      isGateway: true,
      ipam: { type: "host-local", subnet, routes: [{ dst: "0.0.0.0/0" }] },
    }],
  };
}

async function putReferencePlugins(host: EquippedHost): Promise<void> {
  for (const plugin of ["bridge", "host-local", "loopback", "tuning"]) {
    await host.mount(`${PLUGINS}/${plugin}`, `/opt/cni/bin/${plugin}`);
  }
  await host.writeFile("/etc/cni/net.d/10-a.conflist", JSON.stringify(bridgeList("a", 1)));
  await host.writeFile("/etc/cni/net.d/20-b.conflist", JSON.stringify(bridgeList("b", 2)));
}

/** Addresses that host-local holds in a network. */
async function held(host: EquippedHost, network: string): Promise<readonly string[]> {
  const names = await host.execOk(`ls /var/lib/cni/networks/${network} 2>/dev/null || :`);
  return names.split("\n").filter((name) => /^\d/.test(name));
}

async function checkContainerd(host: EquippedHost, binaries?: string): Promise<string> {
  const containerd = await host.containerd(binaries === undefined ? {} : { binaries });
  const [one, two] = await Promise.all([containerd.run("one"), containerd.run("two")]);
  assertEquals((await held(host, "a")).length, 2);
  const [address = ""] = await two.addresses("eth0");
  assertMatch(address, /^10\.244\.1\./);
  assert(await one.reaches(address.replace("/24", "")));
  const seen = await one.execInside(["/bin/sh", "-c", "/sbin/ip addr show eth0; /bin/hostname"]);
  assertMatch(seen, /10\.244\.1\./);
  assertMatch(one.containerId, /one$/);
  await one.remove();
  await two.remove();
  assertEquals(await held(host, "a"), []);
  await containerd.stop();
  return containerd.version;
}

Deno.test("Debian's containerd runs containers with a CNI network on a host", async () => {
  await using lab = await startLab({ hosts: 1, etcd: false, vlans: [] });
  const host = lab.host(0);
  await putReferencePlugins(host);
  assertMatch(await checkContainerd(host), /^1\.6\./);
});

Deno.test({
  name: "containerd 2.4 runs containers with a CNI network on a host",
  ignore: !await exists(`${TOOLS}containerd2/ctr`),
  fn: async () => {
    await using lab = await startLab({ hosts: 1, etcd: false, vlans: [] });
    const host = lab.host(0);
    await putReferencePlugins(host);
    assertMatch(await checkContainerd(host, `${TOOLS}containerd2`), /^2\.4\./);
  },
});

Deno.test("podman runs containers with one or two CNI networks, and starts them again", async () => {
  await using lab = await startLab({ hosts: 1, etcd: false, vlans: [] });
  const host = lab.host(0);
  await putReferencePlugins(host);
  const podman = await host.podman();
  const one = await podman.run("one", { networks: ["a"] });
  const both = await podman.run("both", { networks: ["a", "b"] });
  const [address = ""] = await one.addresses("eth0");
  assert(await both.reaches(address.replace("/24", "")));
  assertMatch((await both.addresses("eth1")).join(), /^10\.244\.2\./);
  assertMatch(await one.execInside(["ip", "addr", "show", "eth0"]), /10\.244\.1\./);
  assertMatch(one.containerId, /^[0-9a-f]{64}$/);
  await one.halt();
  assertEquals((await held(host, "a")).length, 1);
  await one.startAgain();
  assertEquals((await held(host, "a")).length, 2);
  assert(await one.reaches(((await both.addresses("eth0"))[0] ?? "").replace("/24", "")));
  await one.remove();
  await both.remove();
  assertEquals([...await held(host, "a"), ...await held(host, "b")], []);
});

Deno.test("plugins and cnitool can be called by hand in a sandbox", async (t) => {
  await using lab = await startLab({ hosts: 1, etcd: false, vlans: [] });
  const host = lab.host(0);
  await putReferencePlugins(host);
  await using sandbox = await host.sandbox("pod-1");

  await t.step("a plugin", async () => {
    const conf = {
      cniVersion: "1.0.0",
      name: "c",
      bridge: "cni3",
      ipam: { type: "host-local", subnet: "10.244.3.0/24" },
    };
    const call = { sandbox, plugin: "bridge", conf, ifname: "eth3" };
    const added = await host.fabric("ADD", call);
    assertEquals(added.code, 0);
    assertMatch(added.stdout, /10\.244\.3\.2/);
    assert(typeof added.json === "object");
    assertEquals(await sandbox.addresses("eth3"), ["10.244.3.2/24"]);
    assertEquals((await host.fabric("DEL", { ...call, netns: "" })).code, 0);
  });

  await t.step({
    name: "cnitool",
    ignore: !await exists(`${TOOLS}cnitool`),
    fn: async () => {
      const added = await host.cnitool("add", { network: "a", sandbox });
      assertEquals(added.code, 0, added.stderr);
      assertEquals(await sandbox.addresses("eth0"), ["10.244.1.2/24"]);
      assertEquals((await host.cnitool("check", { network: "a", sandbox })).code, 0);
      assertEquals((await host.cnitool("del", { network: "a", sandbox })).code, 0);
      assertEquals(await held(host, "a"), []);
    },
  });
});

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
