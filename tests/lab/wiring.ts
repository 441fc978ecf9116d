/**
 * Cables: the scripts that make namespaces and veth pairs. They run in the lab's own namespace.
 *
 * @module
 */

import { type HostPlan, type LabPlan, MANAGEMENT, type VlanPlan } from "./options.ts";
import { SWITCH, type SwitchPort } from "./switch.ts";

/** Name of the router's namespace. */
export const ROUTER = "router";

/**
 * Neither DAD nor router advertisements, so that addresses work at once and are those given; and
 * addresses stay on a device that is set down and up.
 */
const QUIET_IPV6 = `for c in all default; do
  echo 0 >/proc/sys/net/ipv6/conf/$c/accept_dad
  echo 0 >/proc/sys/net/ipv6/conf/$c/accept_ra
  echo 1 >/proc/sys/net/ipv6/conf/$c/keep_addr_on_down
done
ip link set lo up`;

/**
 * The management network, the switch's namespace and the router's. The bridge has an address of its
 * own: one taken from its ports would change when a host is switched off, and the others would send
 * to the old one until their neighbour entries age, five seconds and more.
 */
export function baseScript(plan: LabPlan): string {
  const { v4, v6, length4, length6 } = MANAGEMENT;
  const addresses = [1, 2, 3].map((n) =>
    `ip address add ${v4}${n}/${length4} dev mgmt
ip address add ${v6}${n}/${length6} dev mgmt nodad`
  );
  return `${QUIET_IPV6}
ip link add mgmt address 02:00:00:31:00:01 type bridge
${addresses.join("\n")}
ip link set mgmt up
ip netns add ${SWITCH}
nsenter --net=/run/netns/${SWITCH} sh -euc '
  for c in all default; do echo 1 >/proc/sys/net/ipv6/conf/$c/disable_ipv6; done
  ip link set lo up'
ip netns add ${ROUTER}
nsenter --net=/run/netns/${ROUTER} sh -euc '${QUIET_IPV6}
  echo 1 >/proc/sys/net/ipv4/ip_forward
  echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
${plan.router === "strict" ? strictRouterScript() : ""}`;
}

/** Host part of the addresses of a strict router in the management network. */
const ROUTER_HOST = 254;

/**
 * A router as a security team sets it up: its leg in the management network, the way back checked
 * for each packet, nothing forwarded that belongs to no connection it saw the start of.
 */
function strictRouterScript(): string {
  const { v4, v6, length4, length6 } = MANAGEMENT;
  return `ip link add mgmt netns ${ROUTER} type veth peer name rt-mgmt
ip link set rt-mgmt master mgmt up
nsenter --net=/run/netns/${ROUTER} sh -euc '
  ip address add ${v4}${ROUTER_HOST}/${length4} dev mgmt
  ip address add ${v6}${ROUTER_HOST}/${length6} dev mgmt nodad
  ip link set mgmt up
  nft "add table inet strict
    add chain inet strict back { type filter hook prerouting priority raw; }
    add rule inet strict back ip6 saddr { ::, fe80::/10 } accept
    add rule inet strict back fib saddr . iif oif missing counter drop
    add chain inet strict forward { type filter hook forward priority 0; }
    add rule inet strict forward ct state invalid counter drop"
  echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose'
ip route add default via ${v4}${ROUTER_HOST}
ip -6 route add default via ${v6}${ROUTER_HOST}`;
}

/** A host's namespace with its management device `eth0` and its uplinks. */
export function hostScript(plan: LabPlan, host: HostPlan): string {
  const { v4, v6 } = host.management;
  const gateway = plan.router === "strict" ? ROUTER_HOST : 1;
  const uplinks = host.physicalNetworks.map((network) => {
    const port = uplinkPort(host, network.name);
    return `ip link add ${network.uplink} mtu ${network.mtu} netns ${host.name} type veth \
peer name ${port} mtu ${network.mtu} netns ${SWITCH}
ip -n ${SWITCH} link set ${port} up
nsenter --net=/run/netns/${host.name} sh -euc '
  echo 1 >/proc/sys/net/ipv6/conf/${network.uplink}/disable_ipv6
  ip link set ${network.uplink} up
  ${plan.datapath === "netdev" ? keepFromStack(network.uplink) : ""}'`;
  });
  return `ip netns add ${host.name}
ip link add eth0 netns ${host.name} type veth peer name ${host.name}
ip link set ${host.name} master mgmt up
nsenter --net=/run/netns/${host.name} sh -euc '${QUIET_IPV6}
  ip address add ${v4}/${MANAGEMENT.length4} dev eth0
  ip address add ${v6}/${MANAGEMENT.length6} dev eth0 nodad
  ip link set eth0 up
  ip route add default via ${MANAGEMENT.v4}${gateway}
  ip -6 route add default via ${MANAGEMENT.v6}${gateway}'
${uplinks.join("\n")}`;
}

/** Takes the cables of a host away that was switched off. */
export function unplugScript(host: HostPlan): string {
  const ports = host.physicalNetworks.map((n) =>
    `ip -n ${SWITCH} link del ${uplinkPort(host, n.name)}`
  );
  return `ip link del ${host.name}
${ports.join("\n")}
ip netns del ${host.name}`;
}

/** Device of a host's uplink at the switch. */
export function uplinkPort(host: HostPlan, network: string): string {
  return `${host.name}-${network}`;
}

/** The router's leg in a VLAN. */
export function legScript(plan: LabPlan, vlan: VlanPlan): string {
  const { device, port } = legDevices(vlan);
  return endpointScript(plan, {
    namespace: ROUTER,
    device,
    port: port.device,
    mtu: vlan.physicalNetwork.mtu,
    addresses: vlan.router,
  });
}

/** Names of a leg of the router and of its port at the switch. */
export function legDevices(vlan: VlanPlan): { readonly device: string; readonly port: SwitchPort } {
  const device = `${vlan.physicalNetwork.name}.${vlan.vlan}`;
  return {
    device,
    port: { device: `rt-${device}`, network: vlan.physicalNetwork, vlan: vlan.vlan },
  };
}

export interface Endpoint {
  readonly namespace: string;
  readonly device: string;
  readonly port: string;
  readonly mtu: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

/** An ordinary device with addresses, at the other end of a port of the switch. */
export function endpointScript(plan: LabPlan, endpoint: Endpoint): string {
  const { namespace, device, port, mtu } = endpoint;
  const addresses = endpoint.addresses.map((address) =>
    `ip address add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`
  );
  return `ip link add ${device} mtu ${mtu} netns ${namespace} type veth \
peer name ${port} mtu ${mtu} netns ${SWITCH}
ip -n ${SWITCH} link set ${port} up
nsenter --net=/run/netns/${namespace} sh -euc '
  ${plan.offload ? "" : `ethtool -K ${device} tx off >/dev/null`}
  ${addresses.join("\n  ")}
  ip link set ${device} up'`;
}

/** An empty namespace for a server. */
export function serverScript(namespace: string): string {
  return `ip netns add ${namespace}
nsenter --net=/run/netns/${namespace} sh -euc '${QUIET_IPV6}'`;
}

/**
 * With AF_PACKET ports the host's own stack sees the frames too, and would answer ARP requests of
 * the VLANs for the host's addresses. Open vSwitch gets its copy before this filter.
 */
function keepFromStack(device: string): string {
  return `nft "add table netdev lab
    add chain netdev lab ${device} { type filter hook ingress device ${device} priority 0; policy drop; }"`;
}
