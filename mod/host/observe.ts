/**
 * How a host really is: its devices, the filters and limits on them, and the sockets by which a
 * datapath in user space reads them. Three programs for all of it, however many pods there are.
 *
 * @module
 */

import * as v from "valibot";
import { LEAK_FILTER_TABLE } from "./leak_filter.ts";
import { type Run, stderrOf } from "./run.ts";

/** A device of the host or of a pod. */
export interface SeenLink {
  readonly ifindex: number;
  readonly name: string;
  readonly up: boolean;
  /** There is a signal on the wire; undefined for a device that is down. */
  readonly carrier: boolean | undefined;
  readonly mtu: number;
  readonly mac: string;
  /** `veth`, `openvswitch`, ...; empty for hardware. */
  readonly kind: string;
  /** Of a veth: number of its other end, in the namespace where that is. */
  readonly peer: number | undefined;
  /** True where the kernel's datapath of Open vSwitch takes what comes in. */
  readonly inKernelSwitch: boolean;
}

/** A limit of what a device sends. */
export interface SeenLimit {
  /** Bits per second; undefined: the root queue is no token bucket. */
  readonly rate: number | undefined;
  /** Name of the root queue: `noqueue`, `tbf`, ... */
  readonly kind: string;
}

/** A chain of the leak filter. */
export interface SeenFilter {
  /** Device that the chain is named after. */
  readonly name: string;
  /** Device that it hooks; undefined when that is gone. */
  readonly device: string | undefined;
  /** It drops everything: its policy is drop, and no rule lets something through. */
  readonly drops: boolean;
}

/** A host. */
export interface SeenHost {
  readonly links: ReadonlyMap<string, SeenLink>;
  /** By device. */
  readonly limits: ReadonlyMap<string, SeenLimit>;
  /** By name of the chain. */
  readonly filters: ReadonlyMap<string, SeenFilter>;
  /** Numbers of the devices on which some program reads frames: vswitchd, where it forwards. */
  readonly tapped: ReadonlySet<number>;
}

/** Schema of `ip -j -d link`. */
export const LinkSchema = v.object({
  ifindex: v.number(),
  ifname: v.string(),
  flags: v.array(v.string()),
  mtu: v.number(),
  address: v.optional(v.string(), ""),
  link_index: v.optional(v.number()),
  linkinfo: v.optional(v.object({
    info_kind: v.optional(v.string()),
    info_slave_kind: v.optional(v.string()),
  })),
});

const QdiscSchema = v.object({
  kind: v.string(),
  dev: v.string(),
  root: v.optional(v.boolean()),
  options: v.optional(v.object({ rate: v.optional(v.number()) })),
});

/** Each part on lines of its own; a host without nft has no filters, one without tc no limits. */
const SCRIPT = `set -e
show() { out=$("$@"); printf '%s\\n' "\${out:-[]}"; }
show ip -j -d link show
out=$(tc -j qdisc show 2>/dev/null) || out=; echo "\${out:-[]}"
while read -r _ _ _ _ index _; do printf '%s ' "$index"; done </proc/net/packet
echo
nft list table netdev ${LEAK_FILTER_TABLE} 2>/dev/null || :`;

/** Reads it; changes nothing. */
export async function observeHost(run: Run): Promise<SeenHost> {
  const { stdout } = await run(["sh", "-c", SCRIPT]);
  const [links = "", qdiscs = "", tapped = "", ...filters] = stdout.split("\n");
  return {
    links: new Map(
      v.parse(v.array(LinkSchema), JSON.parse(links)).map((link) => [link.ifname, seenLink(link)]),
    ),
    limits: readLimits(qdiscs),
    filters: readFilters(filters.join("\n")),
    tapped: new Set(tapped.split(" ").map(Number).filter((index) => index > 0)),
  };
}

/** The device of a row of `ip`. */
export function seenLink(link: v.InferOutput<typeof LinkSchema>): SeenLink {
  const up = link.flags.includes("UP");
  const { info_kind: kind = "", info_slave_kind: slave } = link.linkinfo ?? {};
  return {
    ifindex: link.ifindex,
    name: link.ifname,
    up,
    carrier: up ? link.flags.includes("LOWER_UP") && !link.flags.includes("NO-CARRIER") : undefined,
    mtu: link.mtu,
    mac: link.address,
    kind,
    peer: kind === "veth" ? link.link_index : undefined,
    inKernelSwitch: slave === "openvswitch",
  };
}

