/**
 * Damage of ports, of the devices behind them, and of what they leave.
 *
 * @module
 */

import { release } from "../../mod/ipam/release.ts";
import { EXTERNAL_ID_PREFIX } from "../../mod/ovsdb/external_ids.ts";
import { confFor } from "../e2e/bed.ts";
import type { NodeScenario, World } from "./scenario.ts";

const LIMITED = confFor("vlan100", {
  runtimeConfig: { bandwidth: { ingressRate: 50_000_000, egressRate: 40_000_000 } },
});

/** Removes the sandbox with everything of it but what `keep` names. */
async function vanish({ host, pod, port, bed, key }: World): Promise<void> {
  await pod.remove();
  await host.execOk(`ip link del ${port} 2>/dev/null || :
nft delete chain netdev fabric ${port} 2>/dev/null || :`);
  await bed.store.txn({ success: [{ delete: { key } }] });
}

/** Ends the pod as its DEL does, so that only what is done after that is left. */
async function end({ pod }: World): Promise<void> {
  await pod.again("DEL");
}

/** Each is of one kind. */
export const PORT_DAMAGES: readonly NodeScenario[] = [
  {
    code: "F-V-01",
    name: "port removed by hand",
    damage: ({ host, port }) => host.ovs.vsctl("del-port", port),
  },
  {
    code: "F-V-02",
    name: "attachment, addresses, MAC and history lost in etcd",
    damage: async ({ bed, key, pod, host }) => {
      const { kvs } = await bed.store.range({ key: "\u0001", end: "\u007f" });
      const lost = kvs.filter(({ key: it, value }) =>
        it === key || (/^(addresses|macs|history|history-by-owner)\//.test(it) &&
          value.includes(pod.containerId) && value.includes(host.plan.name))
      );
      await bed.store.txn({ success: lost.map(({ key }) => ({ delete: { key } })) });
    },
  },
  {
    code: "F-V-02",
    name: "attachment alone lost in etcd",
    damage: ({ bed, key }) => bed.store.txn({ success: [{ delete: { key } }] }),
  },
  {
    code: "F-V-02",
    name: "the pod's address is another's by now",
    damage: async ({ bed, key, pod }) => {
      const { kvs } = await bed.store.range({ key: "addresses/", end: "addresses0" });
      const [own] = kvs.filter(({ value }) => value.includes(pod.containerId));
      const record: Record<string, unknown> = { ...JSON.parse(own?.value ?? "{}"), id: "other" };
      delete record["owner"];
      await bed.store.txn({
        success: [
          { delete: { key } },
          { put: own?.key ?? "", value: JSON.stringify(record) },
        ],
      });
    },
    byHand: async ({ bed, host, port, pod }) => {
      await host.ovs.vsctl("del-port", port);
      await host.execOk(`ip link del ${port}; nft delete chain netdev fabric ${port}`);
      const { kvs } = await bed.store.range({ key: "addresses/", end: "addresses0" });
      const keys = kvs.filter(({ value }) => value.includes(pod.containerId));
      await bed.store.txn({ success: keys.map(({ key }) => ({ delete: { key } })) });
    },
    gone: true,
  },
  {
    code: "F-V-02",
    name: "a DEL that ended the record and left the host as it was",
    damage: async ({ bed, host, pod }) => {
      const { cluster, name: node } = host.plan;
      const ref = { cluster, node, containerId: pod.containerId, ifname: "eth0" };
      await release((await bed.context()).ipam, ref, { endedBy: "del" });
    },
    gone: true,
  },
  {
    code: "F-V-03",
    name: "port left behind",
    damage: async (world) => {
      await vanish(world);
    },
    gone: true,
  },
  {
    code: "F-V-04",
    name: "facts of a port overwritten, attachment lost",
    damage: async ({ host, port, bed, key }) => {
      await host.ovs.vsctl("clear", "port", port, "external_ids");
      await bed.store.txn({ success: [{ delete: { key } }] });
    },
    byHand: ({ host, port }) =>
      host.execOk(`ovs-vsctl del-port ${port}; ip link del ${port}
nft delete chain netdev fabric ${port}`),
    gone: true,
  },
  {
    code: "F-V-05",
    name: "port of another cluster",
    damage: ({ host }) =>
      host.execOk(`ip link add other0 type veth peer name other1; ip link set other0 up
ovs-vsctl add-port br-prod other0 -- set port other0 tag=100 \\
  'external_ids:"${EXTERNAL_ID_PREFIX}cluster"=elsewhere' \\
  'external_ids:"${EXTERNAL_ID_PREFIX}node"=n1' \\
  'external_ids:"${EXTERNAL_ID_PREFIX}container-id"=c1' \\
  'external_ids:"${EXTERNAL_ID_PREFIX}ifname"=eth0'`),
    byHand: ({ host }) => host.execOk("ovs-vsctl del-port other0; ip link del other0"),
  },
  {
    code: "F-V-06",
    name: "tag changed",
    damage: ({ host, port }) => host.ovs.vsctl("set", "port", port, "tag=200"),
  },
  {
    code: "F-V-07",
    name: "tag removed, so that the port is a trunk of all",
    damage: ({ host, port }) =>
      host.ovs.vsctl("clear", "port", port, "tag", "--", "clear", "port", port, "vlan_mode"),
  },
  {
    code: "F-V-07",
    name: "further VLANs on the port",
    damage: ({ host, port }) =>
      host.ovs.vsctl("set", "port", port, "vlan_mode=native-untagged", "trunks=200"),
  },
  {
    code: "F-V-08",
    name: "port moved to another bridge",
    damage: ({ host, port }) =>
      host.execOk(`set -e
ovs-vsctl --may-exist add-br br-other -- set bridge br-other datapath_type=netdev
port=$(ovs-vsctl get port ${port} _uuid)
ovs-vsctl remove bridge br-prod ports $port -- add bridge br-other ports $port`),
  },
  {
    code: "F-B-13",
    name: "port in two bridges",
    damage: ({ host, port }) =>
      host.execOk(`ovs-vsctl --may-exist add-br br-other -- set bridge br-other datapath_type=netdev
ovs-vsctl --no-wait add bridge br-other ports \\
  "$(ovs-vsctl get port ${port} _uuid)"`),
  },
  {
    code: "F-V-09",
    name: "interface of a type that there is not",
    damage: ({ host, port }) =>
      host.execOk(`ovs-vsctl --no-wait set interface ${port} type=bogus
for i in 1 2 3 4 5 6 7 8 9 10; do
  [ "$(ovs-vsctl get interface ${port} ofport)" = -1 ] && exit; sleep 0.1
done; exit 1`),
  },
  {
    code: "F-V-10",
    name: "device deleted and made anew under the port",
    damage: ({ host, port, pod }) =>
      host.execOk(`addresses=$(ip -n ${pod.containerId} -o addr show dev eth0 scope global)
mac=$(ip -n ${pod.containerId} -o link show dev eth0 | grep -o 'ether [0-9a-f:]*' | cut -c7-)
ip link del ${port}
ip link add ${port} type veth peer name eth0 netns ${pod.path}
nft delete chain netdev fabric ${port} 2>/dev/null || :
nft "add chain netdev fabric ${port} { type filter hook ingress device \\"${port}\\" priority -500; policy drop; }"
ip link set ${port} up
nsenter --net=${pod.path} sh -euc '
  echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
  echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra
  echo 0 >/proc/sys/net/ipv6/conf/eth0/autoconf
  ethtool -K eth0 tx off >/dev/null
  ip link set eth0 address '$mac' up
  ${
        pod.result.ips.map(({ address, gateway }) =>
          `ip addr add ${address} dev eth0${
            address.includes(":") ? " nodad" : ""
          }; ip route add default via ${gateway}`
        ).join("\n  ")
      }'`),
  },
  {
    code: "F-V-11",
    name: "facts changed",
    damage: ({ host, port }) =>
      host.execOk(`ovs-vsctl set port ${port} 'external_ids:"${EXTERNAL_ID_PREFIX}pod"=a/b' \\
  'external_ids:"${EXTERNAL_ID_PREFIX}addresses"=10.0.0.1/8'`),
  },
  {
    code: "F-V-11",
    name: "facts lost",
    damage: ({ host, port }) => host.ovs.vsctl("clear", "port", port, "external_ids"),
  },
  {
    code: "F-V-12",
    name: "a second port with the facts of a pod",
    tidy: ({ host }) => host.execOk("ovs-vsctl del-port copy0; ip link del copy0"),
    damage: ({ host, port }) =>
      host.execOk(`ip link add copy0 type veth peer name copy1
ip link set copy0 up; ip link set copy1 up
ovs-vsctl add-port br-prod copy0 tag=100
ovs-vsctl set port copy0 'external_ids:"${EXTERNAL_ID_PREFIX}cluster"=local' \\
  'external_ids:"${EXTERNAL_ID_PREFIX}node"=host1' \\
  'external_ids:"${EXTERNAL_ID_PREFIX}ifname"=eth0' \\
  'external_ids:"${EXTERNAL_ID_PREFIX}container-id"='"$(ovs-vsctl get port ${port} \\
    'external_ids:"${EXTERNAL_ID_PREFIX}container-id"')"`),
  },
  {
    code: "F-V-13",
    name: "mtu_request lowered",
    damage: ({ host, port }) => host.ovs.vsctl("set", "interface", port, "mtu_request=1400"),
  },
  {
    code: "F-V-14",
    name: "QoS of a limited port removed",
    conf: LIMITED,
    damage: ({ host, port }) =>
      host.execOk(`qos=$(ovs-vsctl get port ${port} qos)
ovs-vsctl clear port ${port} qos -- destroy qos $qos
tc qdisc replace dev ${port} root tbf rate 50000000bit burst 25000 limit 337500`),
  },
  {
    code: "F-V-15",
    name: "QoS row without a port",
    damage: ({ host }) =>
      host.ovs.vsctl(
        ...["--", "create", "qos", "type=linux-noop"],
        `external_ids:"${EXTERNAL_ID_PREFIX}port"=fbaaaaaaaaaaaaa`,
      ),
  },
  {
    code: "F-V-16",
    name: "Queue row without a QoS",
    damage: ({ host }) =>
      host.ovs.vsctl(
        ...["--", "create", "queue", "other_config:max-rate=1000"],
        `external_ids:"${EXTERNAL_ID_PREFIX}port"=fbaaaaaaaaaaaaa`,
      ),
  },
  {
    code: "F-D-01",
    name: "host's end set down",
    damage: ({ host, port }) => host.execOk(["ip", "link", "set", port, "down"]),
  },
  {
    code: "F-D-02",
    name: "device left behind",
    damage: async (world) => {
      await end(world);
      await world.host.execOk(
        `ip link add ${world.port} type veth peer name eth0 netns ${world.pod.path}`,
      );
    },
    gone: true,
  },
  {
    code: "F-D-03",
    name: "filter of the host's end deleted",
    damage: ({ host, port }) => host.execOk(["nft", "delete", "chain", "netdev", "fabric", port]),
  },
  {
    code: "F-D-03",
    name: "filter lets ARP through",
    damage: ({ host, port }) =>
      host.execOk(["nft", "add", "rule", "netdev", "fabric", port, "ether type arp accept"]),
  },
  {
    code: "F-D-04",
    name: "filter left of a device that is gone",
    damage: ({ host }) => host.execOk("nft 'add chain netdev fabric fbaaaaaaaaaaaaa'"),
  },
  {
    code: "F-D-05",
    name: "limit of traffic to the pod removed",
    conf: LIMITED,
    damage: ({ host, port }) => host.execOk(["tc", "qdisc", "del", "dev", port, "root"]),
  },
  {
    code: "F-D-05",
    name: "limit of traffic to the pod changed",
    conf: LIMITED,
    damage: ({ host, port }) =>
      host.execOk(`tc qdisc replace dev ${port} root tbf rate 1mbit burst 32k limit 256k`),
  },
];
