/**
 * `history export`: the history as JSON lines, before anything of it is trimmed.
 *
 * @module
 */

import { exportHistory } from "../mod/ipam/export.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { usageError } from "./exit.ts";
import { startProgress } from "./progress.ts";

async function run(context: AdminContext, { flags }: Call): Promise<void> {
  const file = flags.text("to");
  if (file === undefined || file === "-") {
    throw usageError("Name the file to export to", {
      field: "--to",
      remedy: "write --to FILE; a killed export goes on from that file",
    });
  }
  const ipam = await context.ipam();
  using progress = startProgress(context.io);
  const { lines, after, through } = await exportHistory(ipam, {
    file,
    resume: flags.isSet("resume"),
    onProgress: ({ read, written }) =>
      progress.show(written === 0 ? `${read} records read` : `${written} lines written`),
  });
  progress.clear();
  context.write(
    `${lines} line${lines === 1 ? "" : "s"} written to ${file}: revisions ${
      after + 1
    } to ${through}\n`,
  );
}

/** `history export`. */
export const HISTORY_EXPORT: Command = {
  name: "history export",
  summary: "Write the history to a file, ordered and without gaps",
  args: "--to FILE [--resume]",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [
    { name: "to", value: "FILE", text: "File of JSON lines; FILE.cursor is kept beside it" },
    { name: "resume", text: "Go on with a file of an earlier export, also of a killed one" },
  ],
  notes: [
    "A new file begins where the last export ended. Each line is one state of one",
    "record: revision, startRevision, key, record. Only exported records are trimmed.",
  ],
  examples: [
    ["history export --to /srv/audit/2026-03.jsonl", "what is not exported yet"],
    ["history export --to /srv/audit/2026-03.jsonl --resume", "go on with that file"],
  ],
  run,
};
