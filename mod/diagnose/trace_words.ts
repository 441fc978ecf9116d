/**
 * A traced packet in words: what each rule matches, what it does, and where the packet comes out.
 *
 * @module
 */

import type { Trace, TraceRule } from "../ovsdb/trace_parse.ts";

/** Names of ports by their numbers. */
export interface PortNames {
  readonly openflow: ReadonlyMap<number, string>;
  readonly datapath: ReadonlyMap<number, string>;
}

/** A rule in words. */
export interface ToldRule {
  /** `br-prod, table 0`. */
  readonly where: string;
  /** `every packet`, `packets from port fb3k… to 10.0.0.1`. */
  readonly matches: string;
  readonly priority: number | undefined;
  readonly cookie: string | undefined;
  /** What it does, in order; vswitchd's remarks follow what they are about. */
  readonly does: readonly string[];
}

const MATCHES: readonly (readonly [RegExp, (value: string, names: PortNames) => string])[] = [
  [/^in_port=(.*)$/, (value, names) => `from port ${portName(value, names)}`],
  [/^dl_vlan=(.*)$/, (value) => `in VLAN ${value}`],
  [/^dl_src=(.*)$/, (value) => `from MAC ${value}`],
  [/^dl_dst=(.*)$/, (value) => `to MAC ${value}`],
  [/^(?:nw|ipv6)_src=(.*)$/, (value) => `from ${value}`],
  [/^(?:nw|ipv6)_dst=(.*)$/, (value) => `to ${value}`],
  [/^arp_tpa=(.*)$/, (value) => `asking for ${value}`],
  [/^arp_spa=(.*)$/, (value) => `asked by ${value}`],
  [/^nd_target=(.*)$/, (value) => `asking for ${value}`],
  [/^(?:tp|tcp|udp)_src=(.*)$/, (value) => `from port number ${value}`],
  [/^(?:tp|tcp|udp)_dst=(.*)$/, (value) => `to port number ${value}`],
  [/^ct_state=(.*)$/, (value) => `whose connection is ${value}`],
];

const KINDS: Readonly<Record<string, string>> = {
  ip: "IPv4 packets",
  ipv6: "IPv6 packets",
  arp: "ARP packets",
  icmp: "ICMP packets",
  icmp6: "ICMPv6 packets",
  tcp: "TCP packets",
  tcp6: "TCP packets",
  udp: "UDP packets",
  udp6: "UDP packets",
};

function portName(number: string, { openflow }: PortNames): string {
  return openflow.get(Number(number)) ?? number.replace(/^"|"$/g, "");
}

/** A rule of a trace in words. */
export function tellRule(rule: TraceRule, names: PortNames): ToldRule {
  const { bridge, table, match, lines } = rule;
  const fields = splitMatch(match);
  const valueOf = (name: string): string | undefined =>
    fields.find((field) => field.startsWith(`${name} `))?.slice(name.length + 1);
  const priority = valueOf("priority");
  return {
    where: `${bridge}, table ${table}`,
    matches: /^No match/.test(match)
      ? "no rule matches"
      : matchText(fields.filter((field) => !/^(priority|cookie|metadata) /.test(field)), names),
    priority: priority === undefined ? undefined : Number(priority),
    cookie: valueOf("cookie"),
    does: lines.flatMap((line) => tellAction(line, names)),
  };
}

function splitMatch(match: string): readonly string[] {
  return match.split(/,\s*/).map((field) => field.trim()).filter((field) => field !== "");
}

function matchText(fields: readonly string[], names: PortNames): string {
  const kind = fields.map((field) => KINDS[field]).find((text) => text !== undefined);
  const rest = fields.filter((field) => KINDS[field] === undefined).map((field) => {
    for (const [pattern, tell] of MATCHES) {
      const value = pattern.exec(field)?.[1];
      if (value !== undefined) return tell(value, names);
    }
    return `with ${field}`;
  });
  if (kind === undefined && rest.length === 0) return "every packet";
  return [kind ?? "packets", ...rest].join(" ");
}

const ACTIONS:
  readonly (readonly [RegExp, (match: RegExpExecArray, names: PortNames) => string])[] = [
    [/^NORMAL\b/, () => "forwards it as a plain switch does"],
    [/^drop\b/, () => "drops it"],
    [/^resubmit\(,(\d+)\)/, ([, table]) => `looks on in table ${table}`],
    [/^resubmit\((\d+),(\d+)\)/, ([, , table]) => `looks on in table ${table}`],
    [/^goto_table:(\d+)/, ([, table]) => `looks on in table ${table}`],
    [/^output:(\S+)/, ([, port = ""], names) => `sends it out of port ${portName(port, names)}`],
    [/^(?:IN_PORT|in_port)\b/, () => "sends it back out of the port that it came in by"],
    [/^(?:FLOOD|ALL)\b/, () => "sends it out of every port"],
    [/^LOCAL\b/, () => "gives it to the bridge's own device"],
    [/^CONTROLLER\b/, () => "hands it to the controller"],
    [/^ct\((.*)\)/, ([, how]) => `asks the connection tracker (${how})`],
    [/^(?:mod_vlan_vid|set_vlan_vid):(\d+)/, ([, vlan]) => `puts it into VLAN ${vlan}`],
    [/^strip_vlan|^pop_vlan/, () => "takes its VLAN tag off"],
    [/^push_vlan/, () => "gives it a VLAN tag"],
    [/^(?:mod_dl_dst|set_field:(?=\S+->eth_dst)):?(\S+)/, ([, mac]) => `sends it to MAC ${mac}`],
    [/^->\s*(.*)$/, ([, remark]) => `(${remark})`],
  ];

function tellAction(line: string, names: PortNames): readonly string[] {
  for (const [pattern, tell] of ACTIONS) {
    const found = pattern.exec(line);
    if (found !== null) return [tell(found, names)];
  }
  return line === "" ? [] : [line];
}

/** Where the packet comes out, in words; none: nowhere. */
export function tellOutputs({ outputs }: Trace, { datapath }: PortNames): readonly string[] {
  const told = outputs.map(({ port, vlan }) => {
    const name = datapath.get(port) ?? `port ${port} of the datapath`;
    return `${name}, ${vlan === undefined ? "untagged" : `tagged VLAN ${vlan}`}`;
  });
  return [...new Set(told)];
}
