/**
 * Bridges of Open vSwitch: one per physical network of the node.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Ovsdb } from "./client.ts";
import { failedWait } from "./error.ts";
import { type ExternalIds, toExternalIds } from "./external_ids.ts";
import { encodeMap } from "./map.ts";
import { type Operation, type RowOf, rowsOf, select } from "./operation.ts";
import { waitNow } from "./port.ts";
import { encodeSet, optionalOf } from "./set.ts";
import { encodeNamedUuid, UuidColumn } from "./uuid.ts";

/** A bridge as the database has it. */
export interface Bridge {
  readonly uuid: string;
  readonly name: string;
  /** `system` (the kernel's) or `netdev` (in user space); the column's empty text is `system`. */
  readonly datapathType: string;
  /** `secure` or `standalone`; undefined means the latter. */
  readonly failMode: string | undefined;
}

export interface EnsureBridgeOptions {
  readonly name: string;
  /** For a new bridge. Default `system`. */
  readonly datapathType?: string;
  /** For a new bridge. Default: none, so it forwards as a plain switch. */
  readonly failMode?: "secure" | "standalone";
  /** MTU that a new bridge's own device keeps; default: the lowest MTU of its ports. */
  readonly mtu?: number;
  /** Device that becomes a port, a trunk of all VLANs, unless it is one already. */
  readonly uplink?: string;
  /** Facts noted on what is made. */
  readonly externalIds?: ExternalIds;
}

/** Columns of table Bridge that are read. */
export const BRIDGE_STATE_COLUMNS = {
  _uuid: UuidColumn,
  name: v.string(),
  datapath_type: v.string(),
  fail_mode: optionalOf(v.string()),
};

/** The bridge of that name; undefined when there is none. */
export async function getBridge(db: Ovsdb, name: string): Promise<Bridge | undefined> {
  const [result] = await db.transact([
    select("Bridge", { columns: BRIDGE_STATE_COLUMNS, where: [["name", "==", name]] }),
  ]);
  const row = rowsOf(result, BRIDGE_STATE_COLUMNS)[0];
  return row === undefined ? undefined : bridgeOf(row);
}

/** The bridge of a row. */
export function bridgeOf(row: RowOf<typeof BRIDGE_STATE_COLUMNS>): Bridge {
  return {
    uuid: row._uuid,
    name: row.name,
    datapathType: row.datapath_type === "" ? "system" : row.datapath_type,
    failMode: row.fail_mode,
  };
}

/**
 * Makes the bridge where there is none, and puts the uplink into it. A bridge that exists stays as
 * it is. Side by side, one call makes it and the others find it.
 *
 * @throws {FabricError} `conflict` when the uplink is a port of another bridge, or the name is that
 * of a port. `unavailable` when the database was never initialised. And what `transact()` throws.
 */
export async function ensureBridge(db: Ovsdb, options: EnsureBridgeOptions): Promise<Bridge> {
  const { name, uplink } = options;
  if (await getBridge(db, name) === undefined) {
    await unlessLost(db, insertBridge(options), () => getBridge(db, name));
  }
  if (uplink !== undefined && await bridgeOfPort(db, uplink) === undefined) {
    await unlessLost(db, insertUplink(name, uplink, options), () => bridgeOfPort(db, uplink));
  }
  const bridge = await getBridge(db, name);
  if (bridge === undefined) {
    throw new FabricError("conflict", `bridge ${name} was deleted while it was made`);
  }
  const holder = uplink === undefined ? name : await bridgeOfPort(db, uplink);
  if (holder !== name) {
    throw new FabricError("conflict", `uplink ${uplink} is a port of bridge ${holder}`, {
      field: "uplink",
      ...(uplink === undefined ? {} : { value: uplink }),
      remedy: `take it out of ${holder}, or name another device`,
    });
  }
  return bridge;
}

/** Carries it out; when a guard does not hold, because another was first, that is well too. */
async function unlessLost(
  db: Ovsdb,
  operations: readonly Operation[],
  found: () => Promise<unknown>,
): Promise<void> {
  try {
    await db.transact(operations);
  } catch (error) {
    if (failedWait(error) === undefined) throw error;
    if (await found() !== undefined) return;
    throw new FabricError("unavailable", "the database of Open vSwitch is not initialised", {
      remedy: "start ovs-vswitchd by its service, or run ovs-vsctl init",
      cause: error,
    });
  }
}

async function bridgeOfPort(db: Ovsdb, port: string): Promise<string | undefined> {
  const columns = { _uuid: UuidColumn };
  const [found] = await db.transact([select("Port", { columns, where: [["name", "==", port]] })]);
  const id = rowsOf(found, columns)[0]?._uuid;
  if (id === undefined) return undefined;
  const [holder] = await db.transact([
    select("Bridge", {
      columns: BRIDGE_STATE_COLUMNS,
      where: [["ports", "includes", ["uuid", id]]],
    }),
  ]);
  return rowsOf(holder, BRIDGE_STATE_COLUMNS)[0]?.name;
}

function insertBridge(options: EnsureBridgeOptions): readonly Operation[] {
  const { name, datapathType = "system", failMode, mtu } = options;
  const externalIds = encodeMap(toExternalIds(options.externalIds ?? {}));
  return [
    waitNow("Bridge", name, { exists: false }),
    {
      // The one row that refers to bridges. Without it, ours would vanish as unreferenced.
      op: "wait",
      table: "Open_vSwitch",
      where: [],
      columns: ["next_cfg"],
      until: "!=",
      rows: [],
      timeout: 0,
    },
    {
      op: "insert",
      table: "Interface",
      "uuid-name": "interface",
      row: { name, type: "internal", ...(mtu === undefined ? {} : { mtu_request: mtu }) },
    },
    {
      op: "insert",
      table: "Port",
      "uuid-name": "port",
      row: { name, interfaces: encodeNamedUuid("interface") },
    },
    {
      op: "insert",
      table: "Bridge",
      "uuid-name": "bridge",
      row: {
        name,
        ports: encodeNamedUuid("port"),
        datapath_type: datapathType,
        ...(failMode === undefined ? {} : { fail_mode: failMode }),
        external_ids: externalIds,
      },
    },
    {
      op: "mutate",
      table: "Open_vSwitch",
      where: [],
      mutations: [["bridges", "insert", encodeSet([encodeNamedUuid("bridge")])]],
    },
    { op: "comment", comment: `fabric: add bridge ${name}` },
  ];
}

function insertUplink(
  bridge: string,
  uplink: string,
  { externalIds = {} }: EnsureBridgeOptions,
): readonly Operation[] {
  return [
    waitNow("Port", uplink, { exists: false }),
    { op: "insert", table: "Interface", "uuid-name": "interface", row: { name: uplink } },
    {
      op: "insert",
      table: "Port",
      "uuid-name": "port",
      row: {
        name: uplink,
        interfaces: encodeNamedUuid("interface"),
        external_ids: encodeMap(toExternalIds(externalIds)),
      },
    },
    {
      op: "mutate",
      table: "Bridge",
      where: [["name", "==", bridge]],
      mutations: [["ports", "insert", encodeSet([encodeNamedUuid("port")])]],
    },
    { op: "comment", comment: `fabric: add uplink ${uplink} to ${bridge}` },
  ];
}
