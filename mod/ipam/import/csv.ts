/**
 * Tables as spreadsheets write and read them: with a byte order mark or not, lines ended by CRLF or
 * LF, cells parted by comma, semicolon or tab, quoted where they need be.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";
import type { InputRow } from "./row.ts";
import { didYouMean } from "../../nearest.ts";

/** A table of a file. */
export interface Table {
  /** As they are called in this project. */
  readonly columns: readonly string[];
  readonly rows: readonly InputRow[];
}

function invalid(message: string, remedy: string, cause?: unknown): FabricError {
  return new FabricError("invalid", message, { field: "FILE", remedy, cause });
}

/**
 * The text of a file.
 *
 * @throws {FabricError} `invalid`: neither UTF-8 nor UTF-16.
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const [first, second] = bytes;
  const encoding = first === 0xff && second === 0xfe
    ? "utf-16le"
    : first === 0xfe && second === 0xff
    ? "utf-16be"
    : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid(`${name} is not UTF-8`, 'save it as "CSV UTF-8"', cause);
  }
}

/** What a column is called, whatever case, blanks and hyphens somebody wrote. */
function plain(text: string): string {
  return text.trim().toLowerCase().replace(/[\s_-]+/g, "");
}

const ALIASES: Readonly<Record<string, string>> = {
  ip: "address",
  ipaddress: "address",
  vlanid: "vlan",
  subnet: "cidr",
  prefix: "cidr",
  router: "gateway",
};

/** What the parser gives with `info`. */
const RecordsSchema = v.array(v.object({
  record: v.array(v.string()),
  info: v.object({ lines: v.number() }),
}));

/** The parter of the cells that the first line has most of. */
function delimiterOf(text: string): string {
  const [line = ""] = text.split("\n", 1);
  const count = (one: string): number => line.split(one).length;
  return [",", ";", "\t"].reduce((best, one) => count(one) > count(best) ? one : best);
}

/** A cell that an export kept from being a formula. */
function unguarded(cell: string): string {
  return /^'[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(cell) ? cell.slice(1) : cell;
}

/**
 * Reads a table; its first line names the columns, of which some are passed over.
 *
 * @throws {FabricError} `invalid`, naming the line.
 */
export async function parseCsv(
  text: string,
  { name, known, ignored }: {
    readonly name: string;
    readonly known: readonly string[];
    readonly ignored: readonly string[];
  },
): Promise<Table> {
  const { parse, CsvError } = await import("csv-parse/sync");
  let records: v.InferOutput<typeof RecordsSchema>;
  try {
    // One kind of line break, or breaks within cells are counted twice.
    const plainText = text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n");
    const parsed: unknown = parse(plainText, {
      delimiter: delimiterOf(plainText),
      info: true,
      relax_column_count: true,
      trim: true,
    });
    records = v.parse(RecordsSchema, parsed);
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const line = typeof cause["lines"] === "number" ? `:${cause["lines"]}` : "";
    throw invalid(`${name}${line}: ${cause.message}`, "correct the quotes of that line", cause);
  }
  const read = records.map(({ record, info }) => ({
    cells: record,
    // It is counted to the record's end, which may have breaks in its cells.
    line: info.lines - record.join("").split("\n").length + 1,
  }));
  const [head, ...rest] = read.filter(({ cells }) => cells.some((cell) => cell !== ""));
  if (head === undefined) throw invalid(`${name} is empty`, `begin with ${known.join(",")}`);
  const columns = head.cells.map((cell) => columnOf(cell, { name, known, ignored }));
  const twice = columns.find((column, index) => column !== "" && columns.indexOf(column) < index);
  if (twice !== undefined) {
    throw invalid(`${name}:1: column ${twice} is there twice`, "leave one of them out");
  }
  const rows = rest.map((row) => {
    const extra = row.cells.slice(columns.length).find((cell) => cell !== "");
    if (extra !== undefined) {
      throw invalid(
        `${name}:${row.line}: "${extra}" is in no column`,
        "quote cells that hold what parts the cells",
      );
    }
    return {
      place: `${name}:${row.line}`,
      cells: Object.fromEntries(
        columns.map((column, index) => [column, unguarded(row.cells[index] ?? "")]),
      ),
    };
  });
  return { columns, rows };
}

function columnOf(
  cell: string,
  { name, known, ignored }: {
    readonly name: string;
    readonly known: readonly string[];
    readonly ignored: readonly string[];
  },
): string {
  const wanted = ALIASES[plain(cell)] ?? plain(cell);
  const found = [...known, ...ignored].find((one) => plain(one) === wanted);
  if (found !== undefined) return found;
  throw new FabricError("invalid", `${name}:1: unknown column "${cell}"`, {
    field: "FILE",
    value: cell,
    remedy: didYouMean(cell, known, `use ${known.join(", ")}`),
  });
}

/**
 * A table as text. No cell is a formula to a spreadsheet: one that would be gets an apostrophe in
 * front (CWE-1236).
 */
export async function formatCsv(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<string> {
  const { stringify } = await import("csv-stringify/sync");
  return stringify([columns, ...rows].map((row) => [...row]), {
    escape_formulas: true,
    record_delimiter: "windows",
  });
}
