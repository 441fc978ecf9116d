/**
 * Running the programs of the node that the command line is used on.
 *
 * @module
 */

import type { Run } from "../mod/host/run.ts";
import type { Log } from "../mod/log.ts";
import { createRun } from "../mod/node/programs.ts";

/** An administrator sees what is done by what is shown. */
const NO_LOG: Log = { enabled: () => false, write: () => {} };

/** A runner with a PATH of ours. */
export function nodeRun(): Run {
  return createRun(NO_LOG);
}
