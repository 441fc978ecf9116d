/**
 * `get`: objects of a kind, as a table or in another format.
 *
 * @module
 */

import type { Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { missingObject, namedKind } from "./names.ts";
import { parseArgument, usageError } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";
import {
  type Filter,
  type FilterName,
  FILTERS,
  type KindItem,
  type KindRow,
  qualifiedKind,
  type Source,
} from "./kind.ts";
import { KIND_ROWS } from "./kinds.ts";
import { outputFlag, PRINTERS } from "./print/mod.ts";
import { type LabelSelector, parseLabelSelector } from "../mod/select/label_selector.ts";
import { ADDRESS_STATES } from "../mod/model/records.ts";

/** Flags that narrow lists; each kind takes those that mean something for it. */
export const FILTER_FLAGS: Readonly<Record<FilterName, Flag>> = {
  network: { name: "network", short: "n", value: "NAME", text: "Only of this network" },
  cluster: { name: "cluster", value: "NAME", text: "Only of this cluster" },
  node: { name: "node", value: "NAME", text: "Only on this node" },
  state: {
    name: "state",
    value: ADDRESS_STATES.join("|"),
    choices: ADDRESS_STATES,
    text: "Only addresses in this state",
  },
};

/** `-l`. */
export const SELECTOR_FLAG: Flag = {
  name: "selector",
  short: "l",
  value: "LABELS",
  text: "Only objects with these labels: app=web,tier!=db,critical",
};

/**
 * The filter that the flags say.
 *
 * @throws {FabricError} a usage error where a flag means nothing for the kind.
 */
export function filterOf(row: KindRow, flags: FlagValues): Filter {
  const filter: Partial<Record<FilterName, string>> = {};
  for (const name of FILTERS) {
    const value = flags.text(name);
    if (value === undefined) continue;
    if (!row.filters.includes(name)) {
      const kinds = KIND_ROWS.filter((other) => other.filters.includes(name));
      throw usageError(`Flag --${name} means nothing for ${row.plural}`, {
        field: `--${name}`,
        value,
        remedy: `use it with ${kinds.map(({ plural }) => plural).join(", ")}`,
      });
    }
    filter[name] = value;
  }
  return filter;
}

interface Query {
  readonly row: KindRow;
  readonly names: readonly string[];
  readonly filter: Filter;
  readonly selected: LabelSelector;
}

/** Those that are named, else all; a name that nothing has is told of. */
async function* select(
  context: AdminContext,
  source: Source,
  query: Query,
): AsyncGenerator<KindItem> {
  const { row, names, filter, selected } = query;
  if (names.length === 0) {
    for await (const item of row.list(source, filter)) {
      if (selected(item.object.metadata.labels)) yield item;
    }
    return;
  }
  for (const name of names) {
    let found = false;
    for await (const item of row.find(source, { name, filter })) {
      found = true;
      yield item;
    }
    if (!found) context.fail(await missingObject(source, row, name));
  }
}

async function run(context: AdminContext, call: Parameters<Command["run"]>[1]): Promise<void> {
  const { flags } = call;
  const { row, names } = namedKind(call.args);
  const filter = filterOf(row, flags);
  const selector = flags.text("selector");
  if (selector !== undefined && names.length > 0) {
    throw usageError("A selector and names do not go together", {
      field: "--selector",
      remedy: "give one of them",
    });
  }
  const format = flags.text("output") ?? "";
  const print = PRINTERS[format];
  if (print === undefined) throw new TypeError(`no printer ${format}`);
  const source = await context.source();
  const selected = parseArgument(() => parseLabelSelector(selector));
  const items = select(context, source, { row, names, filter, selected });
  const count = await print(items, {
    qualifiedKind: qualifiedKind(row),
    columns: row.columns,
    headers: !flags.isSet("no-headers"),
    single: names.length === 1 && row.kind !== "History",
    view: { now: context.now() },
    write: (text) => context.write(text),
  });
  if (count === 0 && names.length === 0 && (format === "" || format === "wide")) {
    context.io.writeStderr(`No ${row.plural} found\n`);
  }
}

/** `get`. */
export const GET: Command = {
  name: "get",
  summary: "Show objects of a kind",
  args: "KIND [NAME...]",
  count: { min: 1, max: Infinity },
  flags: [
    outputFlag(),
    ...FILTERS.map((name) => FILTER_FLAGS[name]),
    SELECTOR_FLAG,
    { name: "no-headers", text: "Leave the table's header out" },
  ],
  notes: [`Kinds: ${KIND_ROWS.map(({ plural }) => plural).join(", ")}`],
  examples: [
    ["get ip 10.0.0.5", "who uses this address"],
    ["get addresses --network pods --state reserved", "what is reserved"],
    ["get attachments --node n1 -o wide", "all that is on a node"],
  ],
  run,
};
