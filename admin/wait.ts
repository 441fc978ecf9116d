/**
 * `wait`: until objects are gone, there, or have a value. It sleeps between changes of the store.
 *
 * @module
 */

import { FabricError, isKind } from "../mod/error.ts";
import { isCompacted } from "../mod/etcd/pages.ts";
import { findValues, parseFieldPath, valueAsText } from "../mod/select/json_path.ts";
import type { JsonPath } from "../mod/select/json_path_step.ts";
import { parseDuration } from "./age.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, readRefs } from "./documents.ts";
import { parseArgument, usageError } from "./exit.ts";
import type { FlagValues } from "./flags.ts";
import { type KindItem, type KindRow, qualifiedKind, type Source } from "./kind.ts";
import { kindsOfRefs, namedKinds } from "./names.ts";
import { NARROWING_FLAGS, type Query, queryOf, SELECTOR_FLAGS } from "./objects.ts";

/** What is waited for. */
type Condition =
  | { readonly kind: "delete" | "create" }
  | {
    readonly kind: "value";
    /** The path as it was typed. */
    readonly text: string;
    readonly path: JsonPath;
    readonly value: string | undefined;
  };

const DEFAULT_TIMEOUT = "30s";
/** Where nothing tells of a change. */
const POLL_MS = 1000;

function conditionOf(flags: FlagValues): Condition {
  const text = flags.text("for");
  if (text === "delete" || text === "create") return { kind: text };
  const [, path, value] = /^jsonpath=(\{[^]*\}|[^={]+?)(?:==?([^]*))?$/.exec(text ?? "") ?? [];
  if (path !== undefined) {
    const unquoted = value?.replace(/^'(.*)'$|^"(.*)"$/s, (_, a, b) => a ?? b);
    return {
      kind: "value",
      text: path.replace(/^\{(.*)\}$/s, "$1"),
      path: parseArgument(() => parseFieldPath(path, { field: "for" })),
      value: unquoted,
    };
  }
  throw usageError(
    text === undefined ? "Flag --for is missing" : `Cannot parse --for "${text}"`,
    {
      field: "--for",
      remedy: "write --for=delete, --for=create or --for=jsonpath='{.spec.mtu}'=9000",
    },
  );
}

function timeoutOf(flags: FlagValues): number {
  const text = flags.text("timeout") ?? DEFAULT_TIMEOUT;
  const ms = text === "0" ? 0 : parseDuration(text);
  if (ms !== undefined) return ms;
  throw usageError(`Cannot parse --timeout "${text}"`, {
    field: "--timeout",
    value: text,
    remedy: "write a duration such as 30s or 5m; 0 looks once",
  });
}

function isMet(condition: Condition, item: KindItem | undefined): boolean {
  if (condition.kind !== "value") return (item === undefined) === (condition.kind === "delete");
  if (item === undefined) return false;
  const found = findValues(condition.path, item.object).map(valueAsText);
  return condition.value === undefined ? found.length > 0 : found.includes(condition.value);
}

/** An object that is waited for, whether or not it is there. */
interface Subject {
  readonly name: string;
  readonly item: KindItem | undefined;
}

async function subjectsOf(source: Source, query: Query): Promise<readonly Subject[]> {
  const { row, names, filter, selects } = query;
  const subjects: Subject[] = [];
  for (const name of names) {
    const before = subjects.length;
    for await (const item of row.find(source, { name, filter })) {
      subjects.push({ name: item.name, item });
    }
    if (subjects.length === before) subjects.push({ name, item: undefined });
  }
  if (names.length > 0) return subjects;
  for await (const item of row.list(source, filter)) {
    if (selects(item)) subjects.push({ name: item.name, item });
  }
  return subjects;
}

/** Returns when something of the kind has changed behind the revision, or time is up. */
async function nextChange(
  source: Source,
  { row, revision, signal }: {
    readonly row: KindRow;
    readonly revision: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(done, POLL_MS);
      function done() {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done, { once: true });
    });
  const watched = await row.watch?.(source, {});
  if (watched === undefined) return await pause();
  try {
    const request = { ...watched.range, startRevision: revision + 1, signal };
    for await (const _ of source.store.watch(request)) return;
  } catch (error) {
    if (!isCompacted(error) && !isKind(error, "unavailable", "unknown-outcome")) throw error;
    await pause();
  }
}

