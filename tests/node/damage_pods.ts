/**
 * Damage inside of pods, and of what is recorded of pods that are gone.
 *
 * @module
 */

import { confFor, networkObject } from "../e2e/bed.ts";
import { addInterface, type NodeScenario, type World } from "./scenario.ts";

const LIMITED = confFor("vlan100", {
  runtimeConfig: { bandwidth: { ingressRate: 50_000_000, egressRate: 40_000_000 } },
});
const ROUTED = confFor("routed");
const FOUR = confFor("four");

/** Runs a script inside of the pod. */
function inside({ pod }: World, script: string): Promise<string> {
  return pod.execOk(script);
}

/** The pod's address of a family, with its length. */
function own({ pod }: World, family: 4 | 6): string {
  return pod.result.ips.find(({ address }) => address.includes(":") === (family === 6))?.address ??
    "";
}

function host(address: string): string {
  return address.replace(/\/.*/, "");
}

/** Changes fields of the pod's attachment, past the library. */
async function alter({ bed, key }: World, fields: Readonly<Record<string, unknown>>) {
  const { kvs } = await bed.store.range({ key });
  const record: unknown = JSON.parse(kvs[0]?.value ?? "{}");
  const value = JSON.stringify({ ...Object(record), ...fields });
  await bed.store.txn({ success: [{ put: key, value }] });
}

