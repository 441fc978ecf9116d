/**
 * Layer `flows`: what the switch's rules would do with the packets of the way. Nothing is sent:
 * vswitchd is asked to trace packets that do not exist.
 *
 * @module
 */

import type { Trace, TraceRule } from "../../ovsdb/trace_parse.ts";
import type { Evidence, Verdict } from "../layer.ts";
import type { PortNames } from "../trace_words.ts";
import { list } from "../words.ts";

/** A packet that was traced. */
export interface Traced {
  /** `the pod's ARP request for 10.100.0.1`. */
  readonly packet: string;
  /** The command that traces it. */
  readonly proof: string;
  readonly trace: Trace;
  /** Where it must come out, any of them, by number in the datapath; empty: anywhere. */
  readonly ports: readonly number[];
  /** With this tag; undefined: untagged. */
  readonly vlan: number | undefined;
}

export interface FlowsFacts {
  readonly bridge: string;
  readonly packets: readonly Traced[];
  readonly names: PortNames;
}

/** Judges it. */
export function judgeFlows({ bridge, packets, names }: FlowsFacts): Verdict {
  for (const traced of packets) {
    const { trace, packet, proof } = traced;
    if (comesOut(traced)) continue;
    const rule = decisive(trace);
    const remedy = rule === undefined || forwardsAsSwitch(rule)
      ? "run fabric-admin check node"
      : `see who owns the rule: ovs-ofctl dump-flows ${bridge}`;
    return {
      status: "broken",
      says: `${reasonOf(traced, { rule, bridge, names })}`,
      evidence: evidenceOf(packet, { rule, trace, names }),
      proof,
      remedy,
    };
  }
  const [first] = packets;
  return {
    status: "ok",
    says: `the rules of ${bridge} let the pod's packets out, and answers in ` +
      `(${packets.length} traced)`,
    ...(first === undefined ? {} : { proof: first.proof }),
  };
}

/** The packet comes out where it must, or is given to somebody who decides elsewhere. */
function comesOut({ trace, ports, vlan }: Traced): boolean {
  const { outputs, actions } = trace;
  // To a controller, or back for another look that the trace does not follow.
  if (/\b(userspace|recirc|ct|controller)\(/.test(actions) && outputs.length === 0) return true;
  if (ports.length === 0) return outputs.length > 0 || !explicitDrop(trace);
  return outputs.some((output) => ports.includes(output.port) && output.vlan === vlan);
}

/** A rule says drop, or none was met; not: the switch found nowhere to send it. */
function explicitDrop(trace: Trace): boolean {
  const rule = decisive(trace);
  return rule === undefined || !forwardsAsSwitch(rule);
}

/** The last rule that was met: the packet ended there. */
function decisive({ rules }: Trace): TraceRule | undefined {
  return rules.at(-1);
}

/** Every packet ended as a plain switch forwards it: then the switch notes who sent it. */
export function isPlainSwitch({ packets }: FlowsFacts): boolean {
  return packets.every(({ trace }) => {
    const rule = decisive(trace);
    return rule !== undefined && forwardsAsSwitch(rule);
  });
}

function forwardsAsSwitch({ lines }: TraceRule): boolean {
  return lines.some((line) => /^NORMAL\b/.test(line));
}

/** The rule in one line, as `ovs-ofctl add-flow` takes it. */
export function ruleText({ match, lines, table }: TraceRule, names: PortNames): string {
  const actions = lines.filter((line) => !line.startsWith("->")).join(",");
  const where = table === 0 ? "" : `table ${table}: `;
  const named = match.replace(/, cookie 0x\w+$/, "").replace(
    /\bin_port=(\d+)/,
    (text, number) => `in_port=${names.openflow.get(Number(number)) ?? text.slice(8)}`,
  );
  return `${where}${named} -> ${actions === "" ? "drop" : actions}`;
}

function reasonOf(
  { packet, trace, vlan }: Traced,
  { rule, bridge, names }: {
    readonly rule: TraceRule | undefined;
    readonly bridge: string;
    readonly names: PortNames;
  },
): string {
  if (rule === undefined || /^No match/.test(rule.match)) {
    return `no rule of ${bridge} matches ${packet}, so it is dropped`;
  }
  if (trace.outputs.length > 0) {
    const out = trace.outputs.map((output) =>
      `${names.datapath.get(output.port) ?? `port ${output.port}`}${
        output.vlan === undefined ? " untagged" : ` in VLAN ${output.vlan}`
      }`
    );
    const wanted = vlan === undefined ? "untagged" : `in VLAN ${vlan}`;
    return `${bridge} sends ${packet} out of ${list([...new Set(out)])} only, ` +
      `not where it should go ${wanted} (rule: ${ruleText(rule, names)})`;
  }
  if (forwardsAsSwitch(rule)) {
    const why = rule.lines.filter((line) => line.startsWith("->")).at(-1)?.slice(2).trim();
    return `${bridge} drops ${packet}${why === undefined ? "" : `: ${why}`}`;
  }
  return `a rule of ${bridge} drops ${packet}: ${ruleText(rule, names)}`;
}

function evidenceOf(
  packet: string,
  { rule, trace, names }: {
    readonly rule: TraceRule | undefined;
    readonly trace: Trace;
    readonly names: PortNames;
  },
): readonly Evidence[] {
  return [
    ...(rule === undefined
      ? []
      : [{ source: `rule met by ${packet}`, says: ruleText(rule, names) }]),
    { source: "datapath actions", says: trace.actions },
  ];
}
