/**
 * The table of who sees whom, as the documentation has it.
 *
 * @module
 */

import { cellKey, CLIENT_WORDS, CLIENTS, expectedCells, WAY_WORDS, WAYS } from "./service_table.ts";

/** Around the table in `docs/services.md`. */
export const MARKS = {
  begin: "<!-- sources: written by scripts/services_page.ts -->",
  end: "<!-- /sources -->",
};

const CELLS: Readonly<Record<string, string>> = { "=": "client", "-": "–" };

/** A row for each way to a server, a column for each client. */
export function sourcesTable(): string {
  const cells = expectedCells();
  const rows = [
    ["", ...CLIENTS.map((client) => CLIENT_WORDS[client])],
    ["---", ...CLIENTS.map(() => "---")],
    ...WAYS.map((way) => [
      WAY_WORDS[way],
      ...CLIENTS.map((client) => {
        const cell = cells.get(cellKey(way, client)) ?? "";
        return CELLS[cell] ?? cell;
      }),
    ]),
  ];
  return rows.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** The page with the table that it should have. Throws where it has no place for it. */
export function withSourcesTable(page: string): string {
  const [before, rest] = page.split(MARKS.begin);
  const after = rest?.split(MARKS.end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`docs/services.md needs a line ${MARKS.begin} and a line ${MARKS.end}`);
  }
  return `${before}${MARKS.begin}\n\n${sourcesTable()}\n\n${MARKS.end}${after}`;
}
