/**
 * The whole of a node's switch as its database has it, read in one transaction, so that its parts
 * fit together: what a check or a diagnosis holds against the rest of the node.
 *
 * @module
 */

import * as v from "valibot";
import type { Ovsdb } from "./client.ts";
import { type ExternalIds, fromExternalIds } from "./external_ids.ts";
import { MapColumn } from "./map.ts";
import { type RowOf, rowsOf, select } from "./operation.ts";
import { optionalOf, setOf } from "./set.ts";
import { UuidColumn } from "./uuid.ts";

/** A row of table Interface. */
export interface SeenInterface {
  readonly uuid: string;
  readonly name: string;
  /** Empty: a device of the system. */
  readonly type: string;
  /** Undefined until vswitchd has looked; -1: it cannot use it, see `error`. */
  readonly ofport: number | undefined;
  readonly error: string | undefined;
  readonly mtu: number | undefined;
  readonly mtuRequest: number | undefined;
  readonly adminState: string | undefined;
  readonly linkState: string | undefined;
  /** The device's number, as vswitchd knows it. */
  readonly ifindex: number | undefined;
}

/** A row of table Port, with what it refers to. */
export interface SeenPort {
  readonly uuid: string;
  readonly name: string;
  /** Every bridge that refers to it; one, unless somebody wrote into the database by hand. */
  readonly bridges: readonly string[];
  /** Undefined: a trunk of all VLANs, unless `trunks` says which. */
  readonly tag: number | undefined;
  readonly vlanMode: string | undefined;
  readonly trunks: readonly number[];
  readonly qos: string | undefined;
  /** Our facts. */
  readonly facts: ExternalIds;
  readonly interfaces: readonly SeenInterface[];
}

/** A row of table Bridge. */
export interface SeenBridge {
  readonly uuid: string;
  readonly name: string;
  /** `system` or `netdev`. */
  readonly datapathType: string;
  readonly failMode: string | undefined;
  /** It has controllers, which tell it what to forward. */
  readonly controlled: boolean;
  /** Names of its ports. */
  readonly ports: readonly string[];
}

/** A row of table QoS or Queue. */
export interface SeenQos {
  readonly uuid: string;
  readonly type: string;
  readonly facts: ExternalIds;
  readonly queues: readonly string[];
}

/** The switch of a node. */
export interface SeenSwitch {
  readonly bridges: readonly SeenBridge[];
  readonly ports: readonly SeenPort[];
  readonly qos: readonly SeenQos[];
  /** Rows of table Queue: their ids. */
  readonly queues: readonly { readonly uuid: string; readonly facts: ExternalIds }[];
  readonly userspaceTso: boolean;
}

const SWITCH = { other_config: MapColumn };
const BRIDGE = {
  _uuid: UuidColumn,
  name: v.string(),
  datapath_type: v.string(),
  fail_mode: optionalOf(v.string()),
  controller: setOf(UuidColumn),
  ports: setOf(UuidColumn),
};
const PORT = {
  _uuid: UuidColumn,
  name: v.string(),
  tag: optionalOf(v.number()),
  vlan_mode: optionalOf(v.string()),
  trunks: setOf(v.number()),
  qos: optionalOf(UuidColumn),
  external_ids: MapColumn,
  interfaces: setOf(UuidColumn),
};
const INTERFACE = {
  _uuid: UuidColumn,
  name: v.string(),
  type: v.string(),
  ofport: optionalOf(v.number()),
  error: optionalOf(v.string()),
  mtu: optionalOf(v.number()),
  mtu_request: optionalOf(v.number()),
  admin_state: optionalOf(v.string()),
  link_state: optionalOf(v.string()),
  ifindex: optionalOf(v.number()),
};
const QueueMap = v.pipe(
  v.tuple([v.literal("map"), v.array(v.tuple([v.number(), UuidColumn]))]),
  v.transform(([, pairs]) => pairs.map(([, id]) => id)),
);
const QOS = { _uuid: UuidColumn, type: v.string(), external_ids: MapColumn, queues: QueueMap };
const QUEUE = { _uuid: UuidColumn, external_ids: MapColumn };

/** Reads it; changes nothing, and waits for nobody. */
export async function observeSwitch(db: Ovsdb): Promise<SeenSwitch> {
  const [settings, bridges, ports, interfaces, qos, queues] = await db.transact([
    select("Open_vSwitch", { columns: SWITCH }),
    select("Bridge", { columns: BRIDGE }),
    select("Port", { columns: PORT }),
    select("Interface", { columns: INTERFACE }),
    select("QoS", { columns: QOS }),
    select("Queue", { columns: QUEUE }),
  ]);
  const rows = { bridges: rowsOf(bridges, BRIDGE), ports: rowsOf(ports, PORT) };
  const [row] = rowsOf(settings, SWITCH);
  return {
    ...joined(rows, rowsOf(interfaces, INTERFACE)),
    qos: rowsOf(qos, QOS).map(({ _uuid, type, external_ids, queues }) => ({
      uuid: _uuid,
      type,
      facts: fromExternalIds(external_ids),
      queues,
    })),
    queues: rowsOf(queues, QUEUE).map(({ _uuid, external_ids }) => ({
      uuid: _uuid,
      facts: fromExternalIds(external_ids),
    })),
    userspaceTso: row?.other_config["userspace-tso-enable"] === "true",
  };
}

function joined(
  rows: {
    readonly bridges: readonly RowOf<typeof BRIDGE>[];
    readonly ports: readonly RowOf<typeof PORT>[];
  },
  interfaceRows: readonly RowOf<typeof INTERFACE>[],
): Pick<SeenSwitch, "bridges" | "ports"> {
  const interfaces = new Map(interfaceRows.map((row) => [row._uuid, seenInterface(row)]));
  const names = new Map(rows.ports.map(({ _uuid, name }) => [_uuid, name]));
  const holders = new Map<string, string[]>();
  for (const { name, ports } of rows.bridges) {
    for (const id of ports) holders.set(id, [...holders.get(id) ?? [], name]);
  }
  return {
    bridges: rows.bridges.map((row) => ({
      uuid: row._uuid,
      name: row.name,
      datapathType: row.datapath_type === "" ? "system" : row.datapath_type,
      failMode: row.fail_mode,
      controlled: row.controller.length > 0,
      ports: row.ports.flatMap((id) => names.get(id) ?? []),
    })),
    ports: rows.ports.map((row) => ({
      uuid: row._uuid,
      name: row.name,
      bridges: holders.get(row._uuid) ?? [],
      tag: row.tag,
      vlanMode: row.vlan_mode,
      trunks: row.trunks,
      qos: row.qos,
      facts: fromExternalIds(row.external_ids),
      interfaces: row.interfaces.flatMap((id) => interfaces.get(id) ?? []),
    })),
  };
}

function seenInterface(row: RowOf<typeof INTERFACE>): SeenInterface {
  return {
    uuid: row._uuid,
    name: row.name,
    type: row.type,
    ofport: row.ofport,
    error: row.error,
    mtu: row.mtu,
    mtuRequest: row.mtu_request,
    adminState: row.admin_state,
    linkState: row.link_state,
    ifindex: row.ifindex,
  };
}