/** Each is of one kind. */
export const POD_DAMAGES: readonly NodeScenario[] = [
  {
    code: "F-P-01",
    name: "namespace gone without a DEL",
    damage: async ({ pod, host, port }) => {
      await pod.remove();
      // What the runtime's DEL would have taken along.
      await host.execOk(`ovs-vsctl --if-exists del-port ${port}
nft delete chain netdev fabric ${port} 2>/dev/null || :`);
    },
    gone: true,
  },
  {
    code: "F-P-01",
    name: "namespace gone, its port left",
    damage: async ({ pod, host, port }) => {
      await pod.remove();
      await host.execOk(`nft delete chain netdev fabric ${port} 2>/dev/null || :`);
    },
    gone: true,
  },
  {
    code: "F-P-02",
    name: "attachment from an earlier boot",
    damage: async (world) => {
      const { pod, host, port } = world;
      await alter(world, { bootId: "00000000-0000-4000-8000-000000000000" });
      await pod.remove();
      await host.execOk(`ovs-vsctl --if-exists del-port ${port}
nft delete chain netdev fabric ${port} 2>/dev/null || :`);
    },
    gone: true,
  },
  {
    code: "F-P-03",
    name: "interface deleted inside of the pod",
    damage: (world) => inside(world, "ip link del eth0"),
  },
  {
    code: "F-P-03",
    name: "limited interface deleted on the host, with its port",
    conf: LIMITED,
    damage: ({ host, port }) =>
      host.execOk(`ovs-vsctl del-port ${port}; ip link del ${port}
nft delete chain netdev fabric ${port}`),
  },
  {
    code: "F-P-04",
    name: "interface renamed inside of the pod",
    damage: (world) => inside(world, "ip link set eth0 down; ip link set eth0 name lost0"),
    byHand: ({ pod }) => pod.again("DEL"),
    gone: true,
  },
  {
    code: "F-P-04",
    name: "another device in the place of the interface",
    damage: (world) =>
      inside(
        world,
        `ip link set eth0 down; ip link set eth0 name lost0
ip link add eth0 type veth peer name other0; ip link set eth0 up`,
      ),
    byHand: ({ pod }) => pod.again("DEL"),
    gone: true,
  },
  {
    code: "F-P-05",
    name: "interface set down",
    damage: (world) => inside(world, "ip link set eth0 down"),
  },
  {
    code: "F-P-06",
    name: "MAC changed",
    damage: (world) => inside(world, "ip link set eth0 address 0a:58:00:00:00:01"),
  },
  {
    code: "F-P-07",
    name: "MTU lowered",
    damage: (world) => inside(world, "ip link set eth0 mtu 1300"),
  },
  {
    code: "F-P-07",
    name: "MTU raised",
    damage: (world) => inside(world, "ip link set eth0 mtu 9000"),
  },
  {
    code: "F-P-08",
    name: "IPv4 address removed",
    damage: (world) => inside(world, `ip addr del ${own(world, 4)} dev eth0`),
  },
  {
    code: "F-P-08",
    name: "IPv6 address removed",
    damage: (world) => inside(world, `ip addr del ${own(world, 6)} dev eth0`),
  },
  {
    code: "F-P-08",
    name: "IPv6 switched off",
    damage: (world) => inside(world, "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"),
  },
  {
    code: "F-P-09",
    name: "address added by hand",
    damage: (world) => inside(world, "ip addr add 10.100.0.250/24 dev eth0"),
    byHand: (world) => inside(world, "ip addr del 10.100.0.250/24 dev eth0"),
  },
  {
    code: "F-P-10",
    name: "prefix length changed",
    damage: (world) =>
      inside(
        world,
        `ip addr del ${own(world, 4)} dev eth0; ip addr add ${host(own(world, 4))}/16 dev eth0
ip route add default via 10.100.0.1`,
      ),
  },
  {
    code: "F-P-10",
    name: "IPv6 prefix length changed",
    damage: (world) =>
      inside(
        world,
        `ip addr del ${own(world, 6)} dev eth0
ip addr add ${host(own(world, 6))}/56 dev eth0 nodad
ip -6 route replace default via fd00:100::1 dev eth0`,
      ),
  },
  {
    code: "F-P-11",
    name: "another host answered when the kernel asked",
    damage: async (world) => {
      const address = host(own(world, 6));
      await using _server = await world.lab.addServer({
        vlan: 100,
        addresses: [`${address}/64`],
        gateways: [],
      });
      await inside(
        world,
        `echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_dad
ip addr del ${address}/64 dev eth0; ip addr add ${address}/64 dev eth0
for i in $(seq 50); do ip addr show dev eth0 | grep -q dadfailed && exit; sleep 0.1; done; exit 1`,
      );
    },
  },
  {
    code: "F-P-12",
    name: "autoconfiguration switched on",
    damage: (world) =>
      inside(
        world,
        `echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_ra
echo 1 >/proc/sys/net/ipv6/conf/eth0/autoconf`,
      ),
  },
  {
    code: "F-P-12",
    name: "an address by a router's word",
    damage: (world) =>
      inside(world, "ip addr add fd00:dead::5/64 dev eth0 valid_lft 600 preferred_lft 600 nodad"),
  },
  {
    code: "F-P-13",
    name: "IPv6 switched on in an IPv4 network",
    conf: FOUR,
    damage: (world) => inside(world, "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6"),
  },
  {
    code: "F-P-14",
    name: "default route removed",
    damage: (world) => inside(world, "ip route del default"),
  },
  {
    code: "F-P-14",
    name: "IPv6 default route removed",
    damage: (world) => inside(world, "ip -6 route del default"),
  },
  {
    code: "F-P-15",
    name: "default route by another gateway",
    damage: (world) => inside(world, "ip route replace default via 10.100.0.2 dev eth0"),
  },
  {
    code: "F-P-15",
    name: "IPv6 default route by another gateway",
    damage: (world) =>
      inside(world, "ip -6 route del default; ip -6 route add default via fd00:100::2 dev eth0"),
  },
  {
    code: "F-P-16",
    name: "rules of a second interface removed",
    damage: async (world) => {
      await addInterface(world, "net1", "vlan200");
      await inside(
        world,
        `while ip rule del pref 1000 2>/dev/null; do :; done
while ip -6 rule del pref 1000 2>/dev/null; do :; done`,
      );
    },
    codes: ["F-P-16", "F-P-16"],
    tidy: ({ pod }) => pod.again("DEL", { ifname: "net1" }),
  },
  {
    code: "F-P-17",
    name: "route of the network removed",
    conf: ROUTED,
    damage: (world) => inside(world, "ip route del 192.168.77.0/24"),
  },
  {
    code: "F-P-18",
    name: "tx offload switched on",
    damage: (world) => inside(world, "ethtool -K eth0 tx on >/dev/null"),
  },
  {
    code: "F-P-19",
    name: "limit of traffic from the pod removed",
    conf: LIMITED,
    damage: (world) => inside(world, "tc qdisc del dev eth0 root"),
  },
  {
    code: "F-P-19",
    name: "limit of traffic from the pod changed",
    conf: LIMITED,
    damage: (world) =>
      inside(world, "tc qdisc replace dev eth0 root tbf rate 1mbit burst 32k limit 256k"),
  },
];

/** Networks that they need beside those of the lab. */
export const POD_NETWORKS = [
  networkObject("four", {
    vlan: 104,
    subnets: [{ cidr: "10.104.0.0/24", gateway: "10.104.0.1" }],
  }),
  networkObject("routed", {
    vlan: 105,
    subnets: [{ cidr: "10.105.0.0/24", gateway: "10.105.0.1" }],
    routes: [{ to: "192.168.77.0/24", via: "10.105.0.7" }],
  }),
];
