/**
 * The node's switch, as an ADD uses it: which bridge carries a physical network, what its datapath
 * asks of the host, and the port.
 *
 * @module
 */

import type { BridgeConfig, Config } from "../config.ts";
import { FabricError, isKind } from "../error.ts";
import { type DatapathNeeds, datapathNeeds } from "../host/datapath.ts";
import {
  addPort,
  type AddPortOptions,
  delPort,
  ensureBridge,
  type Ovsdb,
  type SwitchState,
  syncVswitchd,
  waitForOfport,
} from "../ovsdb/mod.ts";

/** The bridge of a physical network on this node. */
export interface PlannedBridge {
  readonly config: BridgeConfig;
  /** It has to be made, or its uplink added, first. */
  readonly missing: boolean;
  readonly needs: DatapathNeeds;
  /** MTU of its own device, where it is known. */
  readonly mtu: number | undefined;
}

/** Uplinks that the configuration has us add, which the state of the switch must tell about. */
export function uplinksToWatch(config: Config): readonly string[] {
  return Object.values(config.physicalNetworks)
    .flatMap(({ create, uplink }) => create && uplink !== undefined ? [uplink] : []);
}

/**
 * The bridge that carries the physical network.
 *
 * @throws {FabricError} `not-found`, `details.reason` `bridge`: the configuration names none, or it
 * does not exist and is not to be made.
 */
export function planBridge(
  config: Config,
  physicalNetwork: string,
  state: SwitchState,
): PlannedBridge {
  const bridge = config.physicalNetworks[physicalNetwork];
  if (bridge === undefined) {
    throw new FabricError(
      "not-found",
      `Physical network ${physicalNetwork} has no bridge on node ${config.node}`,
      {
        field: `physicalNetworks.${physicalNetwork}`,
        value: physicalNetwork,
        remedy: "name its bridge in physicalNetworks of the node's configuration",
        details: { reason: "bridge" },
      },
    );
  }
  const found = state.bridges.find(({ name }) => name === bridge.bridge);
  if (found === undefined && !bridge.create) throw bridgeMissing(bridge.bridge, physicalNetwork);
  const { create, uplink } = bridge;
  return {
    config: bridge,
    missing: found === undefined ||
      (create && uplink !== undefined && !state.ports.includes(uplink)),
    needs: needsOf(bridge, state),
    mtu: found?.mtu,
  };
}

function bridgeMissing(bridge: string, physicalNetwork: string): FabricError {
  return new FabricError(
    "not-found",
    `Bridge ${bridge} of physical network ${physicalNetwork} does not exist`,
    {
      field: `physicalNetworks.${physicalNetwork}.bridge`,
      value: bridge,
      remedy: `make it (ovs-vsctl add-br ${bridge}), or set create in the node's configuration`,
      details: { reason: "bridge" },
    },
  );
}

function needsOf(bridge: BridgeConfig, state: SwitchState): DatapathNeeds {
  const found = state.bridges.find(({ name }) => name === bridge.bridge);
  const type = found?.datapathType ?? bridge.datapath ?? "system";
  return datapathNeeds(type, { userspaceTso: state.userspaceTso });
}

/** What all bridges of this node need, when they need the same: then no allocation has to tell. */
export function commonNeeds(config: Config, state: SwitchState): DatapathNeeds | undefined {
  const all = Object.values(config.physicalNetworks).map((bridge) => needsOf(bridge, state));
  const [first] = all;
  const same = all.every(({ leakFilter, txOffload }) =>
    leakFilter === first?.leakFilter && txOffload === first?.txOffload
  );
  return same ? first : undefined;
}

/** Makes the bridge, or adds its uplink. What is made here serves every pod, and so is not undone. */
export async function makeBridge(
  db: Ovsdb,
  { config }: PlannedBridge,
  options: { readonly mtu: number },
): Promise<void> {
  const { bridge, datapath, uplink } = config;
  await ensureBridge(db, {
    name: bridge,
    mtu: options.mtu,
    ...(datapath === undefined ? {} : { datapathType: datapath }),
    ...(uplink === undefined ? {} : { uplink }),
    externalIds: { "made-by": "fabric" },
  });
}

/** Until vswitchd takes the port up; with what comes before, an ADD fails within 5 s. */
const OFPORT_TIMEOUT_MS = 4_000;

/** What the port may have been before. */
export interface EarlierLife {
  /** vswitchd may still have a device of that name from before. */
  readonly likely: boolean;
  /** Sets the new device up. */
  readonly raise: () => Promise<void>;
}

/**
 * Adds the port. The device behind it was made by this very call, so a port of that name is a
 * leftover whose device is gone, and would stay dead: it is replaced.
 *
 * @returns Resolves when the database has it; `up` when vswitchd has.
 */
export async function plugIn(
  db: Ovsdb,
  options: AddPortOptions,
  earlier: EarlierLife,
): Promise<{ readonly up: Promise<number> }> {
  const deadline = performance.now() + OFPORT_TIMEOUT_MS;
  const { name, bridge } = options;
  const wait = (): Promise<number> => {
    const timeoutMs = Math.max(1, Math.round(deadline - performance.now()));
    return waitForOfport(db, name, { timeoutMs, bridge });
  };
  const plugged = async (): Promise<{ readonly up: Promise<number> }> => {
    const added = addPort(db, options);
    // Sent at once: the server answers in order, so it waits for the port that was just added.
    const up = wait();
    up.catch(() => {});
    await added.catch((error) => {
      throw isKind(error, "not-found") ? bridgeMissing(bridge, "this network") : error;
    });
    return { up };
  };
  try {
    if (!earlier.likely) return await plugged();
  } catch (error) {
    if (!isKind(error, "conflict")) throw error;
  }
  await letGo(db, { name, raise: earlier.raise });
  return await plugged();
}

/**
 * Removes what may be left of the port, and waits until vswitchd has let go of its device. Told of
 * the old port's end and of the new one at once, it would keep the device that is gone; and when it
 * lets go, it gives the flags of the old device back to the new one, which may go down by that.
 */
export async function letGo(
  db: Ovsdb,
  { name, raise }: { readonly name: string } & Pick<EarlierLife, "raise">,
): Promise<void> {
  await delPort(db, name);
  try {
    await syncVswitchd(db, { timeoutMs: OFPORT_TIMEOUT_MS / 2 });
  } catch (error) {
    if (!isKind(error, "unavailable")) throw error;
    throw new FabricError(
      "unavailable",
      `ovs-vswitchd did not take up port ${name}: it does not follow its database`,
      {
        remedy: "see that ovs-vswitchd runs",
        details: { port: name, neighbour: "vswitchd" },
        cause: error,
      },
    );
  }
  await raise();
}
