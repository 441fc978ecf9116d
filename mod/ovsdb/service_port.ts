/**
 * The switch's end of the way to the node's own stack: a port that no `NORMAL` sends to or takes from.
 *
 * @module
 */

import * as v from "valibot";
import type { Ovsdb } from "./client.ts";
import { failedWait } from "./error.ts";
import { type ExternalIds, fromExternalIds, toExternalIds } from "./external_ids.ts";
import { encodeMap, MapColumn } from "./map.ts";
import { type Operation, rowsOf, select } from "./operation.ts";
import { waitNow } from "./port.ts";
import { encodeSet, optionalOf } from "./set.ts";
import { encodeNamedUuid } from "./uuid.ts";

/** The fact by which such ports are found. */
const ROLE: ExternalIds = { "role": "services" };

/**
 * A trunk of one VLAN that no frame can have: the switch drops what comes in there without a flow that
 * says otherwise, and floods nothing to it.
 */
const NO_VLAN = 4095;

const COLUMNS = { name: v.string(), ofport: optionalOf(v.number()), external_ids: MapColumn };

/** One of these ports. */
export interface ServicePort {
  readonly name: string;
  /** Undefined until vswitchd has it. */
  readonly ofport: number | undefined;
  /** Our facts. */
  readonly facts: ExternalIds;
}

/** The operation that reads them; {@linkcode servicePortsOf} reads its result. */
export function selectServicePorts(): Operation {
  const role = encodeMap(toExternalIds(ROLE));
  return select("Interface", { columns: COLUMNS, where: [["external_ids", "includes", role]] });
}

/** The ports in the result of {@linkcode selectServicePorts}. */
export function servicePortsOf(result: unknown): readonly ServicePort[] {
  return rowsOf(result, COLUMNS).map(({ name, ofport, external_ids }) => ({
    name,
    ofport: ofport === undefined || ofport < 1 ? undefined : ofport,
    facts: fromExternalIds(external_ids),
  }));
}

export interface PutServicePortOptions {
  readonly bridge: string;
  readonly name: string;
  readonly facts: ExternalIds;
}

/**
 * Makes the port, or gives the one that is there its facts.
 *
 * @throws {FabricError} What `transact()` throws; `conflict` when the bridge is gone.
 */
export async function putServicePort(db: Ovsdb, options: PutServicePortOptions): Promise<void> {
  const { bridge, name, facts } = options;
  const external_ids = encodeMap(toExternalIds({ ...facts, ...ROLE }));
  const port = { vlan_mode: "trunk", trunks: NO_VLAN, tag: encodeSet([]) };
  try {
    await db.transact([
      waitNow("Bridge", bridge, { exists: true }),
      waitNow("Port", name, { exists: false }),
      {
        op: "insert",
        table: "Interface",
        "uuid-name": "interface",
        row: { name, external_ids },
      },
      {
        op: "insert",
        table: "Port",
        "uuid-name": "port",
        row: { name, interfaces: encodeNamedUuid("interface"), ...port },
      },
      {
        op: "mutate",
        table: "Bridge",
        where: [["name", "==", bridge]],
        mutations: [["ports", "insert", encodeSet([encodeNamedUuid("port")])]],
      },
      { op: "comment", comment: `fabric: add service port ${name} to ${bridge}` },
    ]);
  } catch (error) {
    if (failedWait(error) !== 1) throw error;
    await db.transact([
      { op: "update", table: "Port", where: [["name", "==", name]], row: port },
      { op: "update", table: "Interface", where: [["name", "==", name]], row: { external_ids } },
    ]);
  }
}

/** The numbers of these ports, by name; those that vswitchd has not are left out. */
export async function readOfports(
  db: Ovsdb,
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (names.length === 0) return new Map();
  const columns = { name: v.string(), ofport: optionalOf(v.number()) };
  const [result] = await db.transact([select("Interface", { columns })]);
  const wanted = new Set(names);
  return new Map(
    rowsOf(result, columns).flatMap(({ name, ofport }) =>
      wanted.has(name) && ofport !== undefined && ofport > 0 ? [[name, ofport]] : []
    ),
  );
}
