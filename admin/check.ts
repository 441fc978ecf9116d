/**
 * `check`: what fsck is to a file system. It changes nothing.
 *
 * @module
 */

import { BUILD } from "fabric/build";
import { FabricError } from "../mod/error.ts";
import { type Finding, findingFields, type Source, SOURCES } from "../mod/ipam/check/finding.ts";
import { nodeFindings, putNodeFindings } from "../mod/ipam/node_findings.ts";
import { didYouMean } from "../mod/nearest.ts";
import { CHECKED_SOURCES, runCheckers } from "./checkers.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { EXIT, usageError } from "./exit.ts";
import { countText, findingText } from "./finding_text.ts";
import type { Flag } from "./flags.ts";
import { NODE } from "./node_check.ts";
import { outputFlag } from "./print/mod.ts";
import { startProgress } from "./progress.ts";

/** What is told where other commands and the server can list it. */
const REPORT_FLAG: Flag = {
  name: "report",
  text: "Store what was found of this node, for the server; for a timer",
};

/** True where sources were named. */
export function isNamed(args: readonly string[]): boolean {
  return args.length > 0 && args[0] !== "all";
}

/** The sources that the argument names; none: all. A node's pods are a part of it. */
export function sourcesOf(args: readonly string[]): readonly Source[] {
  const [word = "all"] = args;
  if (word === "all") return CHECKED_SOURCES;
  if (word === "node") return ["node", "pods"];
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
  const report = flags.isSet(REPORT_FLAG.name);
  if (report && !sources.some((source) => NODE.sources.includes(source))) {
    throw usageError("--report is for checks of a node", {
      field: "--report",
      remedy: "check node --report",
    });
  }
  const { findings, looked, truncated, unseen } = await runCheckers(context, {
    sources,
    asked: isNamed(args) || report,
    onProgress: (text) => progress.show(text),
  });
  progress.clear();
  if (report) await storeReport(context, { sources, findings, unseen });
  if (flags.text("output") === "json") {
    const document = {
      kind: "CheckReport",
      looked,
      truncated,
      findings: findings.map(findingFields),
    };
    context.write(`${JSON.stringify(document, null, 2)}\n`);
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

/** What was found of the node; what was found of the store is not the node's to tell. */
async function storeReport(
  context: AdminContext,
  { sources, findings, unseen }: {
    readonly sources: readonly Source[];
    readonly findings: readonly Finding[];
    readonly unseen: string | undefined;
  },
): Promise<void> {
  const { cluster, node } = await context.config();
  const own = (source: Source): boolean => NODE.sources.includes(source);
  await putNodeFindings(
    await context.store(),
    nodeFindings({
      cluster,
      node,
      at: new Date(context.now()).toISOString(),
      version: BUILD.version,
      sources: sources.filter(own),
      findings: findings.filter(({ kind }) => own(kind.source)),
      unseen,
    }),
  );
}

/** `check`. */
export const CHECK: Command = {
  name: "check",
  summary: "Find everything that does not fit together, and change nothing",
  args: `[${CHECKED_SOURCES.join(" | ")} | all]`,
  count: { min: 0, max: 1 },
  group: "health",
  flags: [outputFlag(["json"]), REPORT_FLAG],
  notes: [
    "Needs no lock and may run while pods come and go. Exit status 3: damage was found.",
    "The store is checked from anywhere; node (with its pods), pods and wire on the node itself.",
    "docs/check.md says what each code means.",
  ],
  examples: [
    ["check", "everything that can be checked from here"],
    ["check addresses -o json", "only who has which address, for a script"],
    ["check node --report", "this node, and tell the server of it"],
  ],
  run,
};
