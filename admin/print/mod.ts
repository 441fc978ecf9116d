/**
 * The table of output formats: a new one is a file beside this and a row here.
 *
 * @module
 */

import { didYouMean } from "../../mod/nearest.ts";
import { usageError } from "../exit.ts";
import type { Flag } from "../flags.ts";
import type { Print } from "../printable.ts";
import { customColumns } from "./custom_columns.ts";
import { printJson } from "./json.ts";
import { jsonPath } from "./json_path.ts";
import { printName } from "./name.ts";
import { printTable } from "./table.ts";
import { printWide } from "./wide.ts";
import { printYaml } from "./yaml.ts";

/** Printers by the value of `-o`; the empty one is the default. */
const PRINTERS: Readonly<Record<string, Print>> = {
  "": printTable,
  wide: printWide,
  json: printJson,
  yaml: printYaml,
  name: printName,
};

/** Formats that are told what to print. */
const MADE: Readonly<Record<string, (text: string) => Print>> = {
  "jsonpath": jsonPath,
  "custom-columns": customColumns,
};

/** What `-o` of a list takes. */
const FORMATS: readonly string[] = [
  ...Object.keys(PRINTERS).filter((name) => name !== ""),
  ...Object.keys(MADE).map((name) => `${name}=`),
];

/**
 * The printer of a value of `-o`.
 *
 * @throws {FabricError} a usage error.
 */
export function printerOf(format: string | undefined): Print {
  const [name = "", ...rest] = (format ?? "").split("=");
  const make = rest.length === 0 ? undefined : MADE[name];
  const printer = make?.(rest.join("=")) ?? PRINTERS[format ?? ""];
  if (printer !== undefined) return printer;
  throw usageError(`Unknown value "${format}" of --output`, {
    field: "--output",
    value: format ?? "",
    remedy: didYouMean(format ?? "", FORMATS, `use one of ${FORMATS.join(", ")}`),
  });
}

/** `-o`, with the formats that the command knows. */
export function outputFlag(formats: readonly string[] = FORMATS): Flag {
  return {
    name: "output",
    short: "o",
    value: formats === FORMATS ? "FORMAT" : formats.join("|"),
    choices: formats,
    text: formats === FORMATS ? "wide|json|yaml|name|jsonpath=|custom-columns=" : "Output format",
  };
}
