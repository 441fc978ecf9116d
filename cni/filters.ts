/**
 * Filters whose devices are gone, on hosts that may have no `nft` at all.
 *
 * @module
 */

import { isKind } from "../mod/error.ts";
import { forgetLeakFilters } from "../mod/host/leak_filter.ts";
import type { Run } from "../mod/host/run.ts";

/** Removes them. */
export async function forgetFilters(run: Run): Promise<void> {
  try {
    await forgetLeakFilters(run);
  } catch (error) {
    // It never ran: a host whose datapath is the kernel's needs no filters, and no such program.
    if (!(isKind(error, "host") && error.details["exitCode"] === undefined)) throw error;
  }
}
