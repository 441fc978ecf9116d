/**
 * Asking ovs-vswitchd itself, which has no socket of its own for that: it follows the database, and
 * notes how far it has come (`next_cfg` and `cur_cfg`, ovs-vswitchd.conf.db(5)).
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Ovsdb } from "./client.ts";
import { failedWait } from "./error.ts";
import { rowsOf, select } from "./operation.ts";

const COLUMNS = { cur_cfg: v.number(), next_cfg: v.number() };

export interface SyncVswitchdOptions {
  /** Default 4,000. */
  readonly timeoutMs?: number;
}

/**
 * Waits until ovs-vswitchd has carried out all that is in the database now, as `ovs-vsctl` does
 * after each of its commands. A few milliseconds when it is well.
 *
 * @throws {FabricError} `unavailable` when it does not in time, so it is down or stuck.
 */
export async function syncVswitchd(
  db: Ovsdb,
  options: SyncVswitchdOptions = {},
): Promise<void> {
  const deadline = performance.now() + (options.timeoutMs ?? 4_000);
  const [, result] = await db.transact([
    { op: "mutate", table: "Open_vSwitch", where: [], mutations: [["next_cfg", "+=", 1]] },
    select("Open_vSwitch", { columns: COLUMNS }),
  ]);
  const asked = rowsOf(result, COLUMNS)[0];
  if (asked === undefined) {
    throw new FabricError("unavailable", "the database of Open vSwitch is not initialised");
  }
  // It may stop at a number between, which somebody else asked for.
  for (let reached = asked.cur_cfg; reached < asked.next_cfg;) {
    const timeout = Math.max(0, Math.ceil(deadline - performance.now()));
    try {
      const results = await db.transact([
        {
          op: "wait",
          table: "Open_vSwitch",
          where: [],
          columns: ["cur_cfg"],
          until: "!=",
          rows: [{ cur_cfg: reached }],
          timeout,
        },
        select("Open_vSwitch", { columns: COLUMNS }),
      ], { timeoutMs: timeout + 1_000 });
      reached = rowsOf(results[1], COLUMNS)[0]?.cur_cfg ?? asked.next_cfg;
    } catch (error) {
      if (failedWait(error) === undefined) throw error;
      throw new FabricError("unavailable", "ovs-vswitchd does not follow its database", {
        remedy: "see that ovs-vswitchd runs",
        cause: error,
      });
    }
  }
}
