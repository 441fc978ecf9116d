/**
 * Paths into JSON values, in the dialect that kubectl made familiar: `.spec.subnets[0].cidr`,
 * `.items[*].metadata.name`, `..name`, `[-1]`, `[0:2]`, `['a','b']`, `[?(@.vlan>100)]`,
 * `.metadata.labels.example\.org/team`.
 *
 * What a path does not find is no error: it gives no values.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { isFields } from "../model/validate_shape.ts";
import { readPath } from "./json_path_parse.ts";
import type { Filter, JsonPath, Operand, Slice, Step } from "./json_path_step.ts";
import { Scanner } from "./scanner.ts";

/** Where a path begins. */
export interface Place {
  readonly root: unknown;
  readonly current: unknown;
}

/** A path may name at most so many values: `..*..*` grows without bound otherwise. */
const MAX_VALUES = 1_000_000;

/**
 * A single path, as flags and queries take it: `.spec.vlan`, `spec.vlan` and `{.spec.vlan}` are the
 * same.
 *
 * @param options.field what the text was given as, for the error.
 * @throws {FabricError} `invalid`.
 */
export function parseFieldPath(
  text: string,
  { field = "path" }: { readonly field?: string } = {},
): JsonPath {
  const bare = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1] ?? text;
  const scanner = new Scanner(bare.trim(), { field, whole: text });
  const path = readPath(scanner, { lenient: true });
  if (scanner.rest !== "") throw scanner.fault("the end of the path");
  return path;
}

/**
 * All values that the path finds, in the order of the document.
 *
 * @throws {FabricError} `invalid` where they are too many.
 */
export function valuesAt(path: JsonPath, place: Place): readonly unknown[] {
  const start = path.from === "root" ? place.root : place.current;
  return follow(path.steps, [start], place.root);
}

/** All values that the path finds in the document. */
export function findValues(path: JsonPath, document: unknown): readonly unknown[] {
  return valuesAt(path, { root: document, current: document });
}

function follow(
  steps: readonly Step[],
  start: readonly unknown[],
  root: unknown,
): readonly unknown[] {
  let values = start;
  for (const step of steps) {
    const next: unknown[] = [];
    for (const value of values) {
      for (const found of stepFrom(step, value, root)) {
        next.push(found);
        if (next.length <= MAX_VALUES) continue;
        throw new FabricError("invalid", `The path finds more than ${MAX_VALUES} values`, {
          field: "path",
          remedy: "name fields instead of .. or *",
        });
      }
    }
    values = next;
  }
  return values;
}

function* stepFrom(step: Step, value: unknown, root: unknown): Iterable<unknown> {
  switch (step.kind) {
    case "field":
      yield* fieldOf(value, step);
      break;
    case "every":
      yield* childrenOf(value);
      break;
    case "descend":
      yield* descendantsOf(value);
      break;
    case "slice":
      if (Array.isArray(value)) yield* sliceOf(value, step.slice);
      break;
    case "union":
      for (const choice of step.choices) yield* follow(choice, [value], root);
      break;
    case "filter":
      for (const child of childrenOf(value)) {
        if (satisfies(step.filter, { root, current: child })) yield child;
      }
  }
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isFields(value) ? Object.values(value) : [];
}

function* descendantsOf(value: unknown): Iterable<unknown> {
  yield value;
  for (const child of childrenOf(value)) yield* descendantsOf(child);
}

function* fieldOf(value: unknown, { name, parts }: Step & { kind: "field" }): Iterable<unknown> {
  if (!isFields(value)) return;
  if (Object.hasOwn(value, name)) yield value[name];
  else if (parts.length > 0) {
    const steps = parts.map((part): Step => ({ kind: "field", name: part, parts: [] }));
    yield* follow(steps, [value], undefined);
  }
}

function* sliceOf(list: readonly unknown[], slice: Slice): Iterable<unknown> {
  const { length } = list;
  const at = (index: number): number => index < 0 ? index + length : index;
  if (slice.single) {
    const index = at(slice.start ?? 0);
    if (index >= 0 && index < length) yield list[index];
    return;
  }
  const end = Math.min(at(slice.end ?? length), length);
  for (let i = Math.max(0, at(slice.start ?? 0)); i < end; i += slice.step) yield list[i];
}

function satisfies({ left, compare }: Filter, place: Place): boolean {
  const lefts = operandValues(left, place);
  if (compare === undefined) return lefts.length > 0;
  const [a] = lefts;
  const [b] = operandValues(compare.right, place);
  const equal = a === b || (isScalar(a) && isScalar(b) && String(a) === String(b));
  switch (compare.operator) {
    case "==":
      return equal;
    case "!=":
      return !equal;
    case "<":
      return isLess(a, b);
    case ">":
      return isLess(b, a);
    case "<=":
      return equal || isLess(a, b);
    case ">=":
      return equal || isLess(b, a);
  }
}

function operandValues(operand: Operand, place: Place): readonly unknown[] {
  return "path" in operand ? valuesAt(operand.path, place) : [operand.value];
}

function isScalar(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function isLess(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return a < b;
  return typeof a === "string" && typeof b === "string" && a < b;
}

/** True where the path, or a filter in it, begins at the root (`$`). */
export function usesRoot({ from, steps }: JsonPath): boolean {
  const inStep = (step: Step): boolean => {
    if (step.kind === "union") return step.choices.flat().some(inStep);
    if (step.kind !== "filter") return false;
    const { left, compare } = step.filter;
    return [left, ...compare === undefined ? [] : [compare.right]].some((operand) =>
      "path" in operand && usesRoot(operand.path)
    );
  };
  return from === "root" || steps.some(inStep);
}

/** A value as kubectl prints it: text as it is, anything else as JSON. */
export function valueAsText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}
