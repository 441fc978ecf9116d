/**
 * `config view`: the configuration that this call works with, whatever it was set by.
 *
 * @module
 */

import { isFields } from "../mod/model/validate_shape.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { outputFlag } from "./print/mod.ts";
import { toYaml } from "./print/yaml.ts";

/** Names of files may be seen, what is in them never. */
const SECRET = /(password|secret|token|credential)s?$/i;

/** The value without what nobody should read over a shoulder, or in a ticket. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, inner]) => inner !== undefined).map(([name, inner]) => [
      name,
      SECRET.test(name) && !isFields(inner) ? "(hidden)" : withoutSecrets(inner),
    ]),
  );
}

async function run(context: AdminContext, { flags }: Call): Promise<void> {
  const config = withoutSecrets(await context.config());
  context.write(
    flags.text("output") === "json" ? `${JSON.stringify(config, null, 2)}\n` : toYaml(config),
  );
}

/** `config view`. */
export const CONFIG_VIEW: Command = {
  name: "config view",
  summary: "Show the configuration that commands work with",
  args: "",
  count: { min: 0, max: 0 },
  group: "other",
  flags: [outputFlag(["yaml", "json"])],
  notes: [
    "File, FABRIC_* variables and flags together, with defaults. Secrets are hidden: of files",
    "that hold them only the names are shown.",
  ],
  examples: [
    ["config view", "which etcd is asked, as whom"],
    ["config view -o json", "for a script"],
  ],
  run,
};
