/**
 * The physical switch: Open vSwitch in a namespace of its own, one bridge for each physical
 * network, with trunk ports to the hosts and access ports to servers and the router. It stands for
 * a switch in a rack: nothing of the project runs on it.
 *
 * @module
 */

import type { Holder } from "./holder.ts";
import type { LabPlan, PhysicalNetworkPlan } from "./options.ts";
import { type OpenVSwitch, startOpenVSwitch } from "./ovs.ts";
import type { Place } from "./place.ts";

export interface SwitchPort {
  /** Device in the switch's namespace. */
  readonly device: string;
  readonly network: PhysicalNetworkPlan;
  /** VLAN of an access port, 0 for untagged; undefined for a trunk. */
  readonly vlan: number | undefined;
}

export interface Switch extends Place {
  readonly ovs: OpenVSwitch;
  /** Puts a device that is in the switch's namespace to use. */
  addPort(port: SwitchPort): Promise<void>;
  removePort(device: string): Promise<void>;
}

/** Name of the switch's namespace. */
export const SWITCH = "switch";

/** Starts the switch with its first ports, whose devices exist. */
export async function startSwitch(
  holder: Holder,
  plan: LabPlan,
  ports: readonly SwitchPort[],
): Promise<Switch> {
  const place = holder.netns(SWITCH);
  const bridges = plan.physicalNetworks.flatMap((network) => [
    ...["--", "add-br", network.switchBridge],
    ...["--", "set", "Bridge", network.switchBridge, `datapath_type=${plan.datapath}`],
    ...["--", "set", "Interface", network.switchBridge, `mtu_request=${network.mtu}`],
  ]);
  const ovs = await startOpenVSwitch(place, {
    runDir: "/run/lab/switch",
    dbDir: "/run/lab/switch",
    logDir: "/run/lab/switch",
    userspaceTso: plan.userspaceTso,
    setup: [...bridges, ...ports.flatMap((port) => ["--", ...addPortArguments(port)])],
  });
  return {
    ...place,
    ovs,
    addPort: async (port) => {
      await ovs.vsctl(...addPortArguments(port));
    },
    removePort: async (device) => {
      await ovs.vsctl("--if-exists", "del-port", device);
    },
  };
}

function addPortArguments(port: SwitchPort): readonly string[] {
  const access = port.vlan === undefined || port.vlan === 0
    ? []
    : [`tag=${port.vlan}`, "vlan_mode=access"];
  return ["add-port", port.network.switchBridge, port.device, ...access];
}
