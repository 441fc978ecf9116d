/**
 * What may stand where the cursor is: commands, flags, their values, kinds, and names from etcd.
 *
 * @module
 */

import { listNames } from "../mod/ipam/kinds.ts";
import { clusterNames } from "../mod/ipam/pod_attachments.ts";
import { type ExplainedField, explainField } from "../mod/model/explain.ts";
import { WRITTEN_KINDS } from "../mod/model/kinds.ts";
import { OBJECT_SCHEMAS } from "../mod/model/object_schemas.ts";
import { KINDS } from "../mod/model/resource.ts";
import { findValues, parseFieldPath, valueAsText } from "../mod/select/json_path.ts";
import type { Command } from "./command.ts";
import { AdminContext, GLOBAL_FLAGS } from "./context.ts";
import { type Flag, FlagValues } from "./flags.ts";
import type { KindItem, KindRow } from "./kind.ts";
import { findKind, KIND_ROWS } from "./kinds.ts";

/** A word that may stand there, and what it means. */
export interface Candidate {
  readonly word: string;
  readonly text: string;
}

/** Undefined: the shell completes names of files. */
export type Completion = readonly Candidate[] | undefined;

/** Names that are read for one press of a key. */
const MAX_NAMES = 500;
/** Nobody waits longer for it. */
const MAX_MS = 1500;

function plain(words: readonly string[]): readonly Candidate[] {
  return words.map((word) => ({ word, text: "" }));
}

/** What was typed before the cursor. */
interface Typed {
  /** The longest command that the words begin with. */
  readonly command: Command | undefined;
  /** Words that are neither flags nor values of flags, those of the command's name included. */
  readonly words: readonly string[];
  /** The flag whose value is being typed. */
  readonly flag: Flag | undefined;
  readonly globals: FlagValues;
}

function commandOf(words: readonly string[], commands: readonly Command[]): Command | undefined {
  const [first = "", second = ""] = words;
  return commands.find(({ name }) => name === `${first} ${second}`) ??
    commands.find(({ name }) => name === first);
}

/** Reads what stands before the cursor; what it does not understand it leaves out. */
function readTyped(before: readonly string[], commands: readonly Command[]): Typed {
  const words: string[] = [];
  const globals = new Map<string, readonly string[]>();
  let flag: Flag | undefined;
  for (const token of before) {
    if (flag !== undefined) {
      if (GLOBAL_FLAGS.includes(flag)) globals.set(flag.name, [token]);
      flag = undefined;
      continue;
    }
    if (!token.startsWith("-") || token === "-") {
      words.push(token);
      continue;
    }
    const [head = "", ...value] = token.split("=");
    const found = [...commandOf(words, commands)?.flags ?? [], ...GLOBAL_FLAGS].find((one) =>
      [`--${one.name}`, `--${one.alias}`, `-${one.short}`].includes(head)
    );
    if (found?.value === undefined) continue;
    if (value.length === 0 && found.optional !== true) flag = found;
    else if (GLOBAL_FLAGS.includes(found)) globals.set(found.name, [value.join("=")]);
  }
  return { command: commandOf(words, commands), words, flag, globals: new FlagValues(globals) };
}

/** The words that can follow as names of commands: `history` also has `export` and `trim`. */
function commandWords(typed: readonly string[], commands: readonly Command[]): Candidate[] {
  const all = new Map<string, Candidate>();
  for (const { name, summary, hidden } of commands) {
    const parts = name.split(" ");
    const word = parts[typed.length];
    const isBelow = typed.every((one, i) => parts[i] === one);
    if (hidden === true || word === undefined || !isBelow) continue;
    const isLast = parts.length === typed.length + 1;
    if (isLast || !all.has(word)) all.set(word, { word, text: isLast ? summary : "" });
  }
  return [...all.values()];
}

function flagWords(command: Command | undefined): readonly Candidate[] {
  return [...command?.flags ?? [], ...GLOBAL_FLAGS].map(({ name, text }) => ({
    word: `--${name}`,
    text,
  }));
}

