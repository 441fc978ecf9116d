/** What breaks between the pod and the wire. */

import { addressOf, hostEnd } from "./bed.ts";
import { type Break, breaksTest, inPod, onHost, toServer } from "./breaks.ts";

const BREAKS: readonly Break[] = [
  {
    what: "the pod's interface is set down",
    layer: "addresses",
    says: /interface eth0 is set down/,
    ...inPod(() => ["ip link set eth0 down", "ip link set eth0 up; sleep 0.1; true"]),
    mend: async ({ a }) => {
      await a.execOk(`ip link set eth0 up
        ip route replace default via 10.100.0.1
        ip -6 address replace ${addressOf(a, 6)}/64 dev eth0 nodad
        ip -6 route replace default via fd00:100::1`);
    },
  },
  {
    what: "an address is missing",
    layer: "addresses",
    says: /does not have 10\.100\.0\.\d+\/24$/,
    break: ({ a }) => a.execOk(`ip address del ${addressOf(a, 4)}/24 dev eth0`),
    mend: ({ a }) =>
      a.execOk(
        `ip address add ${addressOf(a, 4)}/24 brd + dev eth0; ip route add default via 10.100.0.1`,
      ),
  },
  {
    what: "the default route is missing",
    layer: "addresses",
    says: /no IPv6 default route by fd00:100::1 through eth0/,
    ...inPod(() => ["ip -6 route del default", "ip -6 route add default via fd00:100::1"]),
  },
  {
    what: "the default route goes elsewhere",
    layer: "addresses",
    says: /sends packets for 10\.200\.0\.10 to 10\.100\.0\.9 dev eth0, not to its gateway/,
    args: toServer,
    ...inPod(() => [
      "ip route replace default via 10.100.0.9",
      "ip route replace default via 10.100.0.1",
    ]),
  },
  {
    what: "the host's end is set down",
    layer: "veth",
    says: /host's end fb\w+ of the pod's cable is set down/,
    ...onHost((port) => [`ip link set ${port} down`, `ip link set ${port} up`]),
  },
  {
    what: "the port has the wrong tag",
    layer: "port",
    says: /is in VLAN 200, and should be an access port in VLAN 100/,
    ...onHost((
      port,
    ) => [`ovs-vsctl set port ${port} tag=200`, `ovs-vsctl set port ${port} tag=100`]),
  },
  {
    what: "the port is a trunk",
    layer: "port",
    says: /is a trunk of all VLANs, and should be/,
    ...onHost((port) => [
      `ovs-vsctl clear port ${port} tag vlan_mode`,
      `ovs-vsctl set port ${port} tag=100 vlan_mode=access`,
    ]),
  },
  {
    what: "ovs-vswitchd is down",
    layer: "port",
    says: /ovs-vswitchd does not run/,
    break: ({ host }) => host.ovs.kill("ovs-vswitchd"),
    mend: ({ host }) => host.ovs.start("ovs-vswitchd"),
  },
  {
    what: "ovsdb-server is down",
    layer: "port",
    says: /ovsdb-server does not answer/,
    break: ({ host }) => host.ovs.kill("ovsdb-server"),
    mend: ({ host }) => host.ovs.start("ovsdb-server"),
  },
  {
    what: "a flow drops what the pod sends",
    layer: "flows",
    says: /a rule of br-prod drops the pod's ARP request for 10\.100\.0\.1: .*priority 77.*drop/,
    ...onHost((port) => [
      `ovs-ofctl add-flow br-prod priority=77,in_port=${port},actions=drop`,
      `ovs-ofctl --strict del-flows br-prod priority=77,in_port=${port}`,
    ]),
  },
  {
    what: "a flow drops what comes to the pod",
    layer: "flows",
    says: /a rule of br-prod drops the answer of 10\.100\.0\.1: .*nw_dst=/,
    ...onHost((_, { a }) => [
      `ovs-ofctl add-flow br-prod "ip,nw_dst=${addressOf(a, 4)},actions=drop"`,
      `ovs-ofctl del-flows br-prod "ip,nw_dst=${addressOf(a, 4)}"`,
    ]),
  },
  {
    what: "all flows are gone",
    layer: "flows",
    says: /no rule of br-prod matches the pod's ARP request/,
    ...onHost(() => [
      "ovs-ofctl del-flows br-prod",
      "ovs-ofctl add-flow br-prod priority=0,actions=NORMAL",
    ]),
  },
  {
    what: "a flow drops one TCP port",
    layer: "flows",
    says: /drops the pod's TCP packet to port 443 to 10\.200\.0\.10/,
    args: () => ["--to", "10.200.0.10:443"],
    ...onHost(() => [
      "ovs-ofctl add-flow br-prod tcp,tp_dst=443,actions=drop",
      "ovs-ofctl del-flows br-prod tcp,tp_dst=443",
    ]),
  },
  {
    what: "a target on the same node has lost its port",
    layer: "flows",
    says: /br-prod (sends|drops)/,
    args: () => ["--to", "web/b"],
    break: ({ host, b }) => host.ovs.vsctl("set", "port", hostEnd(b), "tag=200"),
    mend: ({ host, b }) => host.ovs.vsctl("set", "port", hostEnd(b), "tag=100"),
  },
];

Deno.test(
  "diagnose names exactly the layer of this node that is broken",
  breaksTest({
    breaks: BREAKS,
    sound: ["web/b"],
  }),
);
