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
import { Scanner } from "./scanner.ts";

/** One step of a path, from each value to others. */
export type Step =
  /** `parts`: the name, split at its dots, where no field has the whole name. */
  | { readonly kind: "field"; readonly name: string; readonly parts: readonly string[] }
  | { readonly kind: "every" }
  | { readonly kind: "descend" }
  | { readonly kind: "slice"; readonly slice: Slice }
  | { readonly kind: "union"; readonly choices: readonly (readonly Step[])[] }
  | { readonly kind: "filter"; readonly filter: Filter };

/** `[index]` has only a start and `single`. */
interface Slice {
  readonly start: number | undefined;
  readonly end: number | undefined;
  readonly step: number;
  readonly single: boolean;
}

const OPERATORS = ["==", "!=", "<=", ">=", "<", ">"] as const;
type Operator = typeof OPERATORS[number];

type Operand = { readonly path: JsonPath } | { readonly value: unknown };

interface Filter {
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

/** Where a path begins. */
export interface Place {
  readonly root: unknown;
  readonly current: unknown;
}

/** A path may name at most so many values: `..*..*` grows without bound otherwise. */
const MAX_VALUES = 1_000_000;

const NAME = /(?:\\.|[^\s.,[\](){}'"=!<>@$\\])+/y;

function unescape(text: string): string {
  return text.replace(/\\(.)/g, "$1");
}

function fieldStep(text: string): Step {
  const parts = text.split(/(?<!\\)\./).map(unescape);
  return { kind: "field", name: unescape(text), parts: parts.length > 1 ? parts : [] };
}

/** `[...]` behind its opening bracket. */
function readBracket(scanner: Scanner): readonly Step[] {
  scanner.skipSpace();
  if (scanner.take("*")) {
    scanner.expect("]");
    return [{ kind: "every" }];
  }
  if (scanner.take("?(")) {
    const filter = readFilter(scanner);
    scanner.expect(")");
    scanner.expect("]");
    return [{ kind: "filter", filter }];
  }
  const choices: Step[][] = [];
  do {
    scanner.skipSpace();
    choices.push([readChoice(scanner)]);
  } while (scanner.take(","));
  scanner.expect("]");
  const [only] = choices;
  return choices.length === 1 && only !== undefined ? only : [{ kind: "union", choices }];
}

function readChoice(scanner: Scanner): Step {
  const quoted = scanner.takeQuoted({ raw: true });
  if (quoted !== undefined) return fieldStep(quoted);
  const number = /-?\d{1,15}/y;
  const colon = /\s*:\s*/y;
  const start = scanner.match(number);
  if (scanner.match(colon) === undefined) {
    if (start === undefined) throw scanner.fault("an index, a name in quotes, * or ?(...)");
    const index = Number(start);
    return { kind: "slice", slice: { start: index, end: undefined, step: 1, single: true } };
  }
  const end = scanner.match(number);
  const step = scanner.match(colon) === undefined ? undefined : scanner.match(number);
  if (step !== undefined && Number(step) < 1) throw scanner.fault("a step of 1 or more");
  const bound = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text);
  const slice = { start: bound(start), end: bound(end), step: Number(step ?? 1), single: false };
  return { kind: "slice", slice };
}

function readFilter(scanner: Scanner): Filter {
  const left = readOperand(scanner);
  scanner.skipSpace();
  const operator = OPERATORS.find((candidate) => scanner.take(candidate));
  if (operator === undefined) return { left };
  return { left, compare: { operator, right: readOperand(scanner) } };
}

function readOperand(scanner: Scanner): Operand {
  scanner.skipSpace();
  const quoted = scanner.takeQuoted();
  if (quoted !== undefined) return { value: quoted };
  const word = scanner.match(/(?:-?\d+(?:\.\d+)?|true|false|null)(?![\w.])/y);
  if (word !== undefined) return { value: JSON.parse(word) };
  return { path: readPath(scanner) };
}

/** True where a path begins. */
export function beginsPath(scanner: Scanner): boolean {
  return /^[.[$@]/.test(scanner.rest.slice(0, 1));
}

/**
 * Reads a path as far as it goes. `lenient` takes `metadata.name` for `.metadata.name`.
 *
 * @throws {FabricError} `invalid`, with the character at fault.
 */
export function readPath(
  scanner: Scanner,
  { lenient = false }: { readonly lenient?: boolean } = {},
): JsonPath {
  const steps: Step[] = [];
  const from = scanner.take("$") ? "root" : "current";
  const hasStart = from === "root" || scanner.take("@");
  if (!hasStart && lenient && !beginsPath(scanner)) readName(scanner, steps);
  else if (!hasStart && !beginsPath(scanner)) {
    throw scanner.fault("a path, which begins with a dot", "write it like .metadata.name");
  }
  for (;;) {
    if (scanner.take("..")) {
      steps.push({ kind: "descend" });
      if (!scanner.sees("[")) readName(scanner, steps);
    } else if (scanner.take(".")) {
      // `{.}` is the current value.
      const alone = steps.length === 0 && /^[\s})]?$/.test(scanner.rest.slice(0, 1));
      if (!scanner.sees("[") && !alone) readName(scanner, steps);
    } else if (scanner.take("[")) steps.push(...readBracket(scanner));
    else return { from, steps };
  }
}

function readName(scanner: Scanner, steps: Step[]): void {
  if (scanner.take("*")) {
    steps.push({ kind: "every" });
    return;
  }
  const name = scanner.match(NAME);
  if (name === undefined) throw scanner.fault("the name of a field");
  steps.push({ kind: "field", name: unescape(name), parts: [] });
}

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
