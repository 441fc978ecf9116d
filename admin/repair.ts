/**
 * `repair`: mends what `check` finds, by a plan that is shown first and can be taken back.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import type { Source } from "../mod/ipam/check/finding.ts";
import { FileJournal, parseJournal } from "../mod/ipam/repair/journal.ts";
import { applyPlan, type PlanItem, planRepair } from "../mod/ipam/repair/repair.ts";
import { undoRepair } from "../mod/ipam/repair/undo.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import { isNamed, sourcesOf } from "./check.ts";
import { type Checked, CHECKED_SOURCES, runCheckers } from "./checkers.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { EXIT, exitStatus, usageError } from "./exit.ts";
import { countText, findingText } from "./finding_text.ts";
import type { Flag, FlagValues } from "./flags.ts";
import { cleanCell } from "./print/align.ts";
import { startProgress } from "./progress.ts";

const YES_FLAG: Flag = { name: "yes", short: "y", text: "Apply the plan without asking" };
const UNDO_FLAG: Flag = {
  name: "undo",
  value: "FILE",
  text: "Take back what an undo file tells of",
};
const UNDO_FILE_FLAG: Flag = {
  name: "undo-file",
  value: "FILE",
  text: "Where the undo file is written; default: fabric-repair-TIME.undo here",
};

async function look(
  context: AdminContext,
  wanted: { readonly sources: readonly Source[]; readonly asked: boolean },
): Promise<Checked> {
  using progress = startProgress(context.io);
  return await runCheckers(context, { ...wanted, onProgress: (text) => progress.show(text) });
}

function showPlan(context: AdminContext, plan: readonly PlanItem[]): void {
  context.write(`Plan:\n`);
  plan.forEach(({ finding, action }, index) => {
    const head = `${index + 1}. ${finding.kind.code} ${finding.object}`;
    context.write(`  ${cleanCell(head)}\n`);
    for (const step of action.steps) context.write(`     ${cleanCell(step)}\n`);
  });
}

/** Whether the plan may be applied; never asks where nobody would answer. */
function mayApply(context: AdminContext, flags: FlagValues, plan: readonly PlanItem[]): boolean {
  if (flags.isSet(YES_FLAG.name)) return true;
  const { ask } = context.io;
  if (ask === undefined) {
    throw new FabricError("forbidden", "Nothing was changed: nobody is here to confirm the plan", {
      field: "--yes",
      remedy: "add --yes to apply it",
      details: { usage: true },
    });
  }
  const items = `${plan.length} item${plan.length === 1 ? "" : "s"}`;
  return ask(`Apply the plan (${items})? Type yes: `).trim().toLowerCase() === "yes";
}

function undoFileOf(context: AdminContext, flags: FlagValues): string {
  const time = new Date(context.now()).toISOString().replace(/[:.]/g, "-");
  return flags.text(UNDO_FILE_FLAG.name) ?? `fabric-repair-${time}.undo`;
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const undo = flags.text(UNDO_FLAG.name);
  if (undo !== undefined) return await runUndo(context, { file: undo, args, flags });
  const wanted = { sources: sourcesOf(args), asked: isNamed(args) };
  const before = await look(context, wanted);
  const colour = context.io.colour?.stdout === true;
  for (const finding of before.findings) context.write(`${findingText(finding, { colour })}\n`);
  context.write(`${countText(before.findings)} (${before.looked})\n`);
  const plan = planRepair(before.findings);
  if (plan.length === 0) {
    if (before.findings.length > 0) {
      context.write("Nothing of it can be mended by repair; see above what to do by hand.\n");
      context.end(EXIT.damage);
    }
    return;
  }
  showPlan(context, plan);
  if (isDryRun(flags)) return context.end(EXIT.damage);
  if (!mayApply(context, flags, plan)) {
    context.write("Nothing was changed.\n");
    return context.end(EXIT.damage);
  }
  await apply(context, plan, undoFileOf(context, flags));
  const after = await look(context, wanted);
  context.write(`After it: ${countText(after.findings)}\n`);
  if (after.findings.length > 0) {
    for (const { kind, object } of after.findings) {
      context.write(`  ${kind.code} ${cleanCell(object)}\n`);
    }
    context.end(EXIT.damage);
  }
}

async function apply(
  context: AdminContext,
  plan: readonly PlanItem[],
  file: string,
): Promise<void> {
  const ipam = await context.ipam();
  using journal = new FileJournal(file);
  let done = 0;
  for await (const { item, outcome, error } of applyPlan({ ipam, journal }, plan)) {
    const what = `${item.finding.kind.code} ${cleanCell(item.finding.object)}`;
    if (outcome === "done") done++;
    else if (outcome === "changed") {
      context.warn(`${what} is not any more as it was found: nothing was changed of it`);
    } else if (error !== undefined) context.fail(error, exitStatus(error));
  }
  context.write(`${done} of ${plan.length} mended; to take it back: repair --undo ${file}\n`);
}

async function runUndo(
  context: AdminContext,
  { file, args, flags }: {
    readonly file: string;
    readonly args: readonly string[];
    readonly flags: FlagValues;
  },
): Promise<void> {
  if (args.length > 0) {
    throw usageError("--undo takes no further arguments", { value: args.join(" ") });
  }
  const entries = parseJournal(await readFile(file));
  const changes = entries.filter(({ kind }) => kind !== "repair").length;
  if (!flags.isSet(YES_FLAG.name)) {
    const { ask } = context.io;
    if (ask === undefined) {
      throw new FabricError("forbidden", "Nothing was changed: nobody is here to confirm it", {
        field: "--yes",
        remedy: "add --yes to take the repair back",
        details: { usage: true },
      });
    }
    const answer = ask(`Take back ${changes} changes of ${file}? Type yes: `);
    if (answer.trim().toLowerCase() !== "yes") return context.write("Nothing was changed.\n");
  }
  for await (const { code, object, outcome, steps } of undoRepair(await context.ipam(), entries)) {
    const what = `${code} ${cleanCell(object)}`;
    if (outcome === "changed") context.warn(`${what} was changed since, and stays as it is`);
    else context.write(`${what}: ${outcome === "done" ? "taken back" : outcome}\n`);
    if (outcome === "manual") { for (const step of steps) context.write(`  ${cleanCell(step)}\n`); }
  }
}

async function readFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FabricError("invalid", `Cannot read ${path}: ${why}`, {
      field: "--undo",
      value: path,
      remedy: "name the file that repair wrote",
      cause,
    });
  }
}

/** `repair`. */
export const REPAIR: Command = {
  name: "repair",
  summary: "Mend what check finds, by a plan that can be taken back",
  args: `[${CHECKED_SOURCES.join(" | ")} | all]`,
  count: { min: 0, max: 1 },
  group: "health",
  flags: [YES_FLAG, DRY_RUN_FLAG, UNDO_FILE_FLAG, UNDO_FLAG],
  notes: [
    "Each step looks again at what check saw, and does nothing where that has changed. No address",
    "is taken from a pod that may live. It may be stopped at any time, and run again.",
  ],
  examples: [
    ["repair --dry-run", "the plan, and nothing else"],
    ["repair --yes", "apply it without asking"],
    ["repair --undo fabric-repair-2026-03-01T10-00-00-000Z.undo", "take it back"],
  ],
  run,
};
