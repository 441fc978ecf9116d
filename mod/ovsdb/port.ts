/**
 * Ports of a bridge: the virtual switch's sockets, one per pod interface.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Ovsdb } from "./client.ts";
import { failedWait } from "./error.ts";
import { type ExternalIds, fromExternalIds, toExternalIds } from "./external_ids.ts";
import { type InterfaceState, STATE_COLUMNS } from "./interface.ts";
import { encodeMap, MapColumn } from "./map.ts";
import { type Condition, type Operation, type Row, rowsOf, select } from "./operation.ts";
import { encodeSet, optionalOf, setOf } from "./set.ts";
import { encodeNamedUuid, encodeUuid, UuidColumn } from "./uuid.ts";

/** A port as the database has it. */
export interface Port {
  readonly name: string;
  /** The bridge that holds it. */
  readonly bridge: string;
  /** VLAN of an access port (0: untagged), native VLAN of a trunk; undefined: trunk of all. */
  readonly vlan: number | undefined;
  /** VLANs of a trunk port; empty: an access port, or a trunk of all. */
  readonly trunks: readonly number[];
  /** Our facts about it. */
  readonly externalIds: ExternalIds;
}

export interface AddPortOptions {
  readonly bridge: string;
  /** Name of the port, and of the device behind it. */
  readonly name: string;
  /**
   * VLAN whose frames the port carries untagged, 1 to 4094; 0 for the physical network's untagged
   * frames. Frames that come in with another tag are dropped.
   */
  readonly vlan: number;
  /** Further VLANs, carried with their tags. Default: none, an access port. */
  readonly trunks?: readonly number[];
  /** Facts from which the attachment can be rebuilt. */
  readonly externalIds: ExternalIds;
  /** MTU that vswitchd gives the device; default: it leaves it alone. */
  readonly mtuRequest?: number;
  /**
   * MTU that the bridge's own device keeps from now on, unless it was told one already. Without
   * it, the device takes the lowest MTU of all ports: one small pod would lower it for the host.
   */
  readonly bridgeMtu?: number;
  /**
   * Makes vswitchd leave the device's qdisc alone (`linux-noop`); without it, a restart of
   * vswitchd wipes the rate limit that somebody else set there. Default false.
   */
  readonly noopQos?: boolean;
}

const BRIDGE_COLUMNS = { name: v.string(), ports: setOf(UuidColumn) };
const PORT_COLUMNS = {
  _uuid: UuidColumn,
  name: v.string(),
  tag: optionalOf(v.number()),
  trunks: setOf(v.number()),
  external_ids: MapColumn,
};

/**
 * Adds a port, in one transaction. What vswitchd makes of it, `waitForOfport()` tells.
 *
 * @throws {FabricError} `not-found`: no such bridge. `conflict`: there is such a port already. And
 * what `transact()` throws.
 */
export async function addPort(db: Ovsdb, options: AddPortOptions): Promise<void> {
  const { bridge, name } = options;
  const guards: readonly Operation[] = [
    waitNow("Bridge", bridge, { exists: true }),
    waitNow("Port", name, { exists: false }),
  ];
  const operations: Operation[] = [
    ...guards,
    {
      op: "insert",
      table: "Interface",
      "uuid-name": "interface",
      row: {
        name,
        ...(options.mtuRequest === undefined ? {} : { mtu_request: options.mtuRequest }),
      },
    },
    { op: "insert", table: "Port", "uuid-name": "port", row: portRow(options) },
    {
      op: "mutate",
      table: "Bridge",
      where: [["name", "==", bridge]],
      mutations: [["ports", "insert", encodeSet([encodeNamedUuid("port")])]],
    },
    { op: "comment", comment: `fabric: add port ${name} to ${bridge}` },
  ];
  if (options.noopQos === true) {
    operations.push({
      op: "insert",
      table: "QoS",
      "uuid-name": "qos",
      row: { type: "linux-noop", external_ids: qosIds(name) },
    });
  }
  if (options.bridgeMtu !== undefined) {
    operations.push({
      op: "update",
      table: "Interface",
      where: [["name", "==", bridge], ["mtu_request", "==", encodeSet([])]],
      row: { mtu_request: options.bridgeMtu },
    });
  }
  try {
    await db.transact(operations);
  } catch (error) {
    const failed = failedWait(error);
    if (failed === 0) {
      throw new FabricError("not-found", `there is no bridge ${bridge} in Open vSwitch`, {
        field: "bridge",
        value: bridge,
        remedy: "make it, or name the right one for this physical network in the configuration",
        cause: error,
      });
    }
    if (failed === 1) {
      throw new FabricError("conflict", `there is a port ${name} in Open vSwitch already`, {
        value: name,
        cause: error,
      });
    }
    throw error;
  }
}

