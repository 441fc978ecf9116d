/**
 * What a port needs to know of the switch that it will be part of, in one round trip.
 *
 * @module
 */

import * as v from "valibot";
import { type Bridge, BRIDGE_STATE_COLUMNS, bridgeOf } from "./bridge.ts";
import type { Ovsdb } from "./client.ts";
import { MapColumn } from "./map.ts";
import { rowsOf, select } from "./operation.ts";
import { selectServicePorts, type ServicePort, servicePortsOf } from "./service_port.ts";
import { optionalOf } from "./set.ts";

/** A bridge, and the MTU of its own device. */
export interface BridgeState extends Bridge {
  /** As it is now; undefined while vswitchd has not made the device. */
  readonly mtu: number | undefined;
}

/** The switch of a host. */
export interface SwitchState {
  readonly bridges: readonly BridgeState[];
  /** Those of the ports asked for that there are. */
  readonly ports: readonly string[];
  /** `other_config:userspace-tso-enable`: a datapath in user space takes offloaded frames. */
  readonly userspaceTso: boolean;
  /** Ports to the node's own stack; none unless they were asked for. */
  readonly servicePorts: readonly ServicePort[];
}

const SWITCH_COLUMNS = { other_config: MapColumn };
const DEVICE_COLUMNS = { name: v.string(), mtu: optionalOf(v.number()) };

const PORT_COLUMNS = { name: v.string() };

/** Reads the state of all bridges, and which of the named ports there are. */
export async function readSwitch(
  db: Ovsdb,
  options: { readonly ports?: readonly string[]; readonly services?: boolean } = {},
): Promise<SwitchState> {
  const { ports: names = [], services = false } = options;
  const [settings, bridges, devices, ...rest] = await db.transact([
    select("Open_vSwitch", { columns: SWITCH_COLUMNS }),
    select("Bridge", { columns: BRIDGE_STATE_COLUMNS }),
    // A bridge's own device is an interface of type internal that has its name.
    select("Interface", { columns: DEVICE_COLUMNS, where: [["type", "==", "internal"]] }),
    ...names.map((name) =>
      select("Port", { columns: PORT_COLUMNS, where: [["name", "==", name]] })
    ),
    ...(services ? [selectServicePorts()] : []),
  ]);
  const ports = rest.slice(0, names.length);
  const mtus = new Map(rowsOf(devices, DEVICE_COLUMNS).map(({ name, mtu }) => [name, mtu]));
  const [row] = rowsOf(settings, SWITCH_COLUMNS);
  return {
    bridges: rowsOf(bridges, BRIDGE_STATE_COLUMNS).map(bridgeOf)
      .map((bridge) => ({ ...bridge, mtu: mtus.get(bridge.name) })),
    ports: ports.flatMap((result) => rowsOf(result, PORT_COLUMNS)).map(({ name }) => name),
    userspaceTso: row?.other_config["userspace-tso-enable"] === "true",
    servicePorts: services ? servicePortsOf(rest[names.length]) : [],
  };
}
