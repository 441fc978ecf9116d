/**
 * Changes of rows that are made only while the rows are as somebody saw them: the compare-and-swap
 * of OVSDB, by its `wait` (RFC 7047, 5.2.6).
 *
 * @module
 */

import { isKind } from "../error.ts";
import type { Ovsdb } from "./client.ts";
import { failedWait } from "./error.ts";
import { EXTERNAL_ID_PREFIX, type ExternalIds, toExternalIds } from "./external_ids.ts";
import { encodeMap } from "./map.ts";
import type { Mutation, Operation, Row } from "./operation.ts";
import { encodeSet } from "./set.ts";
import { encodeUuid } from "./uuid.ts";
import { syncVswitchd } from "./vswitchd.ts";

/** A row that was seen. */
export interface SeenRow {
  readonly table: string;
  readonly uuid: string;
  /** Columns as they were seen. */
  readonly expect: Row;
}

/** How long vswitchd has to carry out a change; should it be down, it does so when it is back. */
const FOLLOW_MS = 4_000;

/**
 * Carries the operations out, unless one of the rows is not as it was seen: then false. Waits until
 * vswitchd has followed: told of some changes (the VLANs of a trunk) without being asked to follow, it
 * keeps what its datapath has cached.
 */
export async function changeIf(
  db: Ovsdb,
  rows: readonly SeenRow[],
  operations: readonly Operation[],
): Promise<boolean> {
  const waits = rows.map(({ table, uuid, expect }): Operation => ({
    op: "wait",
    table,
    where: [["_uuid", "==", encodeUuid(uuid)]],
    columns: Object.keys(expect),
    until: "==",
    rows: [expect],
    timeout: 0,
  }));
  try {
    await db.transact([
      ...waits,
      ...operations,
      { op: "comment", comment: "fabric-admin: repair" },
    ]);
  } catch (error) {
    if (failedWait(error) === undefined) throw error;
    return false;
  }
  if (operations.length > 0) {
    await syncVswitchd(db, { timeoutMs: FOLLOW_MS }).catch((error) => {
      if (!isKind(error, "unavailable")) throw error;
    });
  }
  return true;
}

/** Writes columns of one row. */
export function updateIf(db: Ovsdb, row: SeenRow, set: Row): Promise<boolean> {
  const { table, uuid } = row;
  return changeIf(db, [row], [
    { op: "update", table, where: [["_uuid", "==", encodeUuid(uuid)]], row: set },
  ]);
}

/** Deletes one row that is a root of the database, such as one of QoS. */
export function deleteIf(db: Ovsdb, row: SeenRow): Promise<boolean> {
  const { table, uuid } = row;
  return changeIf(db, [row], [
    { op: "delete", table, where: [["_uuid", "==", encodeUuid(uuid)]] },
  ]);
}

/** Replaces our facts about a port; those of others stay. */
export function replaceFacts(
  db: Ovsdb,
  row: SeenRow,
  facts: { readonly before: ExternalIds; readonly after: ExternalIds },
): Promise<boolean> {
  const keys = Object.keys(facts.before).map((key) => EXTERNAL_ID_PREFIX + key);
  const mutations: readonly Mutation[] = [
    ["external_ids", "delete", encodeSet(keys)],
    ["external_ids", "insert", encodeMap(toExternalIds(facts.after))],
  ];
  const where = [["_uuid", "==", encodeUuid(row.uuid)]] as const;
  return changeIf(db, [row], [{ op: "mutate", table: row.table, where, mutations }]);
}

/** Moves a port into a bridge, out of the others that refer to it. */
export function moveIf(
  db: Ovsdb,
  port: SeenRow,
  bridges: { readonly from: readonly string[]; readonly to: string },
): Promise<boolean> {
  const ports = encodeSet([encodeUuid(port.uuid)]);
  const change = (name: string, mutator: "insert" | "delete"): Operation => ({
    op: "mutate",
    table: "Bridge",
    where: [["name", "==", name]],
    mutations: [["ports", mutator, ports]],
  });
  return changeIf(db, [port], [
    ...bridges.from.filter((name) => name !== bridges.to).map((name) => change(name, "delete")),
    change(bridges.to, "insert"),
  ]);
}

/** Removes a port of nobody from its bridges. */
export function removePortIf(db: Ovsdb, port: SeenRow): Promise<boolean> {
  const ports = encodeSet([encodeUuid(port.uuid)]);
  return changeIf(db, [port], [
    // A row that is about to vanish still counts as a reference to its QoS.
    {
      op: "update",
      table: "Port",
      where: [["_uuid", "==", encodeUuid(port.uuid)]],
      row: { qos: encodeSet([]) },
    },
    {
      op: "mutate",
      table: "Bridge",
      where: [["ports", "includes", ports]],
      mutations: [["ports", "delete", ports]],
    },
  ]);
}
