/**
 * `describe`: everything about objects, for people.
 *
 * @module
 */

import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { type Description, formatDescription } from "./describe_text.ts";
import { FILE_FLAG, readRefs } from "./documents.ts";
import type { KindItem, KindRow, Source } from "./kind.ts";
import { kindsOfRefs, missingObject, namedKinds } from "./names.ts";
import { NARROWING_FLAGS, type Query, queryOf, SELECTOR_FLAGS } from "./objects.ts";

/** What is to be said of the objects that the name means. */
async function* describeName(
  source: Source,
  row: KindRow,
  query: Pick<Query, "filter"> & { readonly name: string },
): AsyncGenerator<Description> {
  if (row.describeName !== undefined) yield* row.describeName(source, query);
  else yield* describeItems(source, row.find(source, query), () => true);
}

async function* describeItems(
  source: Source,
  items: AsyncIterable<KindItem>,
  selects: Query["selects"],
): AsyncGenerator<Description> {
  for await (const item of items) if (selects(item)) yield await item.describe(source);
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const refs = await readRefs(context, { args, flags });
  const source = await context.source();
  let count = 0;
  const show = async (descriptions: AsyncIterable<Description>): Promise<boolean> => {
    let found = false;
    for await (const description of descriptions) {
      found = true;
      const text = formatDescription(description);
      context.write(count++ === 0 ? text : `\n${text}`);
    }
    return found;
  };
  for (const kind of refs === undefined ? namedKinds(args) : kindsOfRefs(refs)) {
    const { row, names, filter, selects } = queryOf(kind.row, kind.names, flags);
    if (names.length === 0) {
      await show(describeItems(source, row.list(source, filter), selects));
    }
    for (const name of names) {
      if (await show(describeName(source, row, { name, filter }))) continue;
      const isNowhere = row.describeName !== undefined;
      context.fail(await missingObject(source, row, name, { isNowhere }));
    }
  }
}

/** `describe`. */
export const DESCRIBE: Command = {
  name: "describe",
  summary: "Show everything about objects",
  args: "KIND [NAME...] | -f FILE|DIR|-",
  count: { min: 0, max: Infinity },
  group: "look",
  flags: [FILE_FLAG, ...NARROWING_FLAGS, ...SELECTOR_FLAGS],
  notes: ["An address has a life also when it is free: describe address tells it."],
  examples: [
    ["describe network pods", "its settings, and how full each subnet is"],
    ["describe ip 10.0.0.5", "the whole life of an address"],
    ["describe node local/n1", "a node of one cluster"],
  ],
  run,
};
