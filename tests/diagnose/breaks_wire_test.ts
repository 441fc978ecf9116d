/** What breaks on the wire. */

import { addressOf } from "./bed.ts";
import { type Break, breaksTest, LEG, onHost, scripts, UPLINK_AT_SWITCH } from "./breaks.ts";

const BREAKS: readonly Break[] = [
  {
    what: "the uplink is set down",
    layer: "uplink",
    says: /^uplink eth1 is set down$/,
    ...onHost(() => ["ip link set eth1 down", "ip link set eth1 up"]),
  },
  {
    what: "the cable is pulled",
    layer: "uplink",
    says: /uplink eth1 has no carrier/,
    break: ({ host }) => host.setCable("prod", false),
    mend: ({ host }) => host.setCable("prod", true),
  },
  {
    what: "the uplink is not in the bridge",
    layer: "uplink",
    says: /bridge br-prod has no uplink/,
    ...onHost(() => ["ovs-vsctl del-port eth1", "ovs-vsctl add-port br-prod eth1"]),
  },
  {
    what: "the uplink carries other VLANs only",
    layer: "uplink",
    says: /uplink eth1 carries VLAN 200 and 300 only, not VLAN 100/,
    ...onHost(() => ["ovs-vsctl set port eth1 trunks=200,300", "ovs-vsctl clear port eth1 trunks"]),
  },
  {
    what: "the physical switch does not carry the VLAN",
    layer: "vlan",
    says: /nobody beyond eth1 answers in VLAN 100.*physical switch's port does not carry VLAN 100/,
    break: ({ lab }) => lab.switch.ovs.vsctl("set", "port", UPLINK_AT_SWITCH, "trunks=200"),
    mend: ({ lab }) => lab.switch.ovs.vsctl("clear", "port", UPLINK_AT_SWITCH, "trunks"),
  },
  {
    what: "the gateway is down",
    layer: "gateway",
    says:
      /gateway 10\.100\.0\.1 does not answer, though VLAN 100 passes eth1 .*web\/c on node host2/,
    ...scripts(({ lab }) => lab.router, () => [`ip link set ${LEG} down`, `ip link set ${LEG} up`]),
  },
  {
    what: "the gateway answers neighbour discovery no more",
    layer: "gateway",
    says: /gateway fd00:100::1 does not answer, though VLAN 100 passes/,
    ...scripts(({ lab }) => lab.router, () => [
      `ip address del fd00:100::1/64 dev ${LEG}`,
      `ip address add fd00:100::1/64 dev ${LEG} nodad`,
    ]),
  },
  {
    what: "another machine has the gateway's address too",
    layer: "gateway",
    says: /2 machines answer for the gateway 10\.100\.0\.1: /,
    ...scripts(({ c }) => c, () => [
      "ip address add 10.100.0.1/32 dev eth0",
      "ip address del 10.100.0.1/32 dev eth0",
    ]),
  },
  {
    what: "another machine has the pod's address",
    layer: "vlan",
    says: /another machine \(MAC [0-9a-f:]{17}\) answers for the pod's address 10\.100\.0\.\d+/,
    break: ({ lab, a }) => lab.router.execOk(`ip address add ${addressOf(a, 4)}/32 dev ${LEG}`),
    mend: ({ lab, a }) => lab.router.execOk(`ip address del ${addressOf(a, 4)}/32 dev ${LEG}`),
  },
];

Deno.test(
  "diagnose names exactly the layer of the wire that is broken",
  breaksTest({
    breaks: BREAKS,
    sound: ["web/c"],
  }),
);
