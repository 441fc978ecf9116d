/**
 * `explain`: what the fields of a kind are, from the schema that validates them.
 *
 * @module
 */

import { type ExplainedField, explainField } from "../mod/model/explain.ts";
import { OBJECT_SCHEMAS } from "../mod/model/object_schemas.ts";
import { API_VERSION, KINDS } from "../mod/model/resource.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument, usageError } from "./exit.ts";
import { wrapped } from "./help.ts";
import { findKind } from "./kinds.ts";

/** What every object has, which no schema describes. */
const COMMON: Readonly<Record<string, string>> = {
  apiVersion: `Always ${API_VERSION}`,
  kind: "What kind of object it is",
  metadata: "Its name, and what is known of it besides",
  spec: "What it should be; of records, what is so",
  status: "What is so; written by the nodes",
};

function textOf({ name, text }: ExplainedField): string {
  return text ?? COMMON[name] ?? "";
}

function heading(field: ExplainedField): string {
  return `${field.name} <${field.type}>${field.required ? " -required-" : ""}`;
}

/** A field with its text and values under it. */
function entry(field: ExplainedField, indent: string): string {
  const { values } = field;
  const below = `${indent}  `;
  const choice = values.length === 0 ? "" : `${below}One of: ${values.join(", ")}\n`;
  const text = textOf(field);
  return `${indent}${heading(field)}\n` +
    (text === "" ? "" : `${below}${wrapped(text, below.length)}\n`) + choice;
}

/** All fields below, each with its type alone. */
function tree(field: ExplainedField, indent: string): string {
  return field.fields.map((inner) => `${indent}${heading(inner)}\n${tree(inner, `${indent}  `)}`)
    .join("");
}

function run(context: AdminContext, { args, flags }: Call): void {
  const [word = "", ...path] = (args[0] ?? "").replace(/\[\d*\]/g, "").split(".");
  const row = findKind(word);
  const kind = KINDS.find((candidate) => candidate === row.kind);
  if (kind === undefined) {
    throw usageError(`${row.plural} have no schema: they are computed`, {
      field: "KIND",
      value: word,
      remedy: "explain attachments, which they are computed from",
    });
  }
  const field = parseArgument(() =>
    explainField(OBJECT_SCHEMAS[kind], path, { name: row.singular })
  );
  const isWhole = path.length === 0;
  context.write(`KIND:     ${kind}\nVERSION:  ${API_VERSION}\n\n`);
  if (isWhole) context.write(`DESCRIPTION:\n  ${wrapped(row.summary, 2)}\n`);
  else context.write(`FIELD:\n${entry(field, "  ")}`);
  if (field.fields.length === 0) return;
  context.write("\nFIELDS:\n");
  if (flags.isSet("recursive")) return context.write(tree(field, "  "));
  for (const inner of field.fields) context.write(entry(inner, "  "));
}

/** `explain`. */
export const EXPLAIN: Command = {
  name: "explain",
  summary: "Say what the fields of a kind are",
  args: "KIND[.FIELD...]",
  count: { min: 1, max: 1 },
  group: "look",
  completes: "field",
  flags: [{ name: "recursive", text: "All fields below, with their types alone" }],
  examples: [
    ["explain network", "what a network consists of"],
    ["explain network.spec.subnets", "one field, and those in it"],
    ["explain networks.spec --recursive", "all of them"],
  ],
  run,
};
