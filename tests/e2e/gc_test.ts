/** GC: of one conf on a node that containerd and podman share, and after a node's reboot. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type EquippedHost, eventually, type PodmanContainer, requireOk } from "../lab/mod.ts";
import { announced, makeRootfs } from "../lab/rootfs.ts";
import { conflistsFor, networkObject, startBed } from "./bed.ts";
import { addPod, failureOf, type HandPod } from "./by_hand.ts";
import { addressOf, assertNothingLeft, assertRecorded, attachments, podPorts } from "./records.ts";

/** containerd uses the first conflist, podman the second; both have pods in the same network. */
const CONFLISTS = conflistsFor({ kube: "vlan100", podnet: "vlan100" });

/** GC as libcni calls it: for one conf, with what is still valid. */
async function gc(
  host: EquippedHost,
  name: "kube" | "podnet",
  valid: readonly { readonly containerId: string; readonly ifname?: string }[],
  keys: readonly string[] = ["cni.dev/valid-attachments", "cni.dev/attachments"],
): Promise<void> {
  const list = valid.map(({ containerId, ifname }) => ({
    containerID: containerId,
    ifname: ifname ?? "eth0",
  }));
  const given = Object.fromEntries(keys.map((key) => [key, list]));
  const conf = { name, network: "vlan100", config: "/etc/fabric/config.yaml", ...given };
  const answer = await host.fabric("GC", { conf });
  assertEquals([answer.code, answer.stdout], [0, ""]);
}

/** Container ids of what is recorded on a host, by conf. */
async function recorded(host: EquippedHost): Promise<Readonly<Record<string, readonly string[]>>> {
  const byConf: Record<string, string[]> = { kube: [], podnet: [] };
  for (const { confName, containerId } of await attachments(host, "--node", host.plan.name)) {
    (byConf[confName] ??= []).push(containerId);
  }
  return Object.fromEntries(Object.entries(byConf).map(([name, ids]) => [name, ids.sort()]));
}

/** A container that containerd starts and whose end it does not tell the plugin of. */
async function runDetached(host: EquippedHost, id: string) {
  const rootfs = await makeRootfs(host, id);
  const ctr = (...args: readonly string[]) => host.execOk(["ctr", ...args]);
  await ctr("run", "--detach", "--cni", "--rootfs", rootfs, id, ...announced());
  return {
    containerId: `default-${id}`,
    vanish: async () => {
      await ctr("task", "kill", "-s", "KILL", id);
      await eventually(
        `task ${id} ends`,
        async () => (await ctr("task", "ls")).match(new RegExp(`^${id} .* STOPPED`, "m")) !== null,
      );
      await ctr("task", "rm", id);
      await ctr("container", "rm", id);
    },
  };
}

/** Starts a container of podman after the host's boot, which took its files in /run with it. */
async function bootContainer(host: EquippedHost, container: PodmanContainer): Promise<void> {
  await makeRootfs(host, `podman-${container.name}`);
  await container.startAgain();
}

Deno.test("GC of containerd's conf and GC of podman's leave each other's pods alone", async (t) => {
  await using lab = await startBed({ hosts: 2, install: () => ({ conflists: CONFLISTS }) });
  const [host, elsewhere] = [lab.host(0), lab.host(1)];
  await using _containerd = await host.containerd();
  const podman = await host.podman();
  const stays = await runDetached(host, "stays");
  const leaks = await runDetached(host, "leaks");
  const web = await podman.run("web", { networks: ["podnet"] });
  const far = await addPod(elsewhere, { conf: { name: "kube", network: "vlan100" } });
  await leaks.vanish();
  // As podman's would be after its process was killed in the middle of an ADD or DEL.
  const lost = await addPod(host, { conf: { name: "podnet", network: "vlan100" } });
  await lost.remove();
  assertEquals(await recorded(host), {
    kube: [leaks.containerId, stays.containerId],
    podnet: [lost.containerId, web.containerId].sort(),
  });

  await t.step("what is valid stays, and so does what lives though nobody says so", async () => {
    await gc(host, "kube", [leaks, stays]);
    assertEquals((await recorded(host))["kube"]?.length, 2);
    // An older runtime, or one that forgot: "stays" is missing in its list.
    await gc(host, "kube", [leaks], ["cni.dev/attachments"]);
    assertEquals((await recorded(host))["kube"]?.length, 2);
  });

  await t.step("what is dead and not valid goes, of this conf only", async () => {
    await gc(host, "kube", [stays], ["cni.dev/valid-attachments"]);
    assertEquals(await recorded(host), {
      kube: [stays.containerId],
      podnet: [lost.containerId, web.containerId].sort(),
    });
    await gc(host, "podnet", [web]);
    assertEquals(await recorded(host), {
      kube: [stays.containerId],
      podnet: [web.containerId],
    });
    assertEquals((await podPorts(host)).length, 2);
    assert(await web.reaches("10.100.0.1"));
    assert(await far.reaches(await addressOf(web, 4)));
    await assertRecorded(elsewhere, far, { network: "vlan100" });
  });

  await t.step("its addresses cool, as after a DEL", async () => {
    const [address = ""] = lost.result.ips.map((ip) => ip.address.replace(/\/.*/, ""));
    await using sandbox = await host.sandbox();
    const conf = { name: "podnet", network: "vlan100", runtimeConfig: { ips: [address] } };
    const failure = failureOf(await host.fabric("ADD", { sandbox, conf }));
    assertEquals(failure.code, 11, failure.msg);
    assertMatch(failure.msg, /cool/);
  });

  await stays.vanish();
  await web.remove();
  await gc(host, "kube", []);
  await assertNothingLeft(host);
});

