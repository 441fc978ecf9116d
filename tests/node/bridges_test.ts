/** Damage of bridges and their uplinks. */

import { networkObject } from "../e2e/bed.ts";
import { changeConfig } from "./node_bed.ts";
import { nodeScenarios, type World } from "./scenario.ts";

/** Fields of physical network `prod` in the host's configuration. */
function configure({ host }: World, fields: Readonly<Record<string, unknown>>): Promise<void> {
  return changeConfig(host, (config) => {
    config["physicalNetworks"] = { prod: { bridge: "br-prod", ...fields } };
  });
}

Deno.test(
  "damage of bridges",
  nodeScenarios([
    {
      code: "F-B-01",
      name: "bridge deleted, with the ports of its pods",
      damage: async (world) => {
        await configure(world, { create: true, uplink: "eth1", datapath: "netdev" });
        await world.host.ovs.vsctl("del-br", "br-prod");
      },
      codes: ["F-B-01", "F-V-01"],
      tidy: (world) => configure(world, {}),
    },
    {
      code: "F-B-02",
      name: "another datapath configured",
      damage: (world) => configure(world, { datapath: "system" }),
      byHand: (world) => configure(world, {}),
    },
    {
      code: "F-B-03",
      name: "uplink taken out of the bridge",
      damage: async (world) => {
        await configure(world, { uplink: "eth1" });
        await world.host.ovs.vsctl("del-port", "br-prod", "eth1");
      },
      tidy: (world) => configure(world, {}),
    },
    {
      code: "F-B-04",
      name: "no uplink, and none configured",
      damage: ({ host }) => host.ovs.vsctl("del-port", "br-prod", "eth1"),
      byHand: ({ host }) => host.ovs.vsctl("add-port", "br-prod", "eth1"),
    },
    {
      code: "F-B-05",
      name: "uplink's device renamed",
      damage: ({ host }) => host.execOk("ip link set eth1 down; ip link set eth1 name gone1"),
      byHand: ({ host }) =>
        host.execOk(`ip link set gone1 name eth1; ip link set eth1 up
ovs-vsctl del-port eth1 -- add-port br-prod eth1`),
    },
    {
      code: "F-B-06",
      name: "uplink set down",
      damage: ({ host }) => host.execOk(["ip", "link", "set", "eth1", "down"]),
    },
    {
      code: "F-B-07",
      name: "cable pulled",
      damage: ({ host }) => host.setCable("prod", false),
      byHand: ({ host }) => host.setCable("prod", true),
    },
    {
      code: "F-B-08",
      name: "uplink's trunk without the VLAN",
      damage: ({ host }) => host.ovs.vsctl("set", "port", "eth1", "trunks=200,201"),
      tidy: ({ host }) => host.ovs.vsctl("clear", "port", "eth1", "trunks"),
    },
    {
      code: "F-B-08",
      name: "uplink made an access port",
      damage: ({ host }) => host.ovs.vsctl("set", "port", "eth1", "tag=200"),
      byHand: ({ host }) => host.ovs.vsctl("clear", "port", "eth1", "tag"),
    },
    {
      code: "F-B-09",
      name: "uplink's MTU lowered",
      damage: ({ host }) => host.execOk(["ip", "link", "set", "eth1", "mtu", "1400"]),
    },
    {
      code: "F-B-10",
      name: "fail_mode secure, and vswitchd restarted without flows",
      damage: async ({ host }) => {
        await host.ovs.vsctl("set-fail-mode", "br-prod", "secure");
        await host.ovs.restartVswitchd();
      },
      tidy: ({ host }) => host.ovs.vsctl("del-fail-mode", "br-prod"),
    },
    {
      code: "F-B-11",
      name: "flows of somebody in a bridge that falls open",
      damage: ({ host }) =>
        host.ovs.ofctl("add-flow", "br-prod", "priority=100,tcp,tp_dst=9999,actions=drop"),
      byHand: ({ host }) => host.ovs.ofctl("del-flows", "br-prod", "tcp,tp_dst=9999"),
    },
    {
      code: "F-B-12",
      name: "flows of a port that is gone",
      damage: ({ host }) =>
        host.ovs.ofctl("add-flow", "br-prod", "priority=50,in_port=999,ip,actions=drop"),
    },
  ], {
    objects: [
      networkObject("vlan100", {
        vlan: 100,
        mtu: 1500,
        subnets: [
          { cidr: "10.100.0.0/24", gateway: "10.100.0.1", exclude: ["10.100.0.1-10.100.0.19"] },
          { cidr: "fd00:100::/64", gateway: "fd00:100::1" },
        ],
      }),
    ],
  }),
);
