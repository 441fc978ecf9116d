/**
 * Layer `port`: the host's end as a port of the switch.
 *
 * @module
 */

import type { SeenPort } from "../../ovsdb/observe.ts";
import type { PortNumbers } from "../../ovsdb/trace_parse.ts";
import type { Verdict } from "../layer.ts";
import { list, vlanText } from "../words.ts";

export interface PortFacts {
  readonly name: string;
  readonly vlan: number;
  readonly physicalNetwork: string;
  /** As the node's configuration says; undefined: it names no bridge for the physical network. */
  readonly bridge: string | undefined;
  /** The bridge exists. */
  readonly hasBridge: boolean;
  readonly port: SeenPort | undefined;
  /** Somebody takes the frames of the device, as Open vSwitch does with those that it holds. */
  readonly taken: boolean;
  /** Undefined: vswitchd answered; else why not. */
  readonly vswitchdSilent: string | undefined;
  /** As vswitchd has it in its datapath. */
  readonly numbers: PortNumbers | undefined;
}

/** Judges it. */
export function judgePort(facts: PortFacts): Verdict {
  const { name, vlan, physicalNetwork, bridge, port, numbers } = facts;
  const proof = `ovs-vsctl list port ${name}`;
  if (bridge === undefined || !facts.hasBridge) {
    return {
      status: "broken",
      says: bridge === undefined
        ? `the node's configuration names no bridge for physical network ${physicalNetwork}`
        : `bridge ${bridge} of physical network ${physicalNetwork} does not exist`,
      proof: "ovs-vsctl list-br",
      remedy: "make the bridge, or correct physicalNetworks in /etc/fabric/config.yaml",
    };
  }
  if (port === undefined) {
    return {
      status: "broken",
      says: `Open vSwitch has no port ${name}: the pod's cable is plugged in nowhere`,
      evidence: [{ source: proof, says: "no row" }],
      proof,
      remedy: "run fabric-admin check node, or delete the pod and let it be made anew",
    };
  }
  if (port.bridges.length !== 1 || port.bridges[0] !== bridge) {
    const is = port.bridges.length === 0 ? "no bridge" : `bridge ${list(port.bridges)}`;
    return {
      status: "broken",
      says: `port ${name} is in ${is}, not in ${bridge}`,
      evidence: [{ source: `ovs-vsctl port-to-br ${name}`, says: is }],
      proof: `ovs-vsctl port-to-br ${name}`,
      remedy: "run fabric-admin check node",
    };
  }
  if (port.tag !== vlan || port.trunks.length > 0) {
    const is = port.trunks.length > 0
      ? `a trunk of VLANs ${port.trunks.join(", ")}`
      : port.tag === undefined
      ? "a trunk of all VLANs"
      : `in ${vlanText(port.tag)}`;
    return {
      status: "broken",
      says: `port ${name} is ${is}, and should be an access port in ${vlanText(vlan)}`,
      evidence: [{
        source: proof,
        says: `tag ${port.tag ?? "[]"}, trunks [${port.trunks.join(", ")}]`,
      }],
      proof,
      remedy:
        `ovs-vsctl set port ${name} tag=${vlan} vlan_mode=access -- clear port ${name} trunks`,
    };
  }
  if (facts.vswitchdSilent !== undefined) {
    return {
      status: "broken",
      says: "ovs-vswitchd does not run or does not answer: nothing of this node's switch works",
      evidence: [{ source: "ovs-vswitchd", says: facts.vswitchdSilent }],
      proof: "ovs-appctl version",
      remedy: "start ovs-vswitchd, and see its log",
    };
  }
  const show = `ovs-vsctl list interface ${name}`;
  const { ofport, error } = port.interfaces[0] ?? {};
  if (ofport === undefined || ofport < 1 || numbers === undefined) {
    return {
      status: "broken",
      says: `port ${name} is not in the datapath: ${error ?? "ovs-vswitchd gives no reason"}`,
      evidence: [{ source: show, says: `ofport ${ofport ?? "[]"}, error ${error ?? "[]"}` }],
      proof: show,
      remedy: "run fabric-admin check node",
    };
  }
  if (!facts.taken) {
    return {
      status: "broken",
      says: `port ${name} is dead: its device was made anew, and the switch still holds the one ` +
        "that is gone",
      evidence: [{ source: "/proc/net/packet", says: `nobody reads what comes in by ${name}` }],
      proof: `ip -d link show dev ${name}`,
      remedy: "run fabric-admin check node, or delete the pod and let it be made anew",
    };
  }
  return {
    status: "ok",
    says: `port ${name} (OpenFlow ${ofport}) of ${bridge}, an access port in ${vlanText(vlan)}`,
    proof,
  };
}
