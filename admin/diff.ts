/**
 * `diff`: what `apply` would change, line by line.
 *
 * @module
 */

import { applyResource } from "../mod/ipam/apply.ts";
import type { WrittenResource } from "../mod/model/kinds.ts";
import { isFields } from "../mod/model/validate_shape.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG } from "./documents.ts";
import { EXIT } from "./exit.ts";
import { unifiedDiff } from "./line_diff.ts";
import { objectName } from "./object_name.ts";
import { toYaml } from "./print/yaml.ts";
import { checkDocuments } from "./write_documents.ts";

/** Fields in one order, so that only what they say makes a difference. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (!isFields(value)) return value;
  const names = Object.keys(value).filter((name) => value[name] !== undefined).sort();
  return Object.fromEntries(names.map((name) => [name, inOrder(value[name])]));
}

/** The object without what the store gives. */
function textOf(resource: WrittenResource | undefined): string {
  if (resource === undefined) return "";
  const { apiVersion, kind, spec } = resource;
  const { name, labels, annotations } = resource.metadata;
  const metadata = { name, ...labels && { labels }, ...annotations && { annotations } };
  return toYaml({ apiVersion, kind, metadata: inOrder(metadata), spec: inOrder(spec) });
}

function coloured(diff: string): string {
  const colour = (line: string): string => {
    const code = line.startsWith("+")
      ? "32"
      : line.startsWith("-")
      ? "31"
      : line.startsWith("@@")
      ? "36"
      : undefined;
    return code === undefined ? line : `\x1b[${code}m${line}\x1b[0m`;
  };
  return diff.split("\n").map(colour).join("\n");
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const items = await checkDocuments(context, call, { verb: "diff", write: applyResource });
  for (const { ref, applied } of items ?? []) {
    const name = objectName(ref);
    const texts = [textOf(applied.before), textOf(applied.resource)] as const;
    const diff = unifiedDiff(texts, [`live/${name}`, `declared/${name}`]);
    if (diff === "") continue;
    context.write(context.io.colour?.stdout === true ? coloured(diff) : diff);
    context.end(EXIT.differs);
  }
}

/** `diff`. */
export const DIFF: Command = {
  name: "diff",
  summary: "Show what apply would change",
  args: "-f FILE|DIR|-",
  count: { min: 0, max: 0 },
  group: "change",
  flags: [FILE_FLAG],
  notes: [
    "Exit status 0: nothing differs; 6: something does; 1: the documents are refused.",
    "Nothing is written.",
  ],
  examples: [
    ["diff -f networks.yaml", "against what is in the store"],
    ["diff -f site/", "the files of a folder"],
  ],
  run,
};
