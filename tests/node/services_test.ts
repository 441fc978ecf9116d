/** Damage of the way to Services. */

import { networkObject } from "../e2e/bed.ts";
import { requireOk } from "../lab/mod.ts";
import { SERVICES } from "../service/bed.ts";
import { changeConfig } from "./node_bed.ts";
import { nodeScenarios, type World } from "./scenario.ts";

/** The ADD's set-up is of this node's vswitchd; a runtime's STATUS sees that all is well after a repair. */
async function isWell({ host }: World): Promise<void> {
  requireOk(await host.fabric("STATUS"));
}

Deno.test(
  "damage of the way to Services",
  nodeScenarios([
    {
      code: "F-E-01",
      name: "the node's device deleted",
      damage: ({ host }) => host.execOk("ip link del svc100-ulm4"),
      tidy: isWell,
    },
    {
      code: "F-E-01",
      name: "the switch's port deleted",
      damage: ({ host }) => host.ovs.vsctl("del-port", "svp100-ulm4"),
      tidy: isWell,
    },
    {
      code: "F-E-02",
      name: "flows of pods deleted",
      damage: ({ host }) => host.ovs.ofctl("del-flows", "br-prod", "table=120"),
    },
    {
      code: "F-E-02",
      name: "vswitchd restarted",
      damage: ({ host }) => host.ovs.restartVswitchd(),
    },
    {
      code: "F-V-01",
      name: "a pod's port removed by hand: it has another number then",
      damage: ({ host, port }) => host.ovs.vsctl("del-port", port),
      tidy: isWell,
    },
    {
      code: "F-E-02",
      name: "a pod's port with another number",
      damage: ({ host, port }) => host.ovs.vsctl("set", "interface", port, "ofport_request=77"),
    },
    {
      code: "F-E-03",
      name: "flows of a pod that is gone",
      damage: ({ host }) =>
        host.ovs.ofctl(
          "add-flow",
          "br-prod",
          "cookie=0xfab5000000000001,table=120,priority=100,ip,nw_src=10.100.0.99,actions=drop",
        ),
    },
    {
      code: "F-E-04",
      name: "table of nftables flushed",
      damage: ({ host }) => host.execOk("nft flush ruleset inet"),
    },
    {
      code: "F-E-04",
      name: "a rule of routing deleted",
      damage: ({ host }) => host.execOk("ip -6 rule del pref 10103"),
    },
    {
      code: "F-E-04",
      name: "a network's gateway replaced",
      damage: ({ host }) =>
        host.execOk(
          `t=$(ip -4 route show table all | sed -n 's/^default .* table \\([0-9]*\\) .*/\\1/p')
          ip route replace default via 10.100.0.9 dev svc100-ulm4 onlink table "$t"`,
        ),
    },
    {
      code: "F-E-05",
      name: "the node's route to a pod deleted",
      damage: ({ host }) => host.execOk("ip route flush table 2000000"),
    },
    {
      code: "F-E-05",
      name: "a pod's neighbour entry replaced",
      damage: ({ host }) =>
        host.execOk(`a=$(ip -o route show table 2000000 | cut -d' ' -f1)
          ip neigh replace "$a" lladdr 02:00:00:00:00:99 dev svc100-ulm4 nud permanent`),
    },
    {
      code: "F-E-06",
      name: "a route to a pod that is gone",
      damage: ({ host }) => host.execOk("ip route add 10.100.0.99 dev svc100-ulm4 table 2000000"),
    },
    {
      code: "F-E-07",
      name: "routes deleted in the pod",
      damage: ({ pod }) =>
        pod.execOk("ip route del 10.96.0.0/16; ip neigh del 169.254.1.1 dev eth0"),
    },
    {
      code: "F-E-08",
      name: "services switched off",
      damage: ({ host }) => changeConfig(host, (config) => void delete config["services"]),
      tidy: ({ host }) => changeConfig(host, (config) => Object.assign(config, SERVICES)),
    },
  ], {
    install: () => ({ config: SERVICES }),
    objects: [
      networkObject("vlan100", {
        vlan: 100,
        subnets: [
          { cidr: "10.100.0.0/24", gateway: "10.100.0.1", exclude: ["10.100.0.1-10.100.0.19"] },
          { cidr: "fd00:100::/64", gateway: "fd00:100::1" },
        ],
      }),
    ],
  }),
);
