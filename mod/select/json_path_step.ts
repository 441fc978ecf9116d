/**
 * A parsed path into JSON values.
 *
 * @module
 */

/** One step of a path, from each value to others. */
export type Step =
  /** `parts`: the name, split at its dots, where no field has the whole name. */
  | { readonly kind: "field"; readonly name: string; readonly parts: readonly string[] }
  | { readonly kind: "every" }
  | { readonly kind: "descend" }
  | { readonly kind: "slice"; readonly slice: Slice }
  | { readonly kind: "union"; readonly choices: readonly (readonly Step[])[] }
  | { readonly kind: "filter"; readonly filter: Filter };

/** `[start:end:step]`; `[index]` has only a start and `single`. */
export interface Slice {
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly step: number;
  readonly single: boolean;
}

/** How a filter compares. */
export const OPERATORS = ["==", "!=", "<=", ">=", "<", ">"] as const;
/** One of them. */
export type Operator = typeof OPERATORS[number];

/** A side of a comparison. */
export type Operand = { readonly path: JsonPath } | { readonly value: unknown };

/** `?(left operator right)`. */
export interface Filter {
  readonly left: Operand;
  /** Absent: the left one exists. */
  readonly compare?: { readonly operator: Operator; readonly right: Operand };
}

/** A parsed path. */
export interface JsonPath {
  /** `$` begins at the root, everything else at the current value. */
  readonly from: "root" | "current";
  readonly steps: readonly Step[];
}
