/**
 * What ovs-vswitchd made of an interface: it writes `ofport` when the interface is in the datapath,
 * and `error` when it cannot be.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Ovsdb } from "./client.ts";
import { failedWait } from "./error.ts";
import { type Operation, type RowOf, rowsOf, select } from "./operation.ts";
import { encodeSet, optionalOf } from "./set.ts";

/** Columns of table Interface that vswitchd fills in. */
export const STATE_COLUMNS = {
  ofport: optionalOf(v.number()),
  error: optionalOf(v.string()),
  mtu: optionalOf(v.number()),
};

/** `ofport` is undefined until vswitchd has looked, and -1 where `error` says why it cannot. */
export type InterfaceState = RowOf<typeof STATE_COLUMNS>;

export interface WaitForOfportOptions {
  /** Default 4,000. */
  readonly timeoutMs?: number;
  /** The bridge that holds it, to tell a bridge that vswitchd cannot make from a vswitchd down. */
  readonly bridge?: string;
}

/**
 * Waits until ovs-vswitchd has put the interface into the datapath; its OpenFlow port number.
 * The server tells when it is so (a `wait` of RFC 7047, 5.2.6); nothing polls.
 *
 * @throws {FabricError}
 * - `unavailable`: vswitchd did not look at it in time, so it is probably down; or, where `bridge` is
 *   given, it could not make the bridge (a datapath of the kernel without its module).
 * - `host`: vswitchd cannot use it; the message says why.
 * - `not-found`: there is no such interface in the database.
 */
export async function waitForOfport(
  db: Ovsdb,
  name: string,
  options: WaitForOfportOptions = {},
): Promise<number> {
  const timeoutMs = options.timeoutMs ?? 4_000;
  const where = [["name", "==", name]] as const;
  const operations: readonly Operation[] = [
    {
      op: "wait",
      table: "Interface",
      where,
      columns: ["ofport"],
      until: "!=",
      rows: [{ ofport: encodeSet([]) }],
      timeout: timeoutMs,
    },
    select("Interface", { columns: STATE_COLUMNS, where }),
  ];
  let results: readonly unknown[];
  try {
    results = await db.transact(operations, { timeoutMs: timeoutMs + 1_000 });
  } catch (error) {
    if (failedWait(error) === undefined) throw error;
    throw await notTakenUp(db, name, { ...options, timeoutMs, cause: error });
  }
  const state = rowsOf(results[1], STATE_COLUMNS)[0];
  if (state === undefined) {
    throw new FabricError("not-found", `there is no interface ${name} in Open vSwitch`);
  }
  if (state.ofport === undefined || state.ofport < 1) {
    throw new FabricError(
      "host",
      `ovs-vswitchd cannot use port ${name}: ${state.error ?? "no reason given"}`,
      { details: { port: name, error: state.error } },
    );
  }
  return state.ofport;
}

async function notTakenUp(
  db: Ovsdb,
  name: string,
  options: WaitForOfportOptions & { readonly timeoutMs: number; readonly cause: unknown },
): Promise<FabricError> {
  const { bridge, timeoutMs, cause } = options;
  const details = { port: name };
  if (bridge !== undefined) {
    const where = [["name", "==", bridge]] as const;
    const [result] = await db.transact([select("Interface", { columns: STATE_COLUMNS, where })]);
    // The bridge's own device keeps its number while vswitchd is down; without one, it was never.
    if (rowsOf(result, STATE_COLUMNS)[0]?.ofport === undefined) {
      return new FabricError("unavailable", `ovs-vswitchd has not made bridge ${bridge}`, {
        remedy: "see that ovs-vswitchd runs, and in its log whether it can have that datapath_type",
        details: { ...details, bridge },
        cause,
      });
    }
  }
  return new FabricError(
    "unavailable",
    `ovs-vswitchd did not take up port ${name} within ${timeoutMs} ms`,
    { remedy: "see that ovs-vswitchd runs", details, cause },
  );
}
