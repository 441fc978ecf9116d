/**
 * Which objects a command is about: kind and names, files, filters, selectors, and their order.
 *
 * @module
 */

import { parseFieldPath } from "../mod/select/json_path.ts";
import { parseFieldSelector } from "../mod/select/field_selector.ts";
import { parseLabelSelector } from "../mod/select/label_selector.ts";
import { sortByPath } from "../mod/select/order.ts";
import { ADDRESS_STATES } from "../mod/model/records.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument, usageError } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";
import {
  type Filter,
  type FilterName,
  FILTERS,
  type KindItem,
  type KindRow,
  type Source,
} from "./kind.ts";
import { KIND_ROWS } from "./kinds.ts";
import { missingObject } from "./names.ts";

/** States that have a flag of their own: what people ask for every day. */
const STATE_FLAGS = ["used", "fixed", "reserved", "cooling", "free"] as const;

/** All values of `--state`. */
const STATES = [...new Set([...ADDRESS_STATES, ...STATE_FLAGS])];

/** Flags that narrow lists; each kind takes those that mean something for it. */
export const FILTER_FLAGS: Readonly<Record<FilterName, Flag>> = {
  network: { name: "network", short: "n", value: "NAME", text: "Only of this network" },
  zone: { name: "zone", value: "NAME", text: "Only of this zone; default: all", group: "zone" },
  cluster: { name: "cluster", value: "NAME", text: "Only of this cluster; default: all" },
  node: { name: "node", value: "NAME", text: "Only on this node" },
  state: {
    name: "state",
    value: "STATE",
    choices: STATES,
    text: "Only these addresses",
    group: "state",
  },
};

/** All flags that narrow lists. */
export const NARROWING_FLAGS: readonly Flag[] = [
  ...FILTERS.map((name) => FILTER_FLAGS[name]),
  // For the fingers of those who type it at kubectl.
  { name: "all-zones", short: "A", text: "The default", group: "zone" },
  ...STATE_FLAGS.map((name): Flag => ({
    name,
    text: `The same as --state ${name}`,
    group: "state",
  })),
];

/** `-l` and `--field-selector`. */
export const SELECTOR_FLAGS: readonly Flag[] = [
  {
    name: "selector",
    short: "l",
    value: "LABELS",
    text: "Only these: app=web,tier!=db,env in (a,b)",
  },
  {
    name: "field-selector",
    value: "FIELDS",
    text: "Only these: spec.vlan=100,spec.mtu!=1500",
  },
];

/** `--sort-by`. */
export const SORT_FLAG: Flag = {
  name: "sort-by",
  value: "PATH",
  text: "Sort by a field, such as .spec.vlan",
};

function stateOf(row: KindRow, flags: FlagValues): string | undefined {
  const given = [
    ...STATE_FLAGS.filter((name) => flags.isSet(name)),
    ...flags.texts("state"),
  ];
  const [state, other] = given;
  if (other !== undefined && other !== state) {
    throw usageError(`Addresses cannot be ${state} and ${other}`, {
      field: `--${other}`,
      remedy: "ask for one state",
    });
  }
  if (state !== undefined && !row.filters.includes("state")) {
    const flag = flags.isSet("state") ? "state" : state;
    throw usageError(`Flag --${flag} means nothing for ${row.plural}`, {
      field: `--${flag}`,
      remedy: "use it with addresses",
    });
  }
  return state;
}

/**
 * The filter that the flags say.
 *
 * @throws {FabricError} a usage error where a flag means nothing for the kind.
 */
export function filterOf(row: KindRow, flags: FlagValues): Filter {
  if (flags.isSet("all-zones") && flags.isSet("zone")) {
    throw usageError("--zone and --all-zones do not go together", {
      field: "--zone",
      remedy: "give one of them",
    });
  }
  const filter: Partial<Record<FilterName, string>> = {};
  const state = stateOf(row, flags);
  if (state !== undefined) filter.state = state;
  for (const name of FILTERS) {
    const value = name === "state" ? undefined : flags.text(name);
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

/** What is asked for. */
export interface Query {
  /** Its row; another one than the kind's where a state has its own. */
  readonly row: KindRow;
  /** None: all. */
  readonly names: readonly string[];
  readonly filter: Filter;
  readonly selects: (item: KindItem) => boolean;
}

/**
 * The query of a kind, names and flags.
 *
 * @throws {FabricError} a usage error.
 */
export function queryOf(kind: KindRow, names: readonly string[], flags: FlagValues): Query {
  const filter = filterOf(kind, flags);
  const row = kind.variants?.[filter.state ?? ""] ?? kind;
  if (row !== kind) {
    if (names.length > 0) {
      throw usageError(`--${filter.state} lists, and takes no names`, {
        field: `--${filter.state}`,
        remedy: `leave the names out, or ask: describe ${kind.singular} ${names[0]}`,
      });
    }
    filterOfRow(row, filter);
  }
  const selected = SELECTOR_FLAGS.find(({ name }) => flags.isSet(name));
  if (selected !== undefined && names.length > 0) {
    throw usageError("A selector and names do not go together", {
      field: `--${selected.name}`,
      remedy: "give one of them",
    });
  }
  const byLabels = parseArgument(() => parseLabelSelector(flags.text("selector")));
  const byFields = parseArgument(() => parseFieldSelector(flags.text("field-selector")));
  const selects = ({ object }: KindItem): boolean =>
    byLabels(object.metadata.labels) && byFields(object);
  return { row, names, filter, selects };
}

function filterOfRow(row: KindRow, filter: Filter): void {
  const wrong = FILTERS.find((name) => filter[name] !== undefined && !row.filters.includes(name));
  if (wrong === undefined) return;
  throw usageError(`Flag --${wrong} means nothing for ${row.plural}`, {
    field: `--${wrong}`,
    remedy: "leave it out",
  });
}

/** The objects of the query; a name that nothing has is told of, and the others go on. */
export async function* readQuery(
  context: AdminContext,
  source: Source,
  { row, names, filter, selects }: Query,
): AsyncGenerator<KindItem> {
  if (names.length === 0) {
    for await (const item of row.list(source, filter)) if (selects(item)) yield item;
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

/**
 * The items by `--sort-by`, else as they come.
 *
 * @throws {FabricError} a usage error.
 */
export function sorted<T extends KindItem>(
  items: AsyncIterable<T>,
  flags: FlagValues,
): AsyncIterable<T> {
  const text = flags.text(SORT_FLAG.name);
  if (text === undefined) return items;
  const path = parseArgument(() => parseFieldPath(text, { field: SORT_FLAG.name }));
  return (async function* () {
    const all: T[] = [];
    for await (const item of items) all.push(item);
    yield* sortByPath(all, path, ({ object }) => object);
  })();
}
