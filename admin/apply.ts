/**
 * `apply`: creates or changes what documents declare.
 *
 * @module
 */

import { applyResource } from "../mod/ipam/apply.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG } from "./documents.ts";
import { OUTCOME_FLAG, tellOutcome } from "./outcome.ts";
import { checkDocuments, type Write, writeChecked } from "./write_documents.ts";

/** Writes all documents of `-f`, or none. */
export async function writeAll(
  context: AdminContext,
  call: Call,
  how: { readonly verb: string; readonly write: Write },
): Promise<void> {
  const items = await checkDocuments(context, call, how);
  if (items === undefined) return;
  const ipam = await context.ipam();
  for (const item of items) {
    const applied = isDryRun(call.flags) ? item.applied : await writeChecked(ipam, item, how);
    tellOutcome(context, call.flags, { ref: item.ref, applied });
  }
}

/** `apply`. */
export const APPLY: Command = {
  name: "apply",
  summary: "Create or change what documents declare",
  args: "-f FILE|DIR|-",
  count: { min: 0, max: 0 },
  group: "change",
  flags: [FILE_FLAG, DRY_RUN_FLAG, OUTCOME_FLAG],
  notes: [
    "All documents are checked before the first is written; what others refer to",
    "is written first. A document is applied whole: what it leaves out is unset.",
  ],
  examples: [
    ["apply -f networks.yaml", "every document of the file"],
    ["apply -f site/ --dry-run", "what the files of a folder would change"],
    ["get network pods -o yaml | fabric-admin apply -f -", "from standard input"],
  ],
  run: (context, call) => writeAll(context, call, { verb: "apply", write: applyResource }),
};