/** The part of an object's name that people type. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  Address: ".spec.address",
  Attachment: ".spec.pod['namespace','name']",
  Owner: ".spec.owner['namespace','name']",
  Port: ".spec.port",
  History: ".spec.address",
};

function shortName(row: KindRow, { name, object }: KindItem): string {
  const path = SHORT_NAMES[row.kind];
  const found = path === undefined ? [] : findValues(parseFieldPath(path), object);
  return found.length === 0 ? name : found.map(valueAsText).join("/");
}

async function namesOf(
  context: AdminContext,
  row: KindRow,
  prefix: string,
): Promise<readonly string[]> {
  const source = { ...await context.source(), onDamage: () => {} };
  const kind = WRITTEN_KINDS.find((written) => written === row.kind);
  if (kind !== undefined) return await listNames(source.store, kind);
  const names = new Set<string>();
  const end = Date.now() + MAX_MS;
  for await (const item of row.list(source, {})) {
    const name = shortName(row, item);
    if (name.startsWith(prefix)) names.add(name);
    if (names.size >= MAX_NAMES || Date.now() > end) break;
  }
  return [...names];
}

function kindWords(): readonly Candidate[] {
  return KIND_ROWS.map(({ plural, summary }) => ({ word: plural, text: summary }));
}

function kindOf(word: string): KindRow | undefined {
  try {
    return findKind(word);
  } catch {
    return undefined;
  }
}

/** `KIND`, then names; or `KIND/NAME`. */
async function objectWords(
  context: AdminContext,
  args: readonly string[],
  current: string,
): Promise<readonly Candidate[]> {
  const [first] = args;
  const slash = current.indexOf("/");
  const row = first === undefined || first.includes("/")
    ? slash < 0 ? undefined : kindOf(current.slice(0, slash))
    : kindOf(first);
  if (row === undefined) return kindWords();
  const prefix = first === undefined || first.includes("/") ? current.slice(0, slash + 1) : "";
  const names = await namesOf(context, row, current.slice(prefix.length));
  return plain(names.map((name) => prefix + name));
}

/** `network.spec.` and the fields below. */
function fieldWords(current: string): readonly Candidate[] {
  const [word = "", ...path] = current.split(".");
  const row = path.length === 0 ? undefined : kindOf(word);
  const kind = KINDS.find((candidate) => candidate === row?.kind);
  if (kind === undefined) return kindWords();
  const above = path.slice(0, -1);
  let field: ExplainedField;
  try {
    field = explainField(OBJECT_SCHEMAS[kind], above, { name: word });
  } catch {
    return [];
  }
  return field.fields.map(({ name, text = "" }) => ({
    word: [word, ...above, name].join("."),
    text,
  }));
}

/** Names of objects that are values of flags. */
const NAMED_BY: Readonly<Record<string, string>> = {
  "network": "networks",
  "zone": "zones",
  "node": "nodes",
  "physical-network": "physicalnetworks",
};

async function valueWords(
  context: AdminContext,
  flag: Flag,
  current: string,
): Promise<Completion> {
  if (flag.choices !== undefined) return plain(flag.choices);
  if (/FILE|DIR/.test(flag.value ?? "")) return undefined;
  if (flag.name === "cluster") return plain(await clusterNames(await context.store()));
  const kind = NAMED_BY[flag.name];
  return kind === undefined ? [] : plain(await namesOf(context, findKind(kind), current));
}

/** The choices of `[networks | addresses | all]`. */
function choicesOf({ args }: Command): readonly string[] {
  const words = args.replace(/[[\]]/g, "").split(" | ");
  return words.every((word) => /^[a-z-]+$/.test(word)) ? words : [];
}

async function argumentWords(
  context: AdminContext,
  command: Command,
  { args, current, commands }: {
    readonly args: readonly string[];
    readonly current: string;
    readonly commands: readonly Command[];
  },
): Promise<Completion> {
  const completes = command.completes ?? (command.args.startsWith("KIND") ? "object" : undefined);
  switch (completes) {
    case "object":
      return await objectWords(context, args, current);
    case "kind":
      return args.length === 0 ? kindWords() : [];
    case "field":
      return args.length === 0 ? fieldWords(current) : [];
    case "command":
      return commandWords(args, commands);
    case "file":
      return undefined;
    case undefined:
      return args.length === 0 ? plain(choicesOf(command)) : [];
  }
}

/**
 * The candidates for the last of the words; names are read from the etcd that the words before it
 * say.
 *
 * @param words what was typed behind the program's name; the last one is being typed
 */
export async function complete(
  { io }: AdminContext,
  words: readonly string[],
  commands: readonly Command[],
): Promise<Completion> {
  const current = words.at(-1) ?? "";
  const typed = readTyped(words.slice(0, -1), commands);
  const { command, flag } = typed;
  await using context = new AdminContext(io, typed.globals);
  const fits = (all: Completion): Completion =>
    all?.filter(({ word }) => word.startsWith(current)).toSorted((a, b) =>
      a.word < b.word ? -1 : 1
    );
  if (flag !== undefined) return fits(await valueWords(context, flag, current));
  const equals = current.indexOf("=");
  if (current.startsWith("--") && equals > 0) {
    const head = current.slice(0, equals);
    const own = [...command?.flags ?? [], ...GLOBAL_FLAGS].find(({ name }) => `--${name}` === head);
    if (own === undefined) return [];
    const values = await valueWords(context, own, current.slice(equals + 1));
    return fits(values?.map(({ word, text }) => ({ word: `${head}=${word}`, text })));
  }
  if (current.startsWith("-")) return fits(flagWords(command));
  const below = commandWords(typed.words, commands);
  if (command === undefined) return fits(below);
  const args = typed.words.slice(command.name.split(" ").length);
  const own = await argumentWords(context, command, { args, current, commands });
  return own === undefined ? undefined : fits([...below, ...own]);
}
