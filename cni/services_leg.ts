/**
 * An ADD's way to Services: loaded and done only where the node's configuration has `services`.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import type { PodInterface } from "../mod/host/pod_plan.ts";
import { formatAddress } from "../mod/ip/address.ts";
import type { Allocation } from "../mod/ipam/allocation.ts";
import { attachToServices } from "../mod/node/services/attach.ts";
import { ensureServicePath, type ServicePath } from "../mod/node/services/setup.ts";
import { readNodeIdentity } from "../mod/node/identity.ts";
import type { PlannedBridge } from "../mod/node/switch_port.ts";
import type { Switch, Work } from "./add_steps.ts";
import { asking } from "./neighbour.ts";

/** What the leg needs of the others. */
export interface ServicesLeg {
  readonly allocation: Allocation;
  readonly bridge: PlannedBridge;
}

/** The network's way to Services on this node; set up when this pod is the first that asks. */
export async function prepareServices(
  { call }: Work,
  { allocation, bridge }: ServicesLeg,
  { db, state }: Switch,
): Promise<ServicePath> {
  const { bootId } = await readNodeIdentity(call);
  return await call.steps.time("services", () =>
    asking("vswitchd", () =>
      ensureServicePath(
        call,
        { network: allocation.network, bridge: bridge.config.bridge, needs: bridge.needs, bootId },
        { db, ports: state.servicePorts },
      )));
}

/** The pod's interface with what it reaches by the node. */
export function withServices(
  pod: PodInterface,
  { flows: { sources } }: ServicePath,
): PodInterface {
  return { ...pod, services: sources };
}

/** The node's half of this pod's way; `unplumb()` takes it back. */
export async function attachServices(
  { call, host }: Work,
  { allocation, bridge }: ServicesLeg,
  { path, ofport }: { readonly path: ServicePath; readonly ofport: number },
): Promise<void> {
  await call.steps.time("attach", () =>
    asking("vswitchd", async () => {
      faultPoint("add:before-services");
      await attachToServices(call, {
        path,
        ofport,
        id: call.id,
        note: {
          port: host,
          bridge: bridge.config.bridge,
          device: path.devices.host,
          network: allocation.network.metadata.name,
          mac: allocation.mac,
          addresses: allocation.addresses.map(({ address }) => formatAddress(address)),
        },
      });
      faultPoint("add:after-services");
    }));
}
