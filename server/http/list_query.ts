/**
 * Lists: which objects, in which order, which page, which fields. Pages are of one revision, which
 * `continue` carries, so they fit together on any replica.
 *
 * @module
 */

import * as v from "valibot";
import { didYouMean } from "../../mod/nearest.ts";
import { isFields } from "../../mod/model/validate_shape.ts";
import { httpError } from "./http_error.ts";
import { flag, integer, text } from "./param.ts";

/** Objects of a page unless told otherwise. */
const DEFAULT_LIMIT = 500;
export const MAX_LIMIT = 5000;

/** Parameters of every list. */
export const LIST_PARAMS = {
  limit: integer("Objects of one page", { min: 1, max: MAX_LIMIT }),
  continue: text("`metadata.continue` of the page before, with the same other parameters"),
  sort: text("Fields to sort by, separated by commas; `-` in front: descending", {
    example: "-spec.vlan,metadata.name",
    maxLength: 200,
  }),
  filter: text(
    "Conditions that must all hold, separated by commas: `field=value`, `field!=value`, " +
      "`field~text` (contains, in any case)",
    { example: "spec.state=used,spec.holder.node=n1" },
  ),
  fields: text("Only these fields of each object, separated by commas", {
    example: "metadata.name,spec.address",
    maxLength: 500,
  }),
  total: flag("Also count all that the filter leaves, in `metadata.total`"),
} as const;

/** A path of a field, `["spec", "holder", "node"]`. */
export type Path = readonly string[];

/** One condition. */
export interface Condition {
  readonly path: Path;
  readonly op: "=" | "!=" | "~";
  readonly value: string;
}

export interface SortKey {
  readonly path: Path;
  readonly descending: boolean;
}

/** Where a page goes on. */
interface Cursor {
  readonly revision: number;
  readonly era: string;
  /** Key of the last object of the page before. */
  readonly key: string;
  /** Its values of the fields that are sorted by. */
  readonly values: readonly SortValue[];
  /** Of the other parameters: they must not change between pages. */
  readonly query: string;
}

/** What is sorted by: numbers before texts, absent ones last. */
export type SortValue = string | number | null;

/** A list that was asked for. */
export interface ListQuery {
  readonly limit: number;
  readonly sort: readonly SortKey[];
  readonly conditions: readonly Condition[];
  readonly fields: readonly Path[];
  readonly total: boolean;
  readonly cursor: Cursor | undefined;
  /** The other parameters as one text. */
  readonly query: string;
}

interface ListValues {
  readonly limit: number | undefined;
  readonly continue: string | undefined;
  readonly sort: string | undefined;
  readonly filter: string | undefined;
  readonly fields: string | undefined;
  readonly total: boolean | undefined;
}

/** Fields by which a kind can be sorted and filtered, and the rest of its parameters. */
export interface ListOptions {
  /** The object's schema; unknown fields are refused with the nearest. */
  readonly schema: v.GenericSchema;
  /** Further parameters that change what is listed. */
  readonly narrowed: readonly (string | undefined)[];
}

/** @throws {FabricError} 400. */
export function parseList(values: ListValues, options: ListOptions): ListQuery {
  const { schema, narrowed } = options;
  const { limit = DEFAULT_LIMIT, sort, filter, fields, total = false } = values;
  const query = JSON.stringify([sort ?? "", filter ?? "", ...narrowed.map((one) => one ?? "")]);
  const split = (text: string | undefined): readonly string[] =>
    text === undefined ? [] : text.split(",").map((one) => one.trim()).filter((one) => one !== "");
  return {
    limit,
    sort: split(sort).map((one) => {
      const descending = one.startsWith("-");
      const path = parsePath(descending ? one.slice(1) : one, { schema, param: "sort" });
      return { path, descending };
    }),
    conditions: parseConditions(filter, schema),
    fields: split(fields).map((one) => parsePath(one, { schema, param: "fields" })),
    total,
    cursor: values.continue === undefined ? undefined : parseCursor(values.continue, query),
    query,
  };
}

/** The conditions of a filter; see {@linkcode LIST_PARAMS}. */
export function parseConditions(
  filter: string | undefined,
  schema: v.GenericSchema,
): readonly Condition[] {
  if (filter === undefined) return [];
  return filter.split(",").map((term) => {
    const match = /^\s*([^=!~\s]+)\s*(=|!=|~)\s*(.*?)\s*$/.exec(term);
    const [, path = "", op = "", value = ""] = match ?? [];
    if (match === null || (op !== "=" && op !== "!=" && op !== "~")) {
      throw httpError(400, `Cannot parse the condition ${JSON.stringify(term.slice(0, 100))}`, {
        field: "filter",
        value: term.slice(0, 100),
        remedy: "write field=value, field!=value or field~text",
      });
    }
    return { path: parsePath(path, { schema, param: "filter" }), op, value };
  });
}

