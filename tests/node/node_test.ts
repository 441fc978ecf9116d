/** Damage of a node as such: daemons, names, files, installation. */

import { ulid } from "@std/ulid";
import { FABRIC_BINARY } from "../lab/mod.ts";
import { changeConfig } from "./node_bed.ts";
import { nodeScenarios, type World } from "./scenario.ts";

const CONF = "/etc/cni/net.d/10-fabric.conflist";

/** Changes the value under a key, past the library. */
async function alter(
  { bed }: World,
  key: string,
  change: (value: Record<string, unknown>) => void,
): Promise<void> {
  const { kvs } = await bed.store.range({ key });
  const value: Record<string, unknown> = { ...Object(JSON.parse(kvs[0]?.value ?? "{}")) };
  change(value);
  await bed.store.txn({ success: [{ put: key, value: JSON.stringify(value) }] });
}

/** Puts the value back that stood under the key before. */
function keeping(key: string, damage: (world: World) => Promise<unknown>) {
  let before = "";
  return {
    damage: async (world: World) => {
      before = (await world.bed.store.range({ key })).kvs[0]?.value ?? "";
      await damage(world);
    },
    byHand: (world: World) =>
      world.bed.store.txn({
        success: [before === "" ? { delete: { key } } : { put: key, value: before }],
      }),
  };
}

/** A file that is put back. */
function keepingFile(path: string, damage: (world: World) => Promise<unknown>) {
  let before = "";
  return {
    damage: async (world: World) => {
      before = await world.host.readFile(path);
      await damage(world);
    },
    byHand: (world: World) => world.host.writeFile(path, before),
  };
}

Deno.test(
  "damage of a node itself",
  nodeScenarios([
    {
      code: "F-C-01",
      name: "ovsdb-server killed",
      damage: ({ host }) => host.ovs.kill("ovsdb-server"),
      byHand: ({ host }) => host.ovs.start("ovsdb-server"),
    },
    {
      code: "F-C-02",
      name: "ovs-vswitchd killed",
      damage: ({ host }) => host.ovs.kill("ovs-vswitchd"),
      byHand: ({ host }) => host.ovs.start("ovs-vswitchd"),
    },
    {
      code: "F-C-03",
      name: "clock a minute behind",
      damage: () => Promise.resolve(),
      // The machine has one clock; only what is read of it can be another.
      check: { changes: { clock: () => Promise.resolve({ endpoint: "etcd", aheadMs: -60_000 }) } },
      once: true,
    },
    {
      code: "F-C-04",
      name: "records of another machine under the node's name",
      ...keeping("nodes/local/host1", (world) =>
        alter(world, "nodes/local/host1", (node) => {
          node["status"] = { ...Object(node["status"]), machineId: "f".repeat(32) };
        })),
    },
    {
      code: "F-C-05",
      name: "zone deleted",
      ...keeping(
        "zones/zone1",
        ({ bed }) => bed.store.txn({ success: [{ delete: { key: "zones/zone1" } }] }),
      ),
    },
    {
      code: "F-C-06",
      name: "zone of the record changed",
      ...keeping("nodes/local/host1", (world) =>
        alter(world, "nodes/local/host1", (node) => {
          node["spec"] = { ...Object(node["spec"]), zone: "zone2" };
        })),
    },
    {
      code: "F-C-07",
      name: "physical network added to the zone",
      ...keeping("zones/zone1", (world) =>
        alter(world, "zones/zone1", (zone) => {
          zone["spec"] = { physicalNetworks: ["prod", "dmz"] };
        })),
    },
    {
      code: "F-C-08",
      name: "the node knows a newer store",
      ...keepingFile("/var/lib/fabric/store.json", async ({ host }) => {
        const known: unknown = JSON.parse(await host.readFile("/var/lib/fabric/store.json"));
        const later = JSON.stringify({ ...Object(known), revision: 1_000_000_000 });
        await host.writeFile("/var/lib/fabric/store.json", later);
      }),
    },
    {
      code: "F-C-09",
      name: "what the node knows of the store overwritten",
      damage: ({ host }) => host.writeFile("/var/lib/fabric/store.json", "oops"),
    },
    {
      code: "F-C-10",
      name: "file in the spool that is no entry",
      damage: ({ host }) =>
        host.writeFile("/var/lib/fabric/spool/01ABC-fbaaaaaaaaaaaaa.json", '{"v":1'),
      tidy: ({ host }) => host.execOk("rm -r /var/lib/fabric/spool-broken"),
    },
    {
      code: "F-C-11",
      name: "spooled DEL of an hour ago",
      damage: async ({ host, pod, port }) => {
        await host.execOk(`ovs-vsctl del-port ${port}; ip link del ${port}
nft delete chain netdev fabric ${port} 2>/dev/null || :`);
        const { cluster, name: node } = host.plan;
        const ref = { cluster, node, containerId: pod.containerId, ifname: "eth0" };
        const at = new Date(Date.now() - 3_600_000).toISOString();
        const entry = { v: 1, ref, port, portRemains: true, recordRemains: true, at };
        await host.writeFile(
          `/var/lib/fabric/spool/${ulid()}-${port}.json`,
          JSON.stringify(entry),
        );
      },
      gone: true,
    },
    {
      code: "F-C-12",
      name: "executable replaced by an empty file",
      damage: ({ host }) => host.execOk(["umount", "/opt/cni/bin/fabric"]),
      byHand: ({ host }) => host.mount(FABRIC_BINARY, "/opt/cni/bin/fabric"),
    },
    {
      code: "F-C-13",
      name: "conflist deleted",
      ...keepingFile(CONF, ({ host }) => host.execOk(["rm", CONF])),
    },
    {
      code: "F-C-13",
      name: "conflist cut off",
      ...keepingFile(
        CONF,
        ({ host }) => host.writeFile(CONF, '{"name":"fabric","plugins":[{"type":"fabric"'),
      ),
    },
    {
      code: "F-C-14",
      name: "another configuration sorts first",
      damage: ({ host }) =>
        host.writeFile("/etc/cni/net.d/00-bridge.conf", '{"name":"x","type":"bridge"}'),
      byHand: ({ host }) => host.execOk(["rm", "/etc/cni/net.d/00-bridge.conf"]),
    },
    {
      code: "F-C-15",
      name: "conflist and configuration writable by others",
      damage: ({ host }) => host.execOk(`chmod 666 ${CONF}; chmod 777 /etc/fabric`),
    },
    {
      code: "F-C-16",
      name: "store of a later schema",
      ...keeping(
        "meta/schema",
        ({ bed }) => bed.store.txn({ success: [{ put: "meta/schema", value: '{"schema":99}' }] }),
      ),
    },
    {
      code: "F-B-05",
      name: "uplink configured that the host does not have",
      damage: async ({ host }) => {
        await changeConfig(host, (config) => {
          config["physicalNetworks"] = { prod: { bridge: "br-prod", uplink: "eth7" } };
        });
        await host.ovs.vsctl("--no-wait", "add-port", "br-prod", "eth7");
      },
      byHand: async ({ host }) => {
        await host.ovs.vsctl("del-port", "eth7");
        await changeConfig(host, (config) => {
          config["physicalNetworks"] = { prod: { bridge: "br-prod" } };
        });
      },
    },
  ]),
);
