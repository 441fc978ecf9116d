/**
 * An ADD's way to Services: loaded only where the node's configuration has `services`.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { formatAddress } from "../mod/ip/address.ts";
import type { Allocation } from "../mod/ipam/allocation.ts";
import { attachToServices } from "../mod/node/services/attach.ts";
import { servedNetwork } from "../mod/node/services/served.ts";
import { ensureServicePath } from "../mod/node/services/setup.ts";
import type { PlannedBridge } from "../mod/node/switch_port.ts";
import type { Switch, Work } from "./add_steps.ts";
import { asking } from "./neighbour.ts";

/** What the leg needs of the others. */
export interface ServicesNeeds extends Switch {
  readonly allocation: Allocation;
  readonly bridge: PlannedBridge;
  readonly bootId: string;
}

/** The way to Services of the pod's network on this node. */
export interface ServicesLeg {
  /** Ranges and addresses that the pod reaches by it. */
  readonly reached: readonly string[];
  /**
   * Makes the node's half of this pod's way, which `unplumb()` takes back: when the port's number is
   * known, and the default routes have come to this interface.
   */
  attach(ofport: Promise<number>, wanted: Promise<boolean>): Promise<void>;
}

/** Opens it; set up first when this pod is the first that asks, or what was set up is stale. */
export async function openServices(
  { call, host }: Work,
  { allocation, bridge, bootId, db, state }: ServicesNeeds,
): Promise<ServicesLeg> {
  const { network, mac, addresses } = allocation;
  const served = servedNetwork(network, bridge.config.bridge);
  const path = await call.steps.time(
    "services",
    () =>
      asking("vswitchd", () =>
        ensureServicePath(call, served, {
          bootId,
          needs: bridge.needs,
          db,
          ports: state.servicePorts,
        })),
  );
  const note = {
    port: host,
    bridge: served.bridge,
    device: path.devices.host,
    network: served.name,
    mac,
    addresses: addresses.map(({ address }) => formatAddress(address)),
  };
  return {
    reached: path.flows.sources,
    attach: (ofport, wanted) =>
      call.steps.time("attach", () =>
        asking("vswitchd", async () => {
          faultPoint("add:before-services");
          await attachToServices(call, { path, ofport, wanted, id: call.id, note });
          faultPoint("add:after-services");
        })),
  };
}