Deno.test("after a reboot of the node GC cleans up, and new pods start", async (t) => {
  // Without cooling, so that the addresses can be asked for at once.
  const network = networkObject("vlan100", {
    vlan: 100,
    coolingSeconds: 0,
    subnets: [{
      cidr: "10.100.0.0/24",
      gateway: "10.100.0.1",
      ranges: ["10.100.0.50-10.100.0.57"],
    }],
  });
  const install = () => ({ conflists: CONFLISTS });
  await using lab = await startBed({ hosts: 2, objects: [network], install });
  const [host, elsewhere] = [lab.host(0), lab.host(1)];
  const conf = { name: "kube", network: "vlan100" };
  const podman = await host.podman();
  const [web, neighbour] = await Promise.all([
    podman.run("web", { networks: ["podnet"] }),
    addPod(elsewhere, { conf }),
  ]);
  const pods: HandPod[] = [];
  for (let i = 0; i < 4; i++) pods.push(await addPod(host, { name: `pod${i}`, conf }));
  const old = await Promise.all(pods.map((pod) => addressOf(pod, 4)));
  const dead = await podPorts(host);
  assertEquals(dead.length, 5);

  await host.powerCycle();

  await t.step("the ports of dead pods are still in the switch's database", async () => {
    assertEquals(await podPorts(host), dead);
    assertEquals((await recorded(host))["kube"]?.length, 4);
  });

  await t.step("a new pod starts beside them, and ends what was recorded of them", async () => {
    await using pod = await addPod(host, { conf });
    assert(await pod.reaches(await addressOf(neighbour, 4)));
    requireOk(await pod.again("DEL"));
    assertEquals(await recorded(host), { kube: [], podnet: [] });
    assertEquals((await podPorts(host)).length, dead.length);
  });

  await t.step("GC of each conf cleans its own ports", async () => {
    // Though a sandbox of another name stands at the path of a dead one.
    await using taken = await host.sandbox("pod0");
    await gc(host, "kube", []);
    assertEquals((await podPorts(host)).length, 1);
    await taken.remove();
    await gc(host, "podnet", []);
    await assertNothingLeft(host);
    await assertRecorded(elsewhere, neighbour, { network: "vlan100" });
  });

  await t.step("the addresses are free, and reach their new pods", async () => {
    for (const address of old) {
      await using pod = await addPod(host, {
        conf: { ...conf, runtimeConfig: { ips: [address] } },
      });
      assert(await neighbour.reaches(address));
      requireOk(await pod.again("DEL"));
    }
  });

  await t.step("podman starts its container again", async () => {
    await bootContainer(host, web);
    await assertRecorded(host, web, { network: "vlan100" });
    assert(await web.reaches(await addressOf(neighbour, 4)));
    await web.remove();
    await assertNothingLeft(host);
  });
});

Deno.test("a container that starts after a reboot without any GC keeps its addresses", async () => {
  await using lab = await startBed({ hosts: 1, install: () => ({ conflists: CONFLISTS }) });
  const host = lab.host(0);
  const podman = await host.podman();
  const web = await podman.run("web", { networks: ["podnet"] });
  const before = await addressOf(web, 6);
  const [record] = await attachments(host);
  await host.powerCycle();
  await bootContainer(host, web);
  const after = await assertRecorded(host, web, { network: "vlan100" });
  assertEquals(await addressOf(web, 6), before);
  assertNotEquals(after.bootId, record?.bootId);
  assert(await web.reaches("fd00:100::1"));
  await web.remove();
  await assertNothingLeft(host);
});
