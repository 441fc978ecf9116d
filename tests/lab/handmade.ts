/**
 * A pod's port made by hand: what a baseline is measured against, and what tests of the lab use.
 *
 * @module
 */

import type { Sandbox } from "./host.ts";
import type { LabPlan } from "./options.ts";

export interface HandmadeOptions {
  /** 0: untagged. */
  readonly vlan: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
  /** Next hops of default routes. */
  readonly gateways?: readonly string[];
  /** Default: the host's first. */
  readonly bridge?: string;
  /** Default 1500. */
  readonly mtu?: number;
}

let count = 0;

/**
 * Gives a sandbox an `eth0` on the host's bridge: veth pair, port with VLAN tag, addresses.
 * Returns the name of the port.
 */
export async function attachByHand(
  lab: LabPlan,
  sandbox: Sandbox,
  options: HandmadeOptions,
): Promise<string> {
  const { host } = sandbox;
  const bridge = options.bridge ?? host.plan.physicalNetworks[0]?.bridge ?? "";
  const port = `hand${++count}`;
  const mtu = options.mtu ?? 1500;
  const inside = [
    "echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad",
    lab.offload ? ":" : "ethtool -K eth0 tx off >/dev/null",
    ...options.addresses.map((a) =>
      `ip address add ${a} dev eth0${a.includes(":") ? " nodad" : ""}`
    ),
    "ip link set lo up",
    "ip link set eth0 up",
    ...(options.gateways ?? []).map((gateway) => `ip route add default via ${gateway}`),
  ];
  await host.execOk(`ip link add ${port} mtu ${mtu} type veth \
      peer name eth0 mtu ${mtu} netns ${sandbox.name}
    echo 1 >/proc/sys/net/ipv6/conf/${port}/disable_ipv6
    ip link set ${port} up
    ${lab.datapath === "netdev" ? dropFilter(port) : ""}
    nsenter --net=${sandbox.path} sh -euc '${inside.join("\n")}'
    ovs-vsctl --timeout=10 add-port ${bridge} ${port} ${
    options.vlan === 0 ? "" : `tag=${options.vlan}`
  }`);
  return port;
}

function dropFilter(port: string): string {
  return `nft "add table netdev lab
    add chain netdev lab ${port} { type filter hook ingress device ${port} priority 0; policy drop; }"`;
}
