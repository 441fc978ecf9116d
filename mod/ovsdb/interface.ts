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
}

/**
 * Waits until ovs-vswitchd has put the interface into the datapath; its OpenFlow port number.
 * The server tells when it is so (a `wait` of RFC 7047, 5.2.6); nothing polls.
 *
 * @throws {FabricError}
 * - `unavailable`: vswitchd did not look at it in time, so it is probably down.
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
    throw new FabricError(
      "unavailable",
      `ovs-vswitchd did not take up port ${name} within ${timeoutMs} ms`,
      { remedy: "see that ovs-vswitchd runs", details: { port: name }, cause: error },
    );
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
