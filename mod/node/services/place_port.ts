/**
 * The switch's end of a network's devices, as a port of the network's bridge.
 *
 * @module
 */

import { FabricError } from "../../error.ts";
import { setLinkUp } from "../../host/link.ts";
import { type Ovsdb, putServicePort, type ServicePort, waitForOfport } from "../../ovsdb/mod.ts";
import { letGo } from "../switch_port.ts";
import type { ServiceContext } from "./context.ts";
import { networkCookie } from "./cookie.ts";
import { changeFlows, deleteFlows } from "./restore.ts";
import { devicesOf, type ServedNetwork, servedOf } from "./served.ts";

const TIMEOUT_MS = 4_000;

/** A port, and where it is to be. */
export interface PlacePortOptions {
  readonly db: Ovsdb;
  readonly served: ServedNetwork;
  /** The facts that it gets; `ifindex` is that of its device. */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Puts the port on the bridge, and waits until vswitchd has it. `ports` are those that were there.
 *
 * @throws {FabricError} Those of the switch.
 */
export async function placePort(
  context: ServiceContext,
  ports: readonly ServicePort[],
  { db, served, facts }: PlacePortOptions,
): Promise<void> {
  const { bridge } = served;
  const devices = devicesOf(served);
  const name = devices.port;
  const before = ports.find((port) => port.name === name);
  const { bridge: earlier = bridge, ifindex } = before?.facts ?? {};
  if (earlier !== bridge) {
    await changeFlows(context, earlier, [deleteFlows(networkCookie(devices))]);
  }
  if (before !== undefined && (ifindex !== facts["ifindex"] || earlier !== bridge)) {
    // The device that vswitchd knows is gone, and the port would stay dead; or on another bridge.
    await letGo(db, { name, raise: () => setLinkUp(context.run, name) });
  }
  await putServicePort(db, { bridge, name, facts });
  await waitForOfport(db, name, { timeoutMs: TIMEOUT_MS, bridge });
}

/**
 * Names of devices hold a hash of the physical network: where it is that of another one of this node, the
 * first keeps them.
 *
 * @throws {FabricError} `conflict`.
 */
export function refuseNamesake(ports: readonly ServicePort[], served: ServedNetwork): void {
  const { physicalNetwork } = served;
  const { table, host } = devicesOf(served);
  const other = ports.flatMap((port) => servedOf(port) ?? []).find((it) =>
    it.physicalNetwork !== physicalNetwork && devicesOf(it).table === table
  );
  if (other === undefined) return;
  throw new FabricError(
    "conflict",
    `Physical networks ${physicalNetwork} and ${other.physicalNetwork} would both have device ${host} for VLAN ${served.vlan}`,
    {
      field: "physicalNetwork",
      value: physicalNetwork,
      remedy: "give one of the two physical networks another name",
      details: { reason: "namesake" },
    },
  );
}
