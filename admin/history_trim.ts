/**
 * `history trim`: retention.
 *
 * @module
 */

import { trimHistory } from "../mod/ipam/trim.ts";
import type { Retention } from "../mod/model/network.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import type { FlagValues } from "./flags.ts";
import { alignRows, cleanCell, columnWidths } from "./print/align.ts";
import { startProgress } from "./progress.ts";

function otherwiseOf(flags: FlagValues): Retention {
  const maxAgeDays = flags.number("max-age-days", { min: 0, max: 36500 });
  const maxRecords = flags.number("max-records", { min: 0, max: 1_000_000_000 });
  return {
    ...(maxAgeDays === undefined ? {} : { maxAgeDays }),
    ...(maxRecords === undefined ? {} : { maxRecords }),
  };
}

async function run(context: AdminContext, { flags }: Call): Promise<void> {
  const dryRun = isDryRun(flags);
  const ipam = await context.ipam();
  using progress = startProgress(context.io);
  const report = await trimHistory(ipam, {
    dryRun,
    otherwise: otherwiseOf(flags),
    onProgress: ({ read, trimmed }) => progress.show(`${read} records read, ${trimmed} trimmed`),
  });
  progress.clear();
  const rows = [
    ["NETWORK", "EXISTS", "ENDED", dryRun ? "WOULD TRIM" : "TRIMMED", "NOT EXPORTED"],
    ...report.networks.map(({ network, exists, ended, trimmed, notExported }) => [
      cleanCell(network.name),
      exists ? "yes" : "no",
      String(ended),
      String(trimmed),
      String(notExported),
    ]),
  ];
  context.write(alignRows(rows, columnWidths(rows)));
  const waiting = report.networks.reduce((sum, { notExported }) => sum + notExported, 0);
  if (waiting > 0) {
    context.warn(
      `${waiting} records are kept because no export holds them; run history export first`,
    );
  }
  if (report.unreadable > 0) {
    context.warn(`${report.unreadable} records cannot be read and are kept; run check`);
  }
}

/** `history trim`. */
export const HISTORY_TRIM: Command = {
  name: "history trim",
  summary: "Delete ended records that retention does not keep",
  args: "[--dry-run]",
  count: { min: 0, max: 0 },
  group: "store",
  flags: [
    { name: "max-age-days", value: "N", text: "For networks without a rule, and deleted ones" },
    { name: "max-records", value: "N", text: "The same, by count" },
    DRY_RUN_FLAG,
  ],
  notes: [
    "spec.history of each network is its rule. Only records that an export holds go;",
    "it may be stopped at any time, and goes on when run again.",
  ],
  examples: [
    ["history trim --dry-run", "what would go, by network"],
    ["history trim --max-age-days 1095", "also of networks that are gone, after 3 years"],
  ],
  run,
};
