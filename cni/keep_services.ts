/**
 * What the verbs that look at the whole node do for its way to Services.
 *
 * @module
 */

import { readNodeIdentity } from "../mod/node/identity.ts";
import { maintainServices } from "../mod/node/services/maintain.ts";
import { planBridge } from "../mod/node/switch_port.ts";
import type { Ovsdb, SwitchState } from "../mod/ovsdb/mod.ts";
import type { Call } from "./call.ts";

/** Mends what is stale of the node's way to Services. */
export async function keepServices(
  call: Call,
  db: Ovsdb,
  state: SwitchState,
): Promise<void> {
  const { config } = call;
  if (state.servicePorts.length === 0) return;
  const { bootId } = await readNodeIdentity(call);
  await maintainServices(call, {
    db,
    ports: state.servicePorts,
    bootId,
    needsOf: (physicalNetwork) =>
      config.physicalNetworks[physicalNetwork] === undefined
        ? undefined
        : planBridge(config, physicalNetwork, state).needs,
  });
}
