/**
 * `diagnose`: where the way of a packet breaks. It changes nothing.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { drawPath, type Paint, verdictText } from "../mod/diagnose/draw.ts";
import { type Diagnosis, isSound } from "../mod/diagnose/layer.ts";
import type { WantedTarget } from "../mod/diagnose/pod_walk.ts";
import { openScene, type Scene } from "../mod/diagnose/scene.ts";
import {
  absentAddress,
  findAttachments,
  type Found,
  matchesAddress,
  matchesPod,
} from "../mod/diagnose/subject.ts";
import { walkPod } from "../mod/diagnose/walk_pod.ts";
import { parseTarget } from "../mod/diagnose/way.ts";
import { bare, list, podText } from "../mod/diagnose/words.ts";
import { didYouMean } from "../mod/nearest.ts";
import { parseAddress } from "../mod/ip/address.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { EXIT, parseArgument, usageError } from "./exit.ts";
import { nodeRun } from "./node_run.ts";
import { cleanCell } from "./print/align.ts";
import { outputFlag } from "./print/mod.ts";
import { startProgress } from "./progress.ts";

const KINDS = ["pod", "address"] as const;
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
  };
  const kind = KINDS.find((one) => one === word) ?? short[word];
  if (kind !== undefined) return kind;
  throw usageError(`Cannot diagnose "${word}"`, {
    field: "KIND",
    value: word,
    remedy: didYouMean(word, KINDS, `use one of ${KINDS.join(", ")}`),
  });
}

/** The scene of a command: this node, and the store of the context. */
export async function sceneOf(context: AdminContext): Promise<Scene> {
  return openScene({
    config: await context.config(),
    run: nodeRun(),
    openStore: () => context.store(),
  });
}

/** The attachment that a word names, wherever it is. */
export async function resolveTarget(scene: Scene, text: string): Promise<WantedTarget> {
  const target = parseArgument(() => parseTarget(text));
  if (target.kind === "address") {
    const { here, elsewhere } = await findAttachments(
      scene,
      matchesAddress(parseAddress(target.address)),
    );
    return { address: target.address, port: target.port, found: here[0] ?? elsewhere[0] };
  }
  const { here, elsewhere } = await findAttachments(scene, matchesPod(target.name));
  const found = here[0] ?? elsewhere[0];
  const address = found?.record.addresses[0]?.address;
  if (found === undefined || address === undefined) {
    throw new FabricError("not-found", `Pod ${target.name} is not attached anywhere`, {
      field: "--to",
      value: target.name,
      remedy: "see fabric-admin get attachments, or name an address",
    });
  }
  return { address: bare(address), port: target.port, found };
}

/** The attachments of this node that the arguments mean. */
export async function attachmentsOf(
  scene: Scene,
  { kind, name }: { readonly kind: "pod" | "address"; readonly name: string },
): Promise<readonly Found[]> {
  const address = kind === "address"
    ? parseArgument(() => parseAddress(addressOf(name)))
    : undefined;
  const { here, elsewhere } = await findAttachments(
    scene,
    address === undefined ? matchesPod(name) : matchesAddress(address),
  );
  const pods = new Set(here.map(({ record }) => podText(record)));
  if (kind === "pod" && pods.size > 1) {
    throw new FabricError("invalid", `"${name}" means several: ${list([...pods])}`, {
      field: "NAME",
      value: name,
      remedy: "write NAMESPACE/NAME, or a container id",
    });
  }
  if (here.length > 0) return here;
  const [other] = elsewhere;
  if (other !== undefined) throw elsewhereError(scene, { kind, name }, other);
  if (address !== undefined) throw await absentAddress(scene, address);
  const asked = await scene.ask((store) => store.status());
  throw new FabricError("not-found", `Pod ${name} is not attached anywhere`, {
    field: "NAME",
    value: name,
    remedy: "silent" in asked
      ? `etcd does not answer (${asked.silent}): only this node's ports were asked`
      : "no ADD of it succeeded, or its DEL came: see the log of the runtime, and " +
        "/var/log/fabric/fabric.log of its node",
  });
}

/** `pods/10.0.0.5` as `get addresses` takes it. */
function addressOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function elsewhereError(
  scene: Scene,
  { kind, name }: { readonly kind: Kind; readonly name: string },
  { record }: Found,
): FabricError {
  const { node, cluster } = record;
  const same = cluster === scene.config.cluster;
  const where = same ? node : `${node} of cluster ${cluster}`;
  return new FabricError(
    "invalid",
    `${podText(record)} is on node ${where}, and this is ${scene.config.node}`.replace(/^p/, "P"),
    {
      field: "NAME",
      value: name,
      remedy: `run there: fabric-admin diagnose ${kind} ${name}`,
    },
  );
}

/** Diagnoses, and prints each way. */
async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const [word = "", name = ""] = args;
  const kind = kindOf(word);
  const to = flags.text("to");
  await using scene = await sceneOf(context);
  const found = await attachmentsOf(scene, { kind, name });
  const target = to === undefined ? undefined : await resolveTarget(scene, to);
  using progress = startProgress(context.io);
  const diagnoses: Diagnosis[] = [];
  for (const one of found) {
    diagnoses.push(
      await walkPod(scene, one, {
        target,
        onLayer: (layer) => progress.show(`looking at ${layer}`),
      }),
    );
  }
  progress.clear();
  print(context, { diagnoses, json: flags.text("output") === "json" });
}

function print(
  context: AdminContext,
  { diagnoses, json }: { readonly diagnoses: readonly Diagnosis[]; readonly json: boolean },
): void {
  if (json) {
    const report = {
      kind: "Diagnosis",
      sound: diagnoses.every(isSound),
      ways: diagnoses.map((one) => ({ ...one, broken: one.broken?.layer ?? null })),
    };
    context.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    const paint = paintOf(context);
    diagnoses.forEach((one, i) => {
      const target = one.target === undefined ? "" : ` to ${one.target}`;
      const text = `${one.subject}${target}\n${drawPath(one, paint)}\n${verdictText(one, paint)}`;
      context.write(`${i === 0 ? "" : "\n"}${text.split("\n").map(cleanLine).join("\n")}`);
    });
  }
  if (diagnoses.some(({ broken }) => broken !== undefined)) context.end(EXIT.damage);
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
  args: "pod | address NAME",
  count: { min: 2, max: 2 },
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
  ],
  run,
};
