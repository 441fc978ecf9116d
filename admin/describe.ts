/**
 * `describe`: everything about objects, for people.
 *
 * @module
 */

import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { formatDescription } from "./describe_text.ts";
import { FILTER_FLAGS, filterOf } from "./get.ts";
import { FILTERS } from "./kind.ts";
import { missingObject, namedKind } from "./names.ts";

async function run(context: AdminContext, call: Call): Promise<void> {
  const { row, names } = namedKind(call.args);
  const filter = filterOf(row, call.flags);
  const source = await context.source();
  let count = 0;
  const show = async (items: ReturnType<typeof row.list>): Promise<boolean> => {
    let found = false;
    for await (const item of items) {
      found = true;
      const text = formatDescription(await item.describe(source));
      context.write(count++ === 0 ? text : `\n${text}`);
    }
    return found;
  };
  if (names.length === 0) await show(row.list(source, filter));
  for (const name of names) {
    if (!await show(row.find(source, { name, filter }))) {
      context.fail(await missingObject(source, row, name));
    }
  }
}

/** `describe`. */
export const DESCRIBE: Command = {
  name: "describe",
  summary: "Show everything about objects",
  args: "KIND [NAME...]",
  count: { min: 1, max: Infinity },
  flags: FILTERS.map((name) => FILTER_FLAGS[name]),
  examples: [
    ["describe network pods", "its settings, and how full each subnet is"],
    ["describe ip 10.0.0.5", "the whole life of an address"],
    ["describe node local/n1", "a node of one cluster"],
  ],
  run,
};
