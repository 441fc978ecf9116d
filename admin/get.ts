/**
 * `get`: objects of a kind, as a table or in another format; with `--watch` also what changes.
 *
 * @module
 */

import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG, readRefs } from "./documents.ts";
import { usageError } from "./exit.ts";
import type { FlagValues } from "./flags.ts";
import { type KindItem, qualifiedKind, type Source } from "./kind.ts";
import { kindsOfRefs, namedKinds } from "./names.ts";
import {
  NARROWING_FLAGS,
  type Query,
  queryOf,
  readQuery,
  SELECTOR_FLAGS,
  SORT_FLAG,
  sorted,
} from "./objects.ts";
import { outputFlag, printerOf } from "./print/mod.ts";
import type { Listing, Printable } from "./printable.ts";
import { watchObjects } from "./watch.ts";

/** Formats of which several kinds make one list, and not one after the other. */
const JOINED = /^(json|yaml|jsonpath=.*)$/s;

function isTable(format: string | undefined): boolean {
  return format === undefined || format === "wide" || format.startsWith("custom-columns=");
}

/** A name may mean several objects; what is one is shown without a list around it. */
async function isSingle(
  items: AsyncIterable<KindItem>,
): Promise<{ readonly single: boolean; readonly items: readonly KindItem[] }> {
  const all: KindItem[] = [];
  for await (const item of items) all.push(item);
  return { single: all.length === 1, items: all };
}

async function* inTurn(all: readonly AsyncIterable<KindItem>[]): AsyncGenerator<KindItem> {
  for (const items of all) yield* items;
}

async function* given(items: readonly KindItem[]): AsyncGenerator<KindItem> {
  for (const item of items) yield await Promise.resolve(item);
}

function listingOf(context: AdminContext, query: Query, flags: FlagValues): Listing {
  return {
    qualifiedKind: qualifiedKind(query.row),
    columns: query.row.columns,
    headers: !flags.isSet("no-headers"),
    single: false,
    view: { now: context.now() },
    write: (text) => context.write(text),
  };
}

interface Show {
  readonly source: Source;
  readonly queries: readonly Query[];
  readonly flags: FlagValues;
}

async function show(context: AdminContext, { source, queries, flags }: Show): Promise<void> {
  const format = flags.text("output");
  const print = printerOf(format);
  const [first] = queries;
  if (first === undefined) return;
  if (queries.length > 1 && JOINED.test(format ?? "")) {
    const items = inTurn(queries.map((query) => readQuery(context, source, query)));
    await print(sorted(items, flags), listingOf(context, first, flags));
    return;
  }
  let wasPrinted = false;
  for (const query of queries) {
    const listing = listingOf(context, query, flags);
    let items: AsyncIterable<KindItem> = readQuery(context, source, query);
    let single = false;
    if (query.names.length === 1 && query.row.kind !== "History") {
      const found = await isSingle(items);
      single = found.single;
      items = given(found.items);
      // What is missing was told of: an empty list would say otherwise.
      if (found.items.length === 0) continue;
    }
    // Two tables that stand together are told apart by a blank line.
    let isApart = !wasPrinted || !isTable(format);
    const write = (text: string): void => {
      if (!isApart) context.write("\n");
      isApart = true;
      context.write(text);
    };
    const printed = await print(sorted(items, flags), { ...listing, single, write });
    wasPrinted ||= printed > 0;
    if (printed === 0 && query.names.length === 0 && isTable(format)) {
      context.io.writeStderr(`No ${query.row.plural} found\n`);
    }
  }
}

async function watch(context: AdminContext, { source, queries, flags }: Show): Promise<void> {
  const [query, other] = queries;
  const refused = SORT_FLAG.name;
  if (query === undefined) return;
  const watched = await query.row.watch?.(source, query.filter);
  if (watched === undefined || other !== undefined || flags.isSet(refused)) {
    const what = other !== undefined
      ? "Several kinds cannot be watched together"
      : watched === undefined
      ? `The ${query.row.plural} cannot be watched: they are computed`
      : `Flag --${refused} means nothing with --watch`;
    throw usageError(what, { field: "--watch", remedy: "watch one kind, in the order of changes" });
  }
  const { names } = query;
  const wanted = new Set<string>();
  for (const name of names) {
    for await (const item of query.row.find(source, { name, filter: query.filter })) {
      wanted.add(item.name);
    }
    wanted.add(name);
  }
  const changes = watchObjects(source, watched, {
    selects: (item) => query.selects(item) && (names.length === 0 || wanted.has(item.name)),
    onLost: (error) => context.warn(`${error.message}; still trying`),
  });
  const events = async function* (): AsyncGenerator<Printable> {
    for await (const { item, type, isLast } of changes) yield { ...item, event: type, isLast };
  };
  const listing = listingOf(context, query, flags);
  await printerOf(flags.text("output"))(events(), { ...listing, events: true });
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const { args, flags } = call;
  printerOf(flags.text("output"));
  const refs = await readRefs(context, call);
  const kinds = refs === undefined ? namedKinds(args) : kindsOfRefs(refs);
  const queries = kinds.map(({ row, names }) => queryOf(row, names, flags));
  const source = await context.source();
  const what = { source, queries, flags };
  if (!flags.isSet("watch")) return await show(context, what);
  await watch(context, what);
}

/** `get`. */
export const GET: Command = {
  name: "get",
  summary: "Show objects of a kind",
  args: "KIND [NAME...] | KIND/NAME... | -f FILE|DIR|-",
  count: { min: 0, max: Infinity },
  group: "look",
  flags: [
    outputFlag(),
    FILE_FLAG,
    ...NARROWING_FLAGS,
    ...SELECTOR_FLAGS,
    SORT_FLAG,
    { name: "watch", short: "w", text: "Go on with a line per change" },
    { name: "no-headers", text: "Leave the table's header out" },
  ],
  examples: [
    ["get ip 10.0.0.5", "who uses this address"],
    ["get addresses -n pods --free", "free ranges"],
    ["get ports --node n1", "all that is on a node"],
  ],
  run,
};
