/**
 * The table of output formats: a new one is a file beside this and a row here.
 *
 * @module
 */

import type { Flag } from "../flags.ts";
import type { Print } from "../printable.ts";
import { printJson } from "./json.ts";
import { printName } from "./name.ts";
import { printTable } from "./table.ts";
import { printWide } from "./wide.ts";
import { printYaml } from "./yaml.ts";

/** Printers by the value of `-o`; the empty one is the default. */
export const PRINTERS: Readonly<Record<string, Print>> = {
  "": printTable,
  wide: printWide,
  json: printJson,
  yaml: printYaml,
  name: printName,
};

/** `-o`, with the formats that the command knows. */
export function outputFlag(formats: readonly string[] = ["wide", "json", "yaml", "name"]): Flag {
  return {
    name: "output",
    short: "o",
    value: formats.join("|"),
    choices: formats,
    text: "Format of the output",
  };
}
