/** ADD fails fast and whole, and says what was missing; DEL does without. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type EquippedHost, type Lab, type PluginCall, requireOk } from "../lab/mod.ts";
import { confFor, declare, networkObject, startBed } from "./bed.ts";
import { addPod, failureOf } from "./by_hand.ts";
import { assertNothingLeft } from "./records.ts";

const CONF = confFor("vlan100");

interface Expected {
  readonly code: number;
  readonly msg: RegExp;
  /** How long the ADD may take. */
  readonly withinMs: number;
}

/** An ADD that must fail so. The limits hold on a busy machine too, hence the second more. */
async function addFails(
  host: EquippedHost,
  call: PluginCall,
  { code, msg, withinMs }: Expected,
): Promise<void> {
  const start = performance.now();
  const answer = await host.fabric("ADD", { conf: CONF, ...call });
  const took = performance.now() - start;
  const failure = failureOf(answer);
  assertMatch(failure.msg, msg);
  assertEquals(failure.code, code, failure.msg);
  assert((failure.details ?? "") !== "", `no remedy: ${failure.msg}`);
  assert(took < withinMs, `it took ${Math.round(took)} ms`);
}

async function delSucceeds(host: EquippedHost, call: PluginCall): Promise<void> {
  const answer = requireOk(await host.fabric("DEL", { conf: CONF, ...call }));
  assertEquals(answer, "");
}

Deno.test("ADD says what is wrong with the request, and leaves nothing", async (t) => {
  await using lab = await startBed({
    hosts: [{ name: "host1" }, { name: "host2", zone: "zone2" }],
    objects: [
      networkObject("elsewhere", {
        vlan: 300,
        zones: ["zone2"],
        subnets: [{ cidr: "10.30.0.0/24" }],
      }),
      networkObject("tiny", {
        vlan: 301,
        coolingSeconds: 0,
        subnets: [{ cidr: "10.31.0.0/30" }],
      }),
    ],
  });
  const host = lab.host(0);
  await using sandbox = await host.sandbox();
  const withinMs = 2_000;

  await t.step("no such network", () =>
    addFails(host, { sandbox, conf: confFor("nowhere") }, {
      code: 102,
      msg: /^Network nowhere does not exist$/,
      withinMs,
    }));
  await t.step(
    "a network that does not reach this node's zone",
    () =>
      addFails(host, { sandbox, conf: confFor("elsewhere") }, {
        code: 103,
        msg: /^Network elsewhere does not reach zone zone1: it reaches zone2$/,
        withinMs,
      }),
  );
  await t.step("no network at all", () =>
    addFails(host, { sandbox, conf: confFor(undefined) }, {
      code: 7,
      msg: /^No network is named for this interface$/,
      withinMs,
    }));
  await t.step("a namespace that is missing, or none", async () => {
    await host.execOk("touch /run/netns/plain");
    for (const netns of ["/run/netns/gone", "/run/netns/plain", "/proc/999999/ns/net"]) {
      await addFails(host, { containerId: "c1", netns }, {
        code: 3,
        msg: /^there is no network namespace at /,
        withinMs,
      });
      await delSucceeds(host, { containerId: "c1", netns });
    }
    await host.execOk("rm /run/netns/plain");
  });
  await t.step(
    "the host's own namespace",
    () =>
      addFails(host, { containerId: "c1", netns: "/proc/1/ns/net", ifname: "eth9" }, {
        code: 4,
        msg: /is the host's own network namespace/,
        withinMs,
      }),
  );
  await t.step("an interface of that name, which is left alone", async () => {
    const pod = await addPod(host, { conf: CONF });
    const before = await pod.execOk("ip addr; ip route; ip -6 route");
    await addFails(host, { sandbox: pod }, {
      code: 116,
      msg: /^interface eth0 exists already in /,
      withinMs,
    });
    // Another container id: nothing of ours stands for it.
    await addFails(host, { sandbox: pod, containerId: "another" }, {
      code: 116,
      msg: /^interface eth0 exists already in /,
      withinMs,
    });
    assertEquals(await pod.execOk("ip addr; ip route; ip -6 route"), before);
    assert(await pod.reaches("10.100.0.1"));
    await delSucceeds(host, { sandbox: pod });
    await pod.remove();
  });
  await t.step("a network that is full", async () => {
    const last = [await addPod(host, { conf: confFor("tiny") })];
    last.push(await addPod(host, { conf: confFor("tiny") }));
    await addFails(host, { sandbox, conf: confFor("tiny") }, {
      code: 101,
      msg: /tiny/,
      withinMs,
    });
    for (const pod of last) await delSucceeds(host, { sandbox: pod });
    for (const pod of last) await pod.remove();
  });
  await t.step("an address or a MAC of somebody else", async () => {
    const pod = await addPod(host, { conf: CONF });
    const ips = [pod.result.ips[0]?.address ?? ""];
    const mac = pod.result.interfaces[1]?.mac ?? "";
    for (const runtimeConfig of [{ ips }, { mac }]) {
      await addFails(host, { sandbox, conf: { ...CONF, runtimeConfig } }, {
        code: 104,
        msg: /taken|belongs|used|holds|has/,
        withinMs,
      });
    }
    await delSucceeds(host, { sandbox: pod });
    await pod.remove();
  });
  await t.step("a rate that cannot be kept", () =>
    addFails(host, {
      sandbox,
      conf: { ...CONF, runtimeConfig: { bandwidth: { ingressRate: 9_000 } } },
    }, { code: 7, msg: /rate limit of 9000 bit\/s is out of bounds/, withinMs }));
  await assertNothingLeft(host);
});

