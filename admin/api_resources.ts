/**
 * `api-resources`: the kinds, their names, and what can be done with them.
 *
 * @module
 */

import { WRITTEN_KINDS } from "../mod/model/kinds.ts";
import { API_VERSION } from "../mod/model/resource.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { type KindRow, qualifiedKind } from "./kind.ts";
import { KIND_ROWS } from "./kinds.ts";
import { outputFlag, printerOf } from "./print/mod.ts";
import type { Printable } from "./printable.ts";

const READ = ["get", "describe", "wait"];
const WRITE = ["create", "apply", "diff", "edit", "patch", "label", "annotate", "delete"];

function isWritten({ kind }: KindRow): boolean {
  return WRITTEN_KINDS.some((written) => written === kind);
}

function verbsOf(row: KindRow): readonly string[] {
  return [
    ...READ,
    ...row.watch === undefined ? [] : ["watch"],
    ...isWritten(row) ? WRITE : [],
  ];
}

async function* printables(rows: readonly KindRow[]): AsyncGenerator<Printable> {
  for (const row of rows) {
    const { kind, plural, singular, shortNames, nameForm, summary } = row;
    const verbs = verbsOf(row);
    yield await Promise.resolve({
      name: plural,
      object: {
        apiVersion: API_VERSION,
        kind: "APIResource",
        metadata: { name: plural },
        spec: { kind, singularName: singular, shortNames, nameForm, verbs, description: summary },
      },
      cells: () => [
        plural,
        shortNames.join(","),
        API_VERSION,
        kind,
        isWritten(row) ? "administrators" : "IPAM",
        nameForm,
        verbs.join(","),
      ],
    });
  }
}

async function run(context: AdminContext, { flags }: Call): Promise<void> {
  await printerOf(flags.text("output"))(printables(KIND_ROWS), {
    qualifiedKind: qualifiedKind({ singular: "apiresource" }),
    columns: [
      { header: "NAME", wide: false },
      { header: "SHORTNAMES", wide: false },
      { header: "APIVERSION", wide: false },
      { header: "KIND", wide: false },
      { header: "WRITTEN BY", wide: false },
      { header: "NAMED", wide: true },
      { header: "VERBS", wide: true },
    ],
    headers: !flags.isSet("no-headers"),
    single: false,
    view: { now: context.now() },
    write: (text) => context.write(text),
  });
}

/** `api-resources`. */
export const API_RESOURCES: Command = {
  name: "api-resources",
  summary: "Show the kinds, their names, and what can be done with them",
  args: "",
  count: { min: 0, max: 0 },
  group: "look",
  flags: [outputFlag(), { name: "no-headers", text: "Leave the table's header out" }],
  examples: [
    ["api-resources", "kinds with their short names"],
    ["api-resources -o wide", "and how their objects are named"],
  ],
  run,
};
