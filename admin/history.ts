/**
 * `history`: who held an address, now or at a time, and which addresses a workload had.
 *
 * @module
 */

import { formatAddress, parseAddress } from "../mod/ip/address.ts";
import {
  addressesOf,
  DEFAULT_SKEW_MS,
  historyOf,
  type Holding,
  type Interval,
  whoHeld,
  type WorkloadQuery,
} from "../mod/ipam/history.ts";
import { formatTime, parseDuration, parseTime } from "./age.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { parseArgument, usageError } from "./exit.ts";
import type { FlagValues } from "./flags.ts";
import { qualifiedKind } from "./kind.ts";
import { HISTORY, historyObject } from "./kinds/history.ts";
import { outputFlag, printerOf } from "./print/mod.ts";
import type { Printable } from "./printable.ts";

/** `NAMESPACE/NAME`. */
function namespaced(flag: string, text: string): { namespace: string; name: string } {
  const [namespace, name, ...more] = text.split("/");
  if (namespace && name && more.length === 0) return { namespace, name };
  throw usageError(`Cannot parse --${flag} "${text}"`, {
    field: `--${flag}`,
    value: text,
    remedy: "write NAMESPACE/NAME",
  });
}

/** The workloads that the flags mean: a pod of a StatefulSet is found under both. */
function workloadsOf(flags: FlagValues, cluster: string): readonly WorkloadQuery[] {
  const ifname = flags.text("interface");
  const narrow = ifname === undefined ? {} : { ifname };
  const pod = flags.text("pod");
  const container = flags.text("container");
  const workload = flags.text("workload");
  if (pod !== undefined) {
    const { namespace, name } = namespaced("pod", pod);
    const set = /^(.+)-(\d+)$/.exec(name);
    const base = { cluster, namespace, ...narrow };
    return [
      { ...base, group: "", kind: "Pod", name },
      ...(set?.[1] === undefined || set[2] === undefined
        ? []
        : [{ ...base, group: "apps", kind: "StatefulSet", name: set[1], slot: set[2] }]),
    ];
  }
  if (container !== undefined) {
    return [{ cluster, group: "", kind: "Container", namespace: "", name: container, ...narrow }];
  }
  const [kind = "", ...rest] = (workload ?? "").split("/");
  const dot = kind.indexOf(".");
  const { namespace, name } = namespaced("workload", rest.join("/") || (workload ?? ""));
  const slot = flags.text("slot");
  return [{
    cluster,
    group: dot < 0 ? "" : kind.slice(dot + 1),
    kind: dot < 0 ? kind : kind.slice(0, dot),
    namespace,
    name,
    ...(slot === undefined ? {} : { slot }),
    ...narrow,
  }];
}

function skewOf(flags: FlagValues): number {
  const text = flags.text("skew");
  if (text === undefined) return DEFAULT_SKEW_MS;
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw usageError(`Cannot parse --skew "${text}"`, {
    field: "--skew",
    value: text,
    remedy: "write a duration such as 5s",
  });
}

const SUBJECTS = ["pod", "container", "workload"] as const;

/** Which flags belong to which question. */
function checkFlags({ args, flags }: Call): void {
  const subjects = SUBJECTS.filter((name) => flags.isSet(name));
  if (args.length + subjects.length !== 1) {
    throw usageError("Ask for one thing: an ADDRESS, --pod, --container or --workload", {
      remedy: "see history --help",
    });
  }
  const wrong = args.length === 1
    ? ["slot", "interface", "cluster"].filter((name) => flags.isSet(name))
    : ["at", "skew"].filter((name) => flags.isSet(name));
  const [first] = wrong;
  if (first === undefined) return;
  throw usageError(
    `Flag --${first} means nothing ${args.length === 1 ? "with" : "without"} an ADDRESS`,
    { field: `--${first}`, remedy: "leave it out" },
  );
}

interface Answer {
  readonly intervals: readonly (Interval | Holding)[];
  /** Said on stderr where nothing was found. */
  readonly nothing: string;
}

