/**
 * `check`: what fsck is to a file system. It changes nothing.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { findingFields, type Source, SOURCES } from "../mod/ipam/check/finding.ts";
import { didYouMean } from "../mod/nearest.ts";
import { CHECKED_SOURCES, runCheckers } from "./checkers.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { EXIT, usageError } from "./exit.ts";
import { countText, findingText } from "./finding_text.ts";
import { outputFlag } from "./print/mod.ts";
import { startProgress } from "./progress.ts";

/** The sources that the argument names; none: all. */
export function sourcesOf(args: readonly string[]): readonly Source[] {
  const [word = "all"] = args;
  if (word === "all") return CHECKED_SOURCES;
  const source = SOURCES.find((name) => name === word);
  if (source !== undefined && CHECKED_SOURCES.includes(source)) return [source];
  throw usageError(`Cannot check "${word}"`, {
    value: word,
    remedy: didYouMean(word, CHECKED_SOURCES, `use one of ${CHECKED_SOURCES.join(", ")}, all`),
  });
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const sources = sourcesOf(args);
  using progress = startProgress(context.io);
  const { findings, looked, truncated, unseen } = await runCheckers(context, {
    sources,
    onProgress: (text) => progress.show(text),
  });
  progress.clear();
  if (flags.text("output") === "json") {
    const report = {
      kind: "CheckReport",
      looked,
      truncated,
      findings: findings.map(findingFields),
    };
    context.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    const colour = context.io.colour?.stdout === true;
    for (const finding of findings) context.write(`${findingText(finding, { colour })}\n`);
    context.write(`${countText(findings)} (${looked})\n`);
  }
  if (truncated) {
    context.warn("there is more damage than one check pursues; repair, and check again");
  }
  if (unseen !== undefined) context.fail(new FabricError("try-again", unseen));
  if (findings.length > 0) context.end(EXIT.damage);
}

/** `check`. */
export const CHECK: Command = {
  name: "check",
  summary: "Find everything that does not fit together, and change nothing",
  args: `[${CHECKED_SOURCES.join(" | ")} | all]`,
  count: { min: 0, max: 1 },
  group: "health",
  flags: [outputFlag(["json"])],
  notes: [
    "Needs no lock and may run while pods come and go. Exit status 3: damage was found.",
    "docs/check.md says what each code means.",
  ],
  examples: [
    ["check", "everything that can be checked from here"],
    ["check addresses -o json", "only who has which address, for a script"],
  ],
  run,
};
