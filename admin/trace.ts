/**
 * `trace`: what the switch of this node would do with a packet, in words. Nothing is sent.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { type PacketTrace, tracePacket } from "../mod/diagnose/trace_packet.ts";
import { tellOutputs, tellRule } from "../mod/diagnose/trace_words.ts";
import type { Scene } from "../mod/diagnose/scene.ts";
import {
  findAttachments,
  type Found,
  matchesAddress,
  matchesPod,
} from "../mod/diagnose/subject.ts";
import { parseTarget } from "../mod/diagnose/way.ts";
import { list } from "../mod/diagnose/words.ts";
import { parseAddress } from "../mod/ip/address.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { requireRoot, resolveTarget, sceneOf } from "./diagnose_subject.ts";
import { EXIT, parseArgument } from "./exit.ts";
import { cleanCell } from "./print/align.ts";
import { outputFlag } from "./print/mod.ts";

async function run(context: AdminContext, { args, flags }: Call): Promise<void> {
  const [source = "", target = ""] = args;
  await using scene = await sceneOf(context);
  const from = await senderOf(scene, source);
  const to = await resolveTarget(scene, target);
  requireRoot();
  const protocol = flags.isSet("udp") ? "udp" : "tcp";
  const traced = await tracePacket(scene, { from, to, protocol });
  if (flags.text("output") === "json") context.write(jsonText(traced));
  else if (flags.isSet("raw")) context.write(traced.text);
  else context.write(wordsText(traced).split("\n").map(cleanCell).join("\n"));
  if (!arrives(traced)) context.end(EXIT.damage);
}

async function senderOf(scene: Scene, name: string): Promise<Found> {
  const target = parseArgument(() => /[/.:]/.test(name) ? parseTarget(name) : undefined);
  const wanted = target?.kind === "address"
    ? matchesAddress(parseAddress(target.address))
    : matchesPod(name);
  const { here, elsewhere } = await findAttachments(scene, wanted);
  const found = here[0] ?? elsewhere[0];
  if (found !== undefined) return found;
  throw new FabricError("not-found", `No pod "${name}" is attached anywhere`, {
    field: "SOURCE",
    value: name,
    remedy: "see fabric-admin get attachments; a packet of somebody else cannot be traced",
  });
}

/** It comes out of a port where it should. */
function arrives({ trace, names, wanted }: PacketTrace): boolean {
  return trace.outputs.some(({ port }) => wanted.includes(names.datapath.get(port) ?? ""));
}

function wordsText(traced: PacketTrace): string {
  const { packet, enters, vlan, trace, names, proof, assumed, wanted, more } = traced;
  const tag = enters.vlan === undefined
    ? vlan === 0 ? "untagged" : `untagged: its port puts it into VLAN ${vlan}`
    : `tagged VLAN ${enters.vlan}`;
  const lines = [
    packet,
    `  in   ${enters.port}, ${tag}`,
    ...trace.rules.flatMap((rule) => {
      const { where, matches, priority, cookie, does } = tellRule(rule, names);
      const marks = [
        ...(priority === undefined ? [] : [`priority ${priority}`]),
        ...(cookie === undefined ? [] : [`cookie ${cookie}`]),
      ];
      const which = `${where}: ${matches}${marks.length === 0 ? "" : ` (${marks.join(", ")})`}`;
      return [`  rule ${which}`, ...does.map((one) => `         ${one}`)];
    }),
    ...outLines(traced),
    "",
    arrives(traced)
      ? `PASSES: the switch sends it where it should go, out of ${list(wanted)}`
      : `STOPS: the switch does not send it where it should go, out of ${list(wanted)}`,
    ...assumed.map((one) => `  assumed: ${one}`),
    `  prove:   ${proof}`,
    ...(more === undefined ? [] : [`  more:    ${more}`]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function outLines({ trace, names }: PacketTrace): readonly string[] {
  const out = tellOutputs(trace, names);
  return out.length === 0
    ? [`  out  nowhere (${trace.actions})`]
    : out.map((one) => `  out  ${one}`);
}

function jsonText(traced: PacketTrace): string {
  const { packet, bridge, enters, trace, names, proof, assumed, wanted, more } = traced;
  const report = {
    kind: "Trace",
    packet,
    bridge,
    enters,
    rules: trace.rules.map((rule) => tellRule(rule, names)),
    outputs: trace.outputs.map(({ port, vlan }) => ({ port: names.datapath.get(port), vlan })),
    actions: trace.actions,
    passes: arrives(traced),
    wanted,
    assumed,
    command: proof,
    more,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** `trace`. */
export const TRACE: Command = {
  name: "trace",
  summary: "Show in words what the switch of this node would do with a packet",
  args: "SOURCE TARGET",
  count: { min: 2, max: 2 },
  group: "health",
  flags: [
    { name: "udp", text: "With a port: a UDP packet, not TCP" },
    { name: "raw", text: "What ovs-appctl ofproto/trace prints" },
    outputFlag(["json"]),
  ],
  notes: [
    "SOURCE is NAMESPACE/POD, a container id or an address of a pod; TARGET is that, or any",
    "address, and may have a port: ADDRESS:PORT. One of the two is on this node. Nothing is sent,",
    "and the switch learns nothing. Exit status 3: the packet does not come out where it should.",
  ],
  examples: [
    ["trace web/shop-0 web/shop-1", "between two pods"],
    ["trace web/shop-0 10.9.0.5:5432", "to a database behind the gateway"],
    ["trace 10.100.0.20 10.9.0.53:53 --udp", "a question to a resolver"],
  ],
  run,
};
