/**
 * The text of `describe`: labels with values, lists and small tables.
 *
 * @module
 */

import { alignRows, cleanCell, columnWidths } from "./print/align.ts";

/** Rows under a label; the first is the header. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A label with its value; several values stand under each other. */
export type Field = readonly [
  label: string,
  value: string | number | undefined | readonly string[] | Table,
];

export type Description = readonly Field[];

function isTable(value: Field[1]): value is Table {
  return typeof value === "object" && !Array.isArray(value);
}

/** Labels and annotations as `key=value`. */
export function pairs(record: Readonly<Record<string, string>> | undefined): readonly string[] {
  return Object.entries(record ?? {}).map(([key, value]) => `${key}=${value}`);
}

/** The text; a value that is missing is `<none>`, as kubectl writes it. */
export function formatDescription(description: Description): string {
  const simple = description.filter(([, value]) => !isTable(value));
  const width = Math.max(...simple.map(([label]) => label.length)) + 1;
  let text = "";
  for (const [label, value] of description) {
    if (isTable(value)) {
      text += `${label}:\n${formatTable(value)}`;
      continue;
    }
    const values = value === undefined || value === ""
      ? []
      : typeof value === "object"
      ? value
      : [String(value)];
    const lines = values.length === 0 ? ["<none>"] : values.map(cleanCell);
    lines.forEach((line, i) =>
      text += `${(i === 0 ? `${label}:` : "").padEnd(width)}  ${line}`.trimEnd() + "\n"
    );
  }
  return text;
}

function formatTable({ header, rows }: Table): string {
  if (rows.length === 0) return "  <none>\n";
  const cells = [header, ...rows.map((row) => row.map((cell) => cleanCell(cell) || "<none>"))];
  const aligned = alignRows(cells, columnWidths(cells));
  return aligned.replace(/^/gm, "  ").replace(/ +$/, "");
}
