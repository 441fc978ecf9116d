/**
 * `diagnose`: where the way of a packet breaks. It changes nothing.
 *
 * @module
 */

import { drawPath, type Paint, verdictText } from "../mod/diagnose/draw.ts";
import { type Diagnosis, isSound, type Layer } from "../mod/diagnose/layer.ts";
import type { Scene } from "../mod/diagnose/scene.ts";
import { walkNetwork } from "../mod/diagnose/walk_network.ts";
import { walkNode } from "../mod/diagnose/walk_node.ts";
import { walkPod } from "../mod/diagnose/walk_pod.ts";
import { didYouMean } from "../mod/nearest.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { attachmentsOf, requireRoot, resolveTarget, sceneOf } from "./diagnose_subject.ts";
import { EXIT, usageError } from "./exit.ts";
import { cleanCell } from "./print/align.ts";
import { outputFlag } from "./print/mod.ts";
import { startProgress } from "./progress.ts";

/** No further network of a node is begun after so long: the whole must end within 30 s. */
const NODE_LIMIT_MS = 15_000;

const KINDS = ["pod", "address", "node", "network"] as const;
type Kind = typeof KINDS[number];

const COLOURS = { ok: "32", broken: "31", unknown: "33", skipped: "90" } as const;

function paintOf(context: AdminContext): Paint {
  if (context.io.colour?.stdout !== true) return (text) => text;
  return (text, status) => `\x1b[${COLOURS[status]};1m${text}\x1b[0m`;
}

function kindOf(word: string): Kind {
  const short: Readonly<Record<string, Kind>> = {
    pods: "pod",
    ip: "address",
    addr: "address",
    addresses: "address",
    no: "node",
    nodes: "node",
    net: "network",
    networks: "network",
  };
  const kind = KINDS.find((one) => one === word) ?? short[word];
  if (kind !== undefined) return kind;
  throw usageError(`Cannot diagnose "${word}"`, {
    field: "KIND",
    value: word,
    remedy: didYouMean(word, KINDS, `use one of ${KINDS.join(", ")}`),
  });
}

/** What is printed: ways in full, and ways of which only the broken ones matter. */
interface Outcome {
  readonly ways: readonly Diagnosis[];
  readonly also: readonly Diagnosis[];
  /** The last line. */
  readonly summary?: string;
}

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const [word = "", name = ""] = args;
  const kind = kindOf(word);
  const to = flags.text("to");
  if (to !== undefined && kind !== "pod" && kind !== "address") {
    throw usageError(`Flag --to makes no sense for a ${kind}`, {
      field: "--to",
      remedy: "diagnose a pod or an address with it",
    });
  }
  await using scene = await sceneOf(context);
  using progress = startProgress(context.io);
  const outcome = await diagnoseKind(scene, { kind, name, to, show: progress.show });
  progress.clear();
  if (flags.text("output") === "json") printJson(context, outcome);
  else printText(context, outcome);
  const { ways, also } = outcome;
  if ([...ways, ...also].some(({ broken }) => broken !== undefined)) context.end(EXIT.damage);
}

interface Asked {
  readonly kind: Kind;
  readonly name: string;
  readonly to: string | undefined;
  readonly show: (text: string) => void;
}

async function diagnoseKind(scene: Scene, { kind, name, to, show }: Asked): Promise<Outcome> {
  const onLayer = (layer: Layer): void => show(`looking at ${layer}`);
  if (kind === "network" || kind === "node") requireRoot();
  if (kind === "network") return { ways: [await walkNetwork(scene, name, { onLayer })], also: [] };
  if (kind === "node") {
    const { bridges, networks, pods, looked } = await walkNode(scene, name, {
      limitMs: NODE_LIMIT_MS,
      onProgress: show,
    });
    const broken = pods.length === 0 ? "none is broken" : `${pods.length} broken`;
    const summary = `${looked} ${looked === 1 ? "interface" : "interfaces"} of pods: ${broken}`;
    return { ways: bridges, also: [...networks, ...pods], summary };
  }
  const found = await attachmentsOf(scene, { kind, name });
  requireRoot();
  const target = to === undefined ? undefined : await resolveTarget(scene, to);
  const ways: Diagnosis[] = [];
  for (const one of found) ways.push(await walkPod(scene, one, { target, onLayer }));
  return { ways, also: [] };
}

function printJson(context: AdminContext, { ways, also }: Outcome): void {
  const all = [...ways, ...also];
  const report = {
    kind: "Diagnosis",
    sound: all.every(isSound),
    ways: all.map((one) => ({ ...one, broken: one.broken?.layer ?? null })),
  };
  context.write(`${JSON.stringify(report, null, 2)}\n`);
}

function printText(context: AdminContext, { ways, also, summary }: Outcome): void {
  const paint = paintOf(context);
  const paragraphs = [
    ...ways.map((one) => wayText(one, paint)),
    ...also.map((one) => isSound(one) ? soundLine(one, paint) : wayText(one, paint)),
    ...(summary === undefined ? [] : [`${summary}\n`]),
  ];
  let before = "";
  for (const text of paragraphs) {
    // Lines of one kind stand together.
    const apart = before !== "" && (before.split("\n").length > 2 || text.split("\n").length > 2);
    context.write(`${apart ? "\n" : ""}${text.split("\n").map(cleanLine).join("\n")}`);
    before = text;
  }
}

function wayText(one: Diagnosis, paint: Paint): string {
  const target = one.target === undefined ? "" : ` to ${one.target}`;
  return `${one.subject}${target}\n${drawPath(one, paint)}\n${verdictText(one, paint)}`;
}

function soundLine({ subject, target }: Diagnosis, paint: Paint): string {
  return `${paint("SOUND", "ok")}: ${subject}${target === undefined ? "" : ` to ${target}`}\n`;
}

/** Colours of ours stay; what others wrote must not act on the terminal. */
function cleanLine(line: string): string {
  // deno-lint-ignore no-control-regex -- exactly these
  return line.split(/(\x1b\[[\d;]*m)/).map((part, i) => i % 2 === 0 ? cleanCell(part) : part)
    .join("");
}

/** `diagnose`. */
export const DIAGNOSE: Command = {
  name: "diagnose",
  summary: "Find where the way of a pod's packets breaks, and change nothing",
  args: "pod | address | node | network NAME",
  count: { min: 2, max: 2 },
  group: "health",
  flags: [
    {
      name: "to",
      value: "TARGET",
      text: "ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or NAMESPACE/POD; default: the gateway",
    },
    outputFlag(["json"]),
  ],
  notes: [
    "Walks the layers record, namespace, addresses, veth, port, flows, uplink, vlan, gateway,",
    "target, and stops where the way breaks. Run it as root on the pod's node. Exit status 3: it",
    "is broken. From within the pod it sends ping, ARP and, for a port, one TCP connection.",
  ],
  examples: [
    ["diagnose pod web/shop-0", "why does this pod not reach its gateway"],
    ["diagnose pod web/shop-0 --to 10.9.0.5:5432", "nor its database"],
    ["diagnose address 10.100.0.20 --to web/shop-1", "nor another pod"],
    ["diagnose network pods -o json", "the way of a network from this node, for a script"],
    ["diagnose node $(hostname)", "this node, its networks and pods"],
  ],
  run,
};
