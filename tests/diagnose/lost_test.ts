/** What a pod lost, and cannot be put back. */

import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { requireOk } from "../lab/mod.ts";
import { addPod } from "../e2e/by_hand.ts";
import { addressOf, diagnose, hostEnd, podCall, type PodsBed, startPodsBed } from "./bed.ts";

Deno.test("diagnose names what a pod lost for good", async (t) => {
  await using bed = await startPodsBed();
  const { host, lab } = bed;
  const lost = async (
    name: string,
    layer: string,
    says: RegExp,
    take: (pod: PodsBed["a"]) => Promise<unknown>,
  ) => {
    const pod = await addPod(host, podCall(name));
    await take(pod);
    const found = await diagnose(host, "pod", `web/${name}`);
    assertEquals([found.broken, found.code], [layer, 3], JSON.stringify(found.report));
    assertMatch(found.says, says);
    requireOk(await pod.again("DEL"));
  };

  await t.step(
    "its namespace",
    () =>
      lost("ns", "namespace", /namespace \/run\/netns\/sandbox-ns is gone/, (pod) => pod.remove()),
  );
  await t.step(
    "its interface",
    () => lost("if", "namespace", /has no interface eth0/, (pod) => pod.execOk("ip link del eth0")),
  );
  await t.step(
    "its port",
    () =>
      lost(
        "port",
        "port",
        /Open vSwitch has no port fb/,
        (pod) => host.ovs.vsctl("del-port", hostEnd(pod)),
      ),
  );
  await t.step(
    "the device behind its port",
    () =>
      lost("dead", "port", /is dead: its device was made anew/, async (pod) => {
        const name = hostEnd(pod);
        const mac = pod.result.interfaces[1]?.mac;
        await host.execOk(`ip link del ${name}
        ip link add ${name} type veth peer name eth0 netns ${pod.name}; ip link set ${name} up`);
        await pod.execOk(`ip link set eth0 address ${mac} up
        ip address add ${addressOf(pod, 4)}/24 dev eth0; ip route add default via 10.100.0.1
        ip address add ${addressOf(pod, 6)}/64 dev eth0 nodad
        ip route add default via fd00:100::1`);
      }),
  );
  await t.step(
    "its record",
    () =>
      lost("rec", "record", /etcd has no attachment for it/, async (pod) => {
        const key = `/fabric/attachments/local/host1/${pod.containerId}/eth0`;
        const text = await lab.etcd.etcdctl("get", "--prefix", "--keys-only", "");
        const found = text.split("\n").find((line) => line.endsWith(key.slice("/fabric".length)));
        await lab.etcd.etcdctl("del", found ?? key);
      }),
  );
  await t.step(
    "its address to somebody else",
    () =>
      lost("stolen", "record", /etcd gives 10\.100\.0\.\d+ to nobody/, async (pod) => {
        const hex = addressOf(pod, 4).split(".").map((n) => Number(n).toString(16).padStart(2, "0"))
          .join("");
        const text = await lab.etcd.etcdctl("get", "--prefix", "--keys-only", "");
        const found = text.split("\n").find((line) =>
          line.endsWith(`/vlan100/4/${hex}`) &&
          line.includes("/addresses/")
        );
        await lab.etcd.etcdctl("del", found ?? "");
      }),
  );

  await t.step("a switch that hangs", async () => {
    for (const daemon of ["ovs-vswitchd", "ovsdb-server"] as const) {
      await host.ovs.freeze(daemon);
      const found = await diagnose(host, "pod", "web/a");
      await host.ovs.thaw(daemon);
      assertEquals([daemon, found.broken, found.code], [daemon, "port", 3]);
      assertMatch(found.says, new RegExp(`${daemon} does not`));
      assertLess(found.durationMs, 30_000);
    }
  });

  await t.step("etcd that hangs: the rest is judged all the same", async () => {
    await lab.etcd.pause(0);
    const found = await diagnose(host, "pod", "web/a");
    await lab.etcd.resume(0);
    const record = found.report.ways[0]?.path[0];
    assertEquals([found.broken, found.code, record?.status], [undefined, 0, "unknown"]);
    assertLess(found.durationMs, 30_000);
  });

  await t.step("etcd: the rest is judged all the same", async () => {
    await lab.etcd.kill(0);
    const found = await diagnose(host, "pod", "web/a");
    const record = found.report.ways[0]?.path[0];
    assertEquals([found.broken, found.code, record?.status], [undefined, 0, "unknown"]);
    assertMatch(record?.says ?? "", /etcd does not answer; the switch's port says 10\.100\.0/);
    await lab.etcd.restart(0);
  });
});