/** `metadata.labels.app` or `metadata.labels["a.b/c"]`. */
function parsePath(
  text: string,
  { schema, param }: { readonly schema: v.GenericSchema; readonly param: string },
): Path {
  const label = /^metadata\.(labels|annotations)\.(.+)$/.exec(text);
  if (label !== null) return ["metadata", label[1] ?? "", label[2] ?? ""];
  const path = text.split(".");
  let at: v.GenericSchema | undefined = schema;
  for (const name of path) {
    const entries: Readonly<Record<string, v.GenericSchema>> | undefined = entriesOf(at);
    if (entries === undefined) break;
    if (!Object.hasOwn(entries, name)) {
      const known = Object.keys(entries);
      throw httpError(400, `There is no field ${JSON.stringify(text.slice(0, 100))}`, {
        field: param,
        value: text.slice(0, 100),
        remedy: didYouMean(name, known, `known there: ${known.join(", ")}`),
      });
    }
    at = entries[name];
  }
  return path;
}

function entriesOf(
  schema: v.GenericSchema | undefined,
): Readonly<Record<string, v.GenericSchema>> | undefined {
  if (schema === undefined) return undefined;
  if ("wrapped" in schema && isSchema(schema.wrapped)) return entriesOf(schema.wrapped);
  if (!("entries" in schema) || !isFields(schema.entries)) return undefined;
  const entries: Record<string, v.GenericSchema> = {};
  for (const [name, entry] of Object.entries(schema.entries)) {
    if (isSchema(entry)) entries[name] = entry;
  }
  return entries;
}

function isSchema(value: unknown): value is v.GenericSchema {
  return isFields(value) && value["kind"] === "schema";
}

/** The value of a field; undefined where there is none. */
export function fieldAt(object: unknown, path: Path): unknown {
  let value: unknown = object;
  for (const name of path) {
    if (!isFields(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** True where all conditions hold; `get` reads a field of the object. */
export function satisfies(
  conditions: readonly Condition[],
  get: (path: Path) => unknown,
): boolean {
  return conditions.every(({ path, op, value }) => {
    const found = get(path);
    const texts = Array.isArray(found) ? found.map(textOf) : [textOf(found)];
    if (op === "=") return texts.includes(value);
    if (op === "!=") return !texts.includes(value);
    const wanted = value.toLowerCase();
    return texts.some((text) => text.toLowerCase().includes(wanted));
  });
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The value as it is sorted by. */
export function sortValue(value: unknown): SortValue {
  if (typeof value === "number" || typeof value === "string") return value;
  if (value === undefined || value === null) return null;
  return textOf(value);
}

/** The order of two objects by the values that are sorted by; ties go by key. */
export function compareSorted(
  sort: readonly SortKey[],
  a: { readonly values: readonly SortValue[]; readonly key: string },
  b: { readonly values: readonly SortValue[]; readonly key: string },
): number {
  for (const [index, { descending }] of sort.entries()) {
    const order = compareValues(a.values[index] ?? null, b.values[index] ?? null);
    if (order !== 0) return descending ? -order : order;
  }
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function compareValues(a: SortValue, b: SortValue): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number") return -1;
  if (typeof b === "number") return 1;
  return a < b ? -1 : 1;
}

/** Only the wanted fields of the object, at their places; names stay. */
export function pickFields(object: unknown, fields: readonly Path[]): unknown {
  if (fields.length === 0) return object;
  const picked: Record<string, unknown> = {};
  for (const path of fields) {
    const value = fieldAt(object, path);
    if (value === undefined) continue;
    let target = picked;
    for (const [index, name] of path.entries()) {
      if (index === path.length - 1) target[name] = value;
      else {
        const inner = target[name];
        const next: Record<string, unknown> = isFields(inner) ? { ...inner } : {};
        target[name] = next;
        target = next;
      }
    }
  }
  return picked;
}

const CursorSchema = v.tuple([
  v.number(),
  v.string(),
  v.string(),
  v.array(v.union([v.string(), v.number(), v.null()])),
  v.string(),
]);

/** The text of a cursor: opaque to callers, and of use on every replica. */
export function formatCursor({ revision, era, key, values, query }: Cursor): string {
  const text = JSON.stringify([revision, era, key, values, query]);
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

function parseCursor(text: string, query: string): Cursor {
  let parsed: v.InferOutput<typeof CursorSchema> | undefined;
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    parsed = v.parse(CursorSchema, JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    parsed = undefined;
  }
  if (parsed === undefined) {
    throw httpError(400, "Parameter continue is not what a list gave", {
      field: "continue",
      remedy: "send back metadata.continue as it was, or leave it out",
    });
  }
  const [revision, era, key, values, asked] = parsed;
  if (asked !== query) {
    throw httpError(400, "Parameter continue belongs to another list", {
      field: "continue",
      remedy: "keep all other parameters as they were, or leave continue out",
    });
  }
  return { revision, era, key, values, query };
}
