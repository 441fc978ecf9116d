/**
 * Operations of a transaction (RFC 7047, 5.2), in the form in which they are sent.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Json } from "./json.ts";

/** RFC 7047, 5.1, `<condition>`. */
export type Condition = readonly [
  column: string,
  test: "==" | "!=" | "includes" | "excludes" | "<" | "<=" | ">" | ">=",
  value: Json,
];

/** RFC 7047, 5.1, `<mutation>`. */
export type Mutation = readonly [column: string, mutator: "insert" | "delete" | "+=", value: Json];

export type Row = Readonly<Record<string, Json>>;

export type Operation =
  | {
    readonly op: "insert";
    readonly table: string;
    readonly row: Row;
    readonly "uuid-name"?: string;
  }
  | {
    readonly op: "select";
    readonly table: string;
    readonly where: readonly Condition[];
    readonly columns: readonly string[];
  }
  | {
    readonly op: "update";
    readonly table: string;
    readonly where: readonly Condition[];
    readonly row: Row;
  }
  | {
    readonly op: "mutate";
    readonly table: string;
    readonly where: readonly Condition[];
    readonly mutations: readonly Mutation[];
  }
  | { readonly op: "delete"; readonly table: string; readonly where: readonly Condition[] }
  | {
    readonly op: "wait";
    readonly table: string;
    readonly where: readonly Condition[];
    readonly columns: readonly string[];
    readonly until: "==" | "!=";
    readonly rows: readonly Row[];
    /** Milliseconds; 0: the condition must hold now. */
    readonly timeout: number;
  }
  | { readonly op: "comment"; readonly comment: string };

/** The columns of a table that are read, each with the schema that decodes it. */
export type Columns = Readonly<Record<string, v.GenericSchema>>;

/** The rows' type that `columns` give. */
export type RowOf<C extends Columns> = { readonly [K in keyof C]: v.InferOutput<C[K]> };

/** A `select` of just these columns. */
export function select(
  table: string,
  options: { readonly columns: Columns; readonly where?: readonly Condition[] },
): Operation {
  return {
    op: "select",
    table,
    where: options.where ?? [],
    columns: Object.keys(options.columns),
  };
}

/**
 * The rows in the result of a {@linkcode select}.
 *
 * @throws {FabricError} `internal` when the server's rows do not have the columns' types.
 */
export function rowsOf<C extends Columns>(result: unknown, columns: C): readonly RowOf<C>[] {
  const schema = v.object({ rows: v.array(v.object(columns)) });
  const parsed = v.safeParse(schema, result);
  if (!parsed.success) {
    throw new FabricError("internal", "ovsdb-server answered with rows of another schema", {
      details: { problems: parsed.issues.map((issue) => issue.message) },
    });
  }
  return parsed.output.rows;
}

/** True when the transaction only looks, so that asking twice does no harm. */
export function isReadOnly(operations: readonly Operation[]): boolean {
  return operations.every(({ op }) => op === "select" || op === "wait" || op === "comment");
}