interface Wait {
  readonly source: Source;
  readonly query: Query;
  readonly condition: Condition;
  readonly signal: AbortSignal;
}

/** Tells of each object once when its condition is met; false where time was up before. */
async function waitFor(
  context: AdminContext,
  { source, query, condition, signal }: Wait,
): Promise<readonly Subject[]> {
  const told = new Set<string>();
  const wanted = new Set<string>();
  for (;;) {
    const { header } = await source.store.range({ key: "meta/era", countOnly: true });
    const subjects = await subjectsOf(source, query);
    for (const { name } of subjects) wanted.add(name);
    const met = (name: string): boolean => {
      const ones = subjects.filter((subject) => subject.name === name);
      return ones.length === 0
        ? isMet(condition, undefined)
        : ones.every(({ item }) => isMet(condition, item));
    };
    if (wanted.size === 0 && condition.kind !== "delete") return [];
    for (const name of wanted) {
      if (told.has(name) || !met(name)) continue;
      told.add(name);
      context.write(`${qualifiedKind(query.row)}/${name} condition met\n`);
    }
    const open = [...wanted].filter((name) => !told.has(name));
    if (open.length === 0) return [];
    if (signal.aborted) {
      return open.map((name) => subjects.find((s) => s.name === name) ?? { name, item: undefined });
    }
    await nextChange(source, { row: query.row, revision: header.revision, signal });
  }
}

function valuesText(path: JsonPath, { object }: KindItem): string {
  return findValues(path, object).map(valueAsText).join(", ");
}

function timedOut(row: KindRow, condition: Condition, { name, item }: Subject): FabricError {
  const object = `${qualifiedKind(row)}/${name}`;
  const message = condition.kind === "delete"
    ? `${object} is still there`
    : item === undefined
    ? `${object} is still not there`
    : condition.kind === "value"
    ? `${condition.text} of ${object} is ${valuesText(condition.path, item) || "not set"}`
    : `${object} is there`;
  return new FabricError("try-again", `Time is up: ${message}`, {
    remedy: "wait longer with --timeout, or see describe",
  });
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const { args, flags } = call;
  const condition = conditionOf(flags);
  const ms = timeoutOf(flags);
  const refs = await readRefs(context, call);
  const kinds = refs === undefined ? namedKinds(args) : kindsOfRefs(refs);
  const queries = kinds.map(({ row, names }) => queryOf(row, names, flags));
  const isNarrow = ({ names }: Query): boolean =>
    names.length > 0 || flags.isSet("all") || SELECTOR_FLAGS.some(({ name }) => flags.isSet(name));
  if (!queries.every(isNarrow)) {
    throw usageError("Name what to wait for", { remedy: "write names, or -l LABELS, or --all" });
  }
  const source = await context.source();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort("timeout"), ms);
  try {
    for (const query of queries) {
      const { signal } = controller;
      const open = await waitFor(context, { source, query, condition, signal });
      for (const subject of open) context.fail(timedOut(query.row, condition, subject));
    }
  } finally {
    clearTimeout(timer);
  }
}

/** `wait`. */
export const WAIT: Command = {
  name: "wait",
  summary: "Wait until objects are gone, there, or have a value",
  args: "KIND NAME... --for=CONDITION | -f FILE --for=CONDITION",
  count: { min: 0, max: Infinity },
  group: "look",
  flags: [
    {
      name: "for",
      value: "CONDITION",
      choices: ["delete", "create", "jsonpath="],
      text: "delete, create, or jsonpath='{PATH}'[=VALUE]",
    },
    { name: "timeout", value: "DURATION", text: "Default: 30s; 0 looks once" },
    { name: "all", text: "All objects of the kind that are there now" },
    FILE_FLAG,
    ...NARROWING_FLAGS,
    ...SELECTOR_FLAGS,
  ],
  examples: [
    ["wait address 10.0.0.5 --for=delete --timeout=2m", "until it is free"],
    ["wait net pods --for=jsonpath='{.spec.mtu}'=9000", "until an edit is there"],
  ],
  run,
};
