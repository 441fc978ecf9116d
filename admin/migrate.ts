/**
 * `migrate`: raises the schema of the store when every node can read it.
 *
 * @module
 */

import { migrateSchema, planMigration } from "../mod/ipam/migrate.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import { mayGoOn, YES_FLAG } from "./confirm.ts";
import type { AdminContext } from "./context.ts";

async function run(context: AdminContext, { flags }: Call): Promise<void> {
  const ipam = await context.ipam();
  const plan = await planMigration(ipam);
  if (plan.from >= plan.to) {
    return context.write(
      `The store has schema ${plan.from}, this version writes ${plan.to}: unchanged\n`,
    );
  }
  for (const { metadata, spec } of plan.fenced) {
    context.warn(`node ${spec.cluster}/${metadata.name} is fenced, and is not waited for`);
  }
  const dryRun = isDryRun(flags);
  if (plan.behind.length === 0) {
    context.write(
      `Schema ${plan.from} becomes ${plan.to}. Older versions of fabric start no pod then, and this ` +
        "is not taken back: keep a backup.\n",
    );
    if (dryRun) return context.write(`Schema ${plan.to} (dry run)\n`);
    if (!mayGoOn(context, flags, { question: `Migrate to ${plan.to}?` })) return;
  }
  // Refuses, and names the nodes that are behind.
  await migrateSchema(ipam);
  context.write(`The store has schema ${plan.to}\n`);
}

/** `migrate`. */
export const MIGRATE: Command = {
  name: "migrate",
  summary: "Raise the schema of the store, when every node can read it",
  args: "",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [YES_FLAG, DRY_RUN_FLAG],
  notes: [
    "To be run after every node was upgraded; it names those that were not. A node says which schema",
    "it reads with the first pod that it starts after an upgrade.",
  ],
  examples: [
    ["migrate --dry-run", "whether every node is ready"],
    ["migrate", "asks, and raises it"],
  ],
  run,
};