Deno.test("ADD tells which neighbour is missing, and leaves nothing; DEL does without", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  await using sandbox = await host.sandbox();
  const oneSecond = 1_000;

  await t.step("a bridge that does not exist", async () => {
    await host.installFabric({
      config: { physicalNetworks: { prod: { bridge: "br-none" } } },
    });
    await addFails(host, { sandbox }, {
      code: 114,
      msg: /^Bridge br-none of physical network prod does not exist$/,
      withinMs: 2_000,
    });
    await delSucceeds(host, { sandbox });
    await host.installFabric({ config: { physicalNetworks: { dmz: { bridge: "br-dmz" } } } });
    await addFails(host, { sandbox }, {
      code: 114,
      msg: /^Physical network prod has no bridge on node host1$/,
      withinMs: 2_000,
    });
    await host.installFabric();
  });

  await t.step(
    "ovsdb-server is down",
    () =>
      withoutDaemon(host, "ovsdb-server", "kill", async () => {
        await addFails(host, { sandbox }, {
          code: 112,
          msg: /^ovsdb-server does not answer on /,
          withinMs: 2_000 + oneSecond,
        });
        await delSucceeds(host, { sandbox });
      }),
  );
  await t.step(
    "ovsdb-server hangs",
    () =>
      withoutDaemon(host, "ovsdb-server", "freeze", async () => {
        await addFails(host, { sandbox }, {
          code: 112,
          msg: /^ovsdb-server does not answer on /,
          withinMs: 2_000 + oneSecond,
        });
        await delSucceeds(host, { sandbox });
      }),
  );
  await t.step("what DEL could not say to ovsdb-server is said by the next call", async () => {
    const pod = await addPod(host, { conf: CONF });
    await delSucceeds(host, { sandbox: pod });
    await pod.remove();
    await assertNothingLeft(host);
  });
  await t.step(
    "ovs-vswitchd is down",
    () =>
      withoutDaemon(host, "ovs-vswitchd", "kill", async () => {
        await addFails(host, { sandbox }, {
          code: 113,
          msg: /^ovs-vswitchd did not take up port fb/,
          withinMs: 5_000 + oneSecond,
        });
        await delSucceeds(host, { sandbox });
      }),
  );
  await t.step(
    "ovs-vswitchd hangs",
    () =>
      withoutDaemon(host, "ovs-vswitchd", "freeze", async () => {
        await addFails(host, { sandbox }, {
          code: 113,
          msg: /^ovs-vswitchd did not take up port fb/,
          withinMs: 5_000 + oneSecond,
        });
        await delSucceeds(host, { sandbox });
      }),
  );
  await assertNothingLeft(host);

  await t.step("etcd is down", async () => {
    await lab.etcd.kill(0);
    const failure = { code: 110, msg: /^etcd cannot be reached: /, withinMs: 5_000 + oneSecond };
    await addFails(host, { sandbox }, failure);
    await delSucceeds(host, { sandbox });
    await lab.etcd.restart(0);
  });
  await t.step("etcd hangs", async () => {
    await lab.etcd.pause(0);
    await addFails(host, { sandbox }, { code: 110, msg: /etcd/, withinMs: 5_000 + oneSecond });
    await delSucceeds(host, { sandbox });
    await lab.etcd.resume(0);
  });
  await t.step("after all that, a pod comes and goes", async () => {
    const pod = await addPod(host, { conf: CONF });
    assert(await pod.reaches("10.100.0.1"));
    await delSucceeds(host, { sandbox: pod });
    await pod.remove();
    await assertNothingLeft(host);
  });
});

/** Does something while a daemon of Open vSwitch is down (`kill`) or hangs (`freeze`). */
async function withoutDaemon(
  host: EquippedHost,
  daemon: "ovsdb-server" | "ovs-vswitchd",
  how: "kill" | "freeze",
  action: () => Promise<void>,
): Promise<void> {
  await host.ovs[how](daemon);
  try {
    await action();
  } finally {
    if (how === "kill") await host.ovs.start(daemon);
    else await host.ovs.thaw(daemon);
  }
}

Deno.test("DEL takes away a pod whose bridge, network or namespace is gone", async (t) => {
  await using lab = await startBed({ hosts: 1 });
  const host = lab.host(0);
  await declare(host, [
    networkObject("short", { vlan: 302, subnets: [{ cidr: "10.32.0.0/24" }] }),
  ]);
  await t.step("namespace", async () => {
    const pod = await addPod(host, { conf: CONF });
    await pod.remove();
    await delSucceeds(host, { sandbox: pod });
    await delSucceeds(host, { sandbox: pod, netns: "" });
    await assertNothingLeft(host);
  });
  await t.step("record", async () => {
    const pod = await addPod(host, { conf: CONF });
    await removeFromStore(lab, pod.containerId);
    await delSucceeds(host, { sandbox: pod });
    await pod.remove();
  });
  await t.step("port and bridge", async () => {
    const pod = await addPod(host, { conf: CONF });
    await host.ovs.vsctl("del-br", "br-prod");
    await delSucceeds(host, { sandbox: pod });
    await pod.remove();
    await assertNothingLeft(host);
  });
});

/** Takes the record of an attachment away behind everybody's back. */
async function removeFromStore(lab: Lab, containerId: string): Promise<void> {
  const keys = await lab.etcd.etcdctl("get", "--prefix", "--keys-only", "/");
  const key = keys.split("\n").find((line) =>
    line.includes("/attachments/") && line.includes(containerId)
  );
  if (key === undefined) throw new Error(`no record of ${containerId} in ${keys}`);
  await lab.etcd.etcdctl("del", key);
}