/**
 * Removes a port from the bridge that holds it, with what `addPort()` made for it. Nothing waits
 * for vswitchd, so this works while it is down.
 *
 * @returns True when there was something to remove.
 */
export async function delPort(db: Ovsdb, name: string): Promise<boolean> {
  const qosWhere: readonly Condition[] = [["external_ids", "includes", qosIds(name)]];
  const [portResult, qosResult] = await db.transact([
    select("Port", { columns: { _uuid: UuidColumn }, where: [["name", "==", name]] }),
    select("QoS", { columns: { _uuid: UuidColumn }, where: qosWhere }),
  ]);
  const port = rowsOf(portResult, { _uuid: UuidColumn })[0];
  const qos = rowsOf(qosResult, { _uuid: UuidColumn });
  if (port === undefined && qos.length === 0) return false;
  const operations: Operation[] = [
    { op: "comment", comment: `fabric: delete port ${name}` },
  ];
  if (port !== undefined) {
    // Rows of Port and Interface vanish with the last reference to them.
    const id = encodeUuid(port._uuid);
    // A row that is about to vanish still counts as a reference to its QoS.
    operations.push({
      op: "update",
      table: "Port",
      where: [["_uuid", "==", id]],
      row: { qos: encodeSet([]) },
    }, {
      op: "mutate",
      table: "Bridge",
      where: [["ports", "includes", encodeSet([id])]],
      mutations: [["ports", "delete", encodeSet([id])]],
    });
  }
  if (qos.length > 0) operations.push({ op: "delete", table: "QoS", where: qosWhere });
  await db.transact(operations);
  return true;
}

/** A port with what vswitchd made of it; undefined when there is none of the name. */
export async function getPort(
  db: Ovsdb,
  name: string,
): Promise<(Port & { readonly state: InterfaceState }) | undefined> {
  const results = await db.transact([
    ...selectPorts([["name", "==", name]]),
    select("Interface", { columns: STATE_COLUMNS, where: [["name", "==", name]] }),
  ]);
  const port = readPorts(results)[0];
  const state = rowsOf(results[2], STATE_COLUMNS)[0];
  return port === undefined || state === undefined ? undefined : { ...port, state };
}

export interface ListPortsOptions {
  /** Only ports of which all these facts hold. Default: any, also ports that are not ours. */
  readonly externalIds?: ExternalIds;
  /** Only ports whose name begins so. */
  readonly namePrefix?: string;
}

/** The ports of all bridges, or those that are asked for. */
export async function listPorts(
  db: Ovsdb,
  options: ListPortsOptions = {},
): Promise<readonly Port[]> {
  const ids = toExternalIds(options.externalIds ?? {});
  const prefix = options.namePrefix ?? "";
  const results = await db.transact(selectPorts([["external_ids", "includes", encodeMap(ids)]]));
  return readPorts(results).filter(({ name }) => name.startsWith(prefix));
}

/** A guard: the row of that name must be there, or must not, in this very transaction. */
export function waitNow(
  table: string,
  name: string,
  { exists }: { readonly exists: boolean },
): Operation {
  return {
    op: "wait",
    table,
    where: [["name", "==", name]],
    columns: ["name"],
    until: "==",
    rows: exists ? [{ name }] : [],
    timeout: 0,
  };
}

function portRow({ name, vlan, trunks = [], externalIds, noopQos }: AddPortOptions): Row {
  return {
    name,
    interfaces: encodeNamedUuid("interface"),
    // Also 0 is written: a port without a tag is a trunk of all VLANs, and whoever sits behind it
    // could send into every one of them.
    tag: vlan,
    vlan_mode: trunks.length === 0 ? "access" : "native-untagged",
    trunks: encodeSet(trunks),
    external_ids: encodeMap(toExternalIds(externalIds)),
    ...(noopQos === true ? { qos: encodeNamedUuid("qos") } : {}),
  };
}

function qosIds(port: string): ReturnType<typeof encodeMap> {
  return encodeMap(toExternalIds({ port }));
}

function selectPorts(where: readonly Condition[]): readonly Operation[] {
  return [
    select("Port", { columns: PORT_COLUMNS, where }),
    select("Bridge", { columns: BRIDGE_COLUMNS }),
  ];
}

function readPorts(results: readonly unknown[]): readonly Port[] {
  const bridgeOf = new Map<string, string>();
  for (const { name, ports } of rowsOf(results[1], BRIDGE_COLUMNS)) {
    for (const id of ports) bridgeOf.set(id, name);
  }
  return rowsOf(results[0], PORT_COLUMNS).map((row) => ({
    name: row.name,
    // No row of Port lives without a bridge that refers to it.
    bridge: bridgeOf.get(row._uuid) ?? "",
    vlan: row.tag,
    trunks: row.trunks,
    externalIds: fromExternalIds(row.external_ids),
  }));
}
