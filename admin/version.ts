/**
 * `version`: this build.
 *
 * @module
 */

import { runVersion } from "../mod/version.ts";
import type { Command } from "./command.ts";
import { outputFlag } from "./print/mod.ts";

/** `version`. */
export const VERSION: Command = {
  name: "version",
  summary: "Show version, commit and runtime of this program",
  args: "",
  count: { min: 0, max: 0 },
  flags: [outputFlag(["json"])],
  examples: [["version -o json", "for scripts"]],
  run: (context, { flags }) => {
    const args = flags.isSet("output") ? ["-o", "json"] : [];
    runVersion("fabric-admin", { args, io: context.io });
  },
};
