/**
 * Looks at a bridge of this node: those that need no pod.
 *
 * @module
 */

import { asFabricError } from "../error.ts";
import { judgeUplink } from "./layers/uplink.ts";
import type { Verdict } from "./layer.ts";
import { type Scene, wirePorts } from "./scene.ts";
import { list } from "./words.ts";

/** A VLAN of a physical network, which a bridge of this node carries. */
export interface Segment {
  readonly physicalNetwork: string;
  readonly vlan: number;
  /** No VLAN is meant: whatever the uplink carries is well. */
  readonly anyVlan?: boolean;
}

/** Layer `uplink`. */
export async function uplinkVerdict(
  scene: Scene,
  { physicalNetwork, vlan, anyVlan = false }: Segment,
): Promise<Verdict> {
  const { bridge = "", uplink } = scene.config.physicalNetworks[physicalNetwork] ?? {};
  return judgeUplink({
    bridge,
    vlan: anyVlan ? undefined : vlan,
    configured: uplink,
    ports: wirePorts(await scene.switch(), bridge),
    links: (await scene.host()).links,
  });
}

/** Layer `port` where no pod's port is meant: the bridge, and that vswitchd forwards. */
export async function bridgeVerdict(
  scene: Scene,
  physicalNetwork: string,
): Promise<Verdict> {
  const bridge = scene.config.physicalNetworks[physicalNetwork]?.bridge;
  const broken = (says: string, proof: string, remedy: string): Verdict => ({
    status: "broken",
    says,
    proof,
    remedy,
  });
  if (bridge === undefined) {
    return broken(
      `the node's configuration names no bridge for physical network ${physicalNetwork}`,
      "fabric-admin config view",
      "name it in physicalNetworks of /etc/fabric/config.yaml",
    );
  }
  let ports: readonly string[];
  try {
    const seen = await scene.switch();
    const found = seen.bridges.find(({ name }) => name === bridge);
    if (found === undefined) {
      return broken(
        `bridge ${bridge} of physical network ${physicalNetwork} does not exist`,
        "ovs-vsctl list-br",
        `make it (ovs-vsctl add-br ${bridge}), or correct /etc/fabric/config.yaml`,
      );
    }
    ports = found.ports;
  } catch (error) {
    return broken(asFabricError(error).message, "ovs-vsctl show", "start ovsdb-server");
  }
  try {
    await scene.numbers();
  } catch (error) {
    return broken(
      `ovs-vswitchd does not answer: ${asFabricError(error).message}`,
      "ovs-appctl version",
      "start ovs-vswitchd, and see its log",
    );
  }
  const faults = await portFaults(scene, ports);
  return {
    status: "ok",
    says: `${bridge} has ${ports.length} ports, and ovs-vswitchd answers`,
    proof: "ovs-vsctl show",
    notes: faults.length === 0 ? [] : [`not in the datapath: ${list(faults)}`],
  };
}

/** Ports of the bridge that vswitchd cannot use. */
async function portFaults(scene: Scene, names: readonly string[]): Promise<readonly string[]> {
  const { ports } = await scene.switch();
  return ports.filter(({ name }) => names.includes(name)).flatMap(({ interfaces }) =>
    interfaces.filter(({ ofport }) => ofport === undefined || ofport < 1)
      .map(({ name, error }) => `${name} (${error ?? "no reason given"})`)
  );
}
