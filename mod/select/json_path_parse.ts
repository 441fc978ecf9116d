/**
 * The text of a path, read step by step.
 *
 * @module
 */

import {
  type Filter,
  type JsonPath,
  type Operand,
  OPERATORS,
  type Step,
} from "./json_path_step.ts";
import type { Scanner } from "./scanner.ts";

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