async function ask(context: AdminContext, call: Call): Promise<Answer> {
  const { args, flags } = call;
  const store = await context.store();
  const network = flags.text("network");
  const isWanted = ({ record }: Interval): boolean =>
    network === undefined || record.network.name === network;
  const [text] = args;
  if (text === undefined) {
    const cluster = flags.text("cluster") ?? (await context.config()).cluster;
    const found = await Promise.all(
      workloadsOf(flags, cluster).map((workload) => addressesOf(store, workload)),
    );
    const intervals = found.flat().filter(isWanted)
      .sort((a, b) => a.startRevision - b.startRevision);
    const nothing = `No addresses of it in cluster ${cluster} are recorded`;
    return {
      intervals,
      nothing: flags.isSet("pod")
        ? `${nothing}; those of a fixed pod are under --workload KIND.GROUP/NAMESPACE/NAME`
        : nothing,
    };
  }
  const address = parseArgument(() => parseAddress(text));
  const at = flags.text("at");
  if (at === undefined) {
    const intervals = (await historyOf(store, address)).filter(isWanted);
    return { intervals, nothing: `Nobody ever had ${formatAddress(address)}, by the records` };
  }
  const time = parseTime(at, { flag: "at", now: context.now() });
  const intervals = await whoHeld(store, address, time, {
    skewMs: skewOf(flags),
    ...(network === undefined ? {} : { network }),
  });
  const when = formatTime(new Date(time).toISOString());
  if (intervals.length > 0 && intervals.some(({ certain }) => !certain)) {
    context.warn(
      intervals.length > 1
        ? `clocks of nodes cannot tell which of them had it at ${when}`
        : `${when} is so near a limit of the interval that clocks of nodes may deceive`,
    );
  }
  return { intervals, nothing: `Nobody had ${formatAddress(address)} at ${when}` };
}

/** `--at` asks for certainty: a column of its own. */
async function* printables(answer: Answer): AsyncGenerator<Printable> {
  for (const interval of await Promise.resolve(answer.intervals)) {
    const item = HISTORY.bind(historyObject(interval));
    const certain = "certain" in interval ? [interval.certain ? "yes" : "no"] : [];
    yield { ...item, cells: (view) => [...item.cells(view), ...certain] };
  }
}

async function run(context: AdminContext, call: Call): Promise<void> {
  checkFlags(call);
  const print = printerOf(call.flags.text("output"));
  const answer = await ask(context, call);
  if (answer.intervals.length === 0) context.io.writeStderr(`${answer.nothing}\n`);
  const certain = call.flags.isSet("at") ? [{ header: "CERTAIN", wide: false }] : [];
  await print(printables(answer), {
    qualifiedKind: qualifiedKind(HISTORY),
    columns: [...HISTORY.columns, ...certain],
    headers: !call.flags.isSet("no-headers"),
    single: false,
    view: { now: context.now() },
    write: (text) => context.write(text),
  });
}

/** `history`. */
export const HISTORY_COMMAND: Command = {
  name: "history",
  summary: "Who held an address, and which addresses somebody had",
  args: "ADDRESS [--at TIME] | --pod NS/NAME | --workload KIND.GROUP/NS/NAME",
  count: { min: 0, max: 1 },
  group: "look",
  flags: [
    { name: "at", value: "TIME", text: "Who held it then: 2026-03-01T12:00:00Z, or 2h30m ago" },
    { name: "skew", value: "DURATION", text: "How far clocks of nodes may differ; default: 5s" },
    { name: "network", short: "n", value: "NAME", text: "Only of this network" },
    { name: "pod", value: "NS/NAME", text: "Addresses of a pod" },
    { name: "container", value: "ID", text: "Addresses of a container without a pod" },
    { name: "workload", value: "KIND.GROUP/NS/NAME", text: "Addresses of a workload's slots" },
    { name: "slot", value: "SLOT", text: "Only of this slot of the workload" },
    { name: "interface", value: "NAME", text: "Only of this interface" },
    { name: "cluster", value: "NAME", text: "Cluster of the pod; default: that of this host" },
    outputFlag(),
    { name: "no-headers", text: "Leave the table's header out" },
  ],
  examples: [
    ["history 10.0.0.5 --at 2026-03-01T12:00:00Z", "who had it then"],
    ["history --workload StatefulSet.apps/db/pg --slot 0", "of both families"],
  ],
  run,
};