/** The root queues of `tc -j qdisc`, by device. */
export function readLimits(json: string): ReadonlyMap<string, SeenLimit> {
  const limits = new Map<string, SeenLimit>();
  for (const { kind, dev, root, options } of v.parse(v.array(QdiscSchema), JSON.parse(json))) {
    if (root !== true) continue;
    const rate = kind === "tbf" ? options?.rate : undefined;
    limits.set(dev, { kind, rate: rate === undefined ? undefined : rate * 8 });
  }
  return limits;
}

/** The chains in what `nft list table` prints. */
export function readFilters(text: string): ReadonlyMap<string, SeenFilter> {
  const filters = new Map<string, SeenFilter>();
  for (const [, name = "", body = ""] of text.matchAll(/^\tchain (\S+) \{\n([^]*?)^\t\}/gm)) {
    const [head = "", ...rules] = body.split("\n").map((line) => line.trim()).filter(Boolean);
    const device = /\bdevices? (?:=\s*)?(?:\{ )?"?([^"\s]+)"?/.exec(head)?.[1];
    const drops = head.includes("hook ingress") && head.includes("policy drop") &&
      rules.every((rule) => !/\b(accept|jump|goto|queue|fwd|dup)\b/.test(rule));
    filters.set(name, { name, device, drops });
  }
  return filters;
}

/** What `ovs-ofctl dump-flows` says of a bridge's flows. */
export interface SeenFlow {
  readonly table: number;
  readonly cookie: string;
  readonly priority: number;
  /** The match, as it is written; empty: everything. */
  readonly match: string;
  readonly actions: string;
  /** OpenFlow number of the port that the match names; undefined when it names none. */
  readonly inPort: number | undefined;
}

/**
 * The flows of a bridge; undefined where vswitchd does not answer.
 *
 * @throws {FabricError} `host` where `ovs-ofctl` cannot be run.
 */
export async function readFlows(
  run: Run,
  bridge: string,
): Promise<readonly SeenFlow[] | undefined> {
  try {
    const command = 'ovs-ofctl --timeout=5 --no-names --no-stats dump-flows "$1"';
    const { stdout } = await run(["sh", "-c", command, "sh", bridge]);
    return stdout.split("\n").flatMap((line) => parseFlow(line.trim()) ?? []);
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    return undefined;
  }
}

/** One line of `ovs-ofctl --no-stats dump-flows`. */
export function parseFlow(line: string): SeenFlow | undefined {
  const found = /^(.*?)\s*actions=(.*)$/.exec(line);
  if (found === null) return undefined;
  const [, head = "", actions = ""] = found;
  const fields = head.split(/[\s,]+/).filter(Boolean);
  const valueOf = (name: string): string | undefined =>
    fields.find((field) => field.startsWith(`${name}=`))?.slice(name.length + 1);
  const settings = /^(cookie|table|priority|duration|idle_timeout|hard_timeout|importance)=/;
  const inPort = valueOf("in_port");
  return {
    table: Number(valueOf("table") ?? 0),
    cookie: valueOf("cookie") ?? "0x0",
    priority: Number(valueOf("priority") ?? 32768),
    match: fields.filter((field) => !settings.test(field)).join(","),
    actions,
    inPort: inPort === undefined || !/^\d+$/.test(inPort) ? undefined : Number(inPort),
  };
}

/** An entry of a bridge's table of MAC addresses. */
export interface SeenMac {
  readonly ofport: number;
  readonly vlan: number;
  readonly mac: string;
}

/** Where the bridge has last seen which MAC; undefined where vswitchd does not answer. */
export async function readMacTable(
  run: Run,
  bridge: string,
): Promise<readonly SeenMac[] | undefined> {
  try {
    const command = 'ovs-appctl --timeout=5 fdb/show "$1"';
    const { stdout } = await run(["sh", "-c", command, "sh", bridge]);
    return [...stdout.matchAll(/^\s*(\d+)\s+(\d+)\s+([0-9a-f:]{17})\s/gm)].map(
      ([, port, vlan, mac = ""]) => ({ ofport: Number(port), vlan: Number(vlan), mac }),
    );
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    return undefined;
  }
}
