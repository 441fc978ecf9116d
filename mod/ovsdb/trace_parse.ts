/**
 * What `ofproto/trace` prints, as data: which rules a packet meets, and where it comes out
 * (ovs-vswitchd(8), "ofproto/trace"). The format is made for people; what is not understood stays
 * text.
 *
 * @module
 */

/** A rule that the packet met, with what it did. */
export interface TraceRule {
  /** The bridge that it is a rule of. */
  readonly bridge: string;
  readonly table: number;
  /** As printed: `in_port=2, priority 100, cookie 0x1`; `No match` where none was met. */
  readonly match: string;
  /** Actions and what vswitchd says of them, one line each, in order. */
  readonly lines: readonly string[];
}

/** A port that the packet leaves by. */
export interface TraceOutput {
  /** Number of the port in the datapath. */
  readonly port: number;
  /** VLAN of its tag as it leaves; undefined: untagged. */
  readonly vlan: number | undefined;
}

/** One packet's way through the switch. */
export interface Trace {
  readonly rules: readonly TraceRule[];
  /** `drop`, or what the datapath would do, as printed; of all passes, joined by ` then `. */
  readonly actions: string;
  readonly outputs: readonly TraceOutput[];
}

/** Reads the text of a trace. */
export function parseTrace(text: string): Trace {
  const rules: { bridge: string; table: number; match: string; lines: string[] }[] = [];
  const actions: string[] = [];
  let bridge = "";
  let rule: (typeof rules)[number] | undefined;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    const head = /^bridge\("([^"]*)"\)$/.exec(line);
    const met = /^\s*(\d+)\. (.*)$/.exec(raw);
    const final = /^Datapath actions: (.*)$/.exec(line);
    if (head !== null) {
      bridge = head[1] ?? "";
      // What stands before the first rule tells where a pass goes on, and belongs to no rule.
      rule = undefined;
    } else if (final !== null) actions.push(final[1] ?? "");
    else if (met !== null) {
      const match = (met[2] ?? "").replace(/\.$/, "");
      rule = { bridge, table: Number(met[1]), match, lines: [] };
      rules.push(rule);
    } else if (/^\s{4}/.test(raw) && line !== "") rule?.lines.push(line);
  }
  return { rules, actions: actions.join(" then "), outputs: actions.flatMap(outputsOf) };
}

/** The actions of a datapath, cut at the commas that are not within parentheses. */
function splitActions(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = "";
  for (const character of text) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (character === "," && depth === 0) {
      parts.push(part);
      part = "";
    } else part += character;
  }
  return [...parts, part].map((one) => one.trim()).filter((one) => one !== "");
}

function outputsOf(actions: string): readonly TraceOutput[] {
  const outputs: TraceOutput[] = [];
  const tags: (number | undefined)[] = [];
  for (const action of splitActions(actions)) {
    const push = /^push_vlan\((?:.*\b)?vid=(\d+)/.exec(action);
    if (push !== null) tags.push(Number(push[1]));
    else if (action === "pop_vlan") tags.pop();
    else if (/^\d+$/.test(action)) outputs.push({ port: Number(action), vlan: tags.at(-1) });
  }
  return outputs;
}

/** Numbers of a port: in OpenFlow, where flows name it, and in the datapath. */
export interface PortNumbers {
  readonly bridge: string;
  readonly openflow: number;
  /** Undefined for ports that the datapath does not have, such as patch ports. */
  readonly datapath: number | undefined;
}

/** Reads what `dpif/show` prints: the numbers of all ports, by name. */
export function parsePortNumbers(text: string): ReadonlyMap<string, PortNumbers> {
  const numbers = new Map<string, PortNumbers>();
  let bridge = "";
  for (const line of text.split("\n")) {
    const head = /^ {2}(\S+):$/.exec(line);
    if (head !== null) bridge = head[1] ?? "";
    const port = /^ {4}(\S+) (\d+)\/(\d+|none): /.exec(line);
    if (port === null) continue;
    numbers.set(port[1] ?? "", {
      bridge,
      openflow: Number(port[2]),
      datapath: port[3] === "none" ? undefined : Number(port[3]),
    });
  }
  return numbers;
}

/** A MAC that a bridge has learned. */
export interface LearnedMac {
  /** OpenFlow number of the port; `LOCAL` is the bridge's own device. */
  readonly port: string;
  readonly vlan: number;
  readonly mac: string;
  /** Seconds since a frame of it came. */
  readonly ageSeconds: number;
}

/** Reads what `fdb/show` prints. */
export function parseLearnedMacs(text: string): readonly LearnedMac[] {
  return [...text.matchAll(/^\s*(\S+)\s+(\d+)\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s+(\d+)\s*$/gm)]
    .map(([, port = "", vlan, mac = "", age]) => ({
      port,
      vlan: Number(vlan),
      mac,
      ageSeconds: Number(age),
    }));
}
