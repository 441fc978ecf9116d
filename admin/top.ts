/**
 * `top`: how full networks, subnets and zones are, and who has the most. Networks are counted by
 * etcd, and no record of theirs is read; only owners are read, one after the other.
 *
 * @module
 */

import { didYouMean } from "../mod/nearest.ts";
import { API_VERSION } from "../mod/model/resource.ts";
import { parseFieldPath } from "../mod/select/json_path.ts";
import { sortByPath } from "../mod/select/order.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument, usageError } from "./exit.ts";
import type { FlagValues } from "./flags.ts";
import type { Filter } from "./kind.ts";
import { FILTER_FLAGS, SORT_FLAG } from "./objects.ts";
import { outputFlag, printerOf } from "./print/mod.ts";
import type { Printable, PrintedObject } from "./printable.ts";
import { type Subject, SUBJECTS, type Usage } from "./top_subjects.ts";

const NAMES = Object.keys(SUBJECTS);

function subjectOf(word: string): Subject {
  const name = NAMES.find((candidate) =>
    candidate === word || candidate === `${word}s` || candidate.startsWith(word)
  );
  const subject = word.length < 2 ? undefined : SUBJECTS[name ?? ""];
  if (subject !== undefined) return subject;
  throw usageError(`Cannot tell the top of "${word}"`, {
    value: word,
    remedy: didYouMean(word, NAMES, `use one of ${NAMES.join(", ")}`),
  });
}

const NARROWING = ["network", "zone", "cluster"] as const;

function filterOf(word: string, { filters }: Subject, flags: FlagValues): Filter {
  return Object.fromEntries(NARROWING.flatMap((name) => {
    const value = flags.text(name);
    if (value === undefined) return [];
    if (filters.includes(name)) return [[name, value]];
    throw usageError(`Flag --${name} means nothing for top ${word}`, {
      field: `--${name}`,
      remedy: "leave it out",
    });
  }));
}

function objectOf(kind: string, { name, spec }: Usage): PrintedObject {
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec };
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const [word = ""] = args;
  const subject = subjectOf(word);
  const print = printerOf(flags.text("output"));
  const limit = flags.number("limit", { min: 1, max: 1_000_000 });
  const source = await context.source();
  const all = await Array.fromAsync(subject.list(source, filterOf(word, subject, flags)));
  const path = flags.text(SORT_FLAG.name);
  const sorted = path === undefined ? all.toSorted((a, b) => b.weight - a.weight) : sortByPath(
    all,
    parseArgument(() => parseFieldPath(path, { field: SORT_FLAG.name })),
    (usage) => objectOf(subject.kind, usage),
  );
  const items = async function* (): AsyncGenerator<Printable> {
    for (const usage of sorted.slice(0, limit)) {
      const { name, cells } = usage;
      yield await Promise.resolve({
        name,
        object: objectOf(subject.kind, usage),
        cells: () => cells,
      });
    }
  };
  const count = await print(items(), {
    qualifiedKind: subject.kind.toLowerCase(),
    columns: subject.columns.map((header) => ({ header, wide: false })),
    headers: !flags.isSet("no-headers"),
    single: false,
    view: { now: context.now() },
    write: (text) => context.write(text),
  });
  if (count === 0 && !flags.isSet("output")) context.io.writeStderr(`No ${word} found\n`);
}

/** `top`. */
export const TOP: Command = {
  name: "top",
  summary: "How full networks are, and who has the most, fullest first",
  args: NAMES.join(" | "),
  count: { min: 1, max: 1 },
  group: "look",
  flags: [
    ...NARROWING.map((name) => FILTER_FLAGS[name]),
    { ...SORT_FLAG, text: "Sort by a field, such as .spec.free" },
    { name: "limit", value: "N", text: "Only so many" },
    outputFlag(),
    { name: "no-headers", text: "Leave the table's header out" },
  ],
  notes: [
    "CAPACITY is what a network hands out, FREE what is left of it now; cooling is not free.",
    "A zone's numbers are those of IPv4 in the networks that it reaches.",
  ],
  examples: [
    ["top networks", "which one will be full first"],
    ["top subnets -n pods", "where its room is"],
    ["top owners --limit 10", "which workloads keep the most addresses"],
  ],
  run,
};
