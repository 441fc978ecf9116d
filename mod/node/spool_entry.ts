/**
 * Saying what a spooled DEL could not say: the host first, then the store (rule 4).
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import type { SpoolEntry } from "./spool.ts";

/** Does what the entry says remains. */
export async function finishEntry(
  { portRemains, recordRemains }: SpoolEntry,
  steps: {
    /** Removes the port from the switch. */
    readonly removePort: () => Promise<unknown>;
    /** Ends the attachment in the store. */
    readonly endRecord: () => Promise<unknown>;
  },
): Promise<void> {
  if (portRemains) await steps.removePort();
  faultPoint("spool:before-release");
  if (recordRemains) await steps.endRecord();
  faultPoint("spool:after-release");
}
