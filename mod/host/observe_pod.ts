/**
 * How a pod's side really is: every device of its namespace, addresses with their state, routes and
 * rules of all tables, limits, and the settings that an attachment depends on.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { LinkSchema, readLimits, type SeenLimit, type SeenLink, seenLink } from "./observe.ts";
import { type Run, stderrOf } from "./run.ts";

/** An address of a device. */
export interface SeenAddress {
  /** With the length of its subnet. */
  readonly address: string;
  /** The kernel made it itself: by a router's word. */
  readonly dynamic: boolean;
  /** Somebody else in the segment has it: it is not used. */
  readonly dadFailed: boolean;
  /** Not to be used yet: whether somebody else has it is being asked. */
  readonly tentative: boolean;
}

/** A route, of any table. */
export interface SeenRoute {
  /** CIDR; `0.0.0.0/0` and `::/0` for the default. */
  readonly destination: string;
  readonly gateway: string | undefined;
  /** Undefined for one that leads nowhere, such as `unreachable`. */
  readonly device: string | undefined;
  readonly table: string;
  readonly metric: number | undefined;
}

/** Settings of a pod's interface; undefined where the kernel has no IPv6. */
export interface SeenSettings {
  readonly ipv6Off: boolean | undefined;
  readonly acceptRa: boolean | undefined;
  readonly autoconf: boolean | undefined;
}

/** A namespace with one interface that is of interest. */
export interface SeenPod {
  /** `<device>:<inode>` of the namespace. */
  readonly identity: string;
  /** Every device of it. */
  readonly links: readonly SeenLink[];
  /** Global addresses, by device. */
  readonly addresses: ReadonlyMap<string, readonly SeenAddress[]>;
  /** Without what the kernel adds for the addresses themselves. */
  readonly routes: readonly SeenRoute[];
  readonly rules: readonly { readonly from: string; readonly table: string }[];
  readonly limits: ReadonlyMap<string, SeenLimit>;
  readonly settings: SeenSettings;
  /** Checksums are left to the hardware; undefined where there is no such interface. */
  readonly txOffload: boolean | undefined;
}

/** What was found at the path of a namespace. */
export type PodLook =
  | { readonly state: "there"; readonly pod: SeenPod }
  /** There is no namespace at the path. */
  | { readonly state: "gone" }
  /** It is the host's own. */
  | { readonly state: "own" };

/** $1 interface. Each answer is on a line of its own. */
const INSIDE = `set -e
ip -j -d -batch - <<EOF
addr show
EOF
for family in -4 -6; do
  ip $family -j -batch - <<EOF
route show table all
rule show
EOF
done
out=$(tc -j qdisc show 2>/dev/null) || out=; echo "\${out:-[]}"
for setting in disable_ipv6 accept_ra autoconf; do
  value=-
  # Such a file ends before its newline is read.
  read -r value <"/proc/sys/net/ipv6/conf/$1/$setting" || :
  printf '%s ' "$value"
done 2>/dev/null
echo
ethtool -k "$1" 2>/dev/null || :`;

/** $1 path, $2 interface, $3 the script for inside. */
const SCRIPT = `[ -e "$1" ] || { echo gone; exit 0; }
[ ! "$1" -ef /proc/self/ns/net ] || { echo own; exit 0; }
stat -L -c %d:%i -- "$1"
exec nsenter --net="$1" -- sh -c "$3" sh "$2"`;

const AddrSchema = v.object({
  ...LinkSchema.entries,
  addr_info: v.array(v.object({
    local: v.optional(v.string()),
    prefixlen: v.optional(v.number(), 0),
    scope: v.optional(v.string(), ""),
    dynamic: v.optional(v.boolean(), false),
    dadfailed: v.optional(v.boolean(), false),
    tentative: v.optional(v.boolean(), false),
  })),
});
const RouteSchema = v.object({
  type: v.optional(v.string(), "unicast"),
  dst: v.string(),
  gateway: v.optional(v.string()),
  via: v.optional(v.object({ host: v.string() })),
  dev: v.optional(v.string()),
  table: v.optional(v.string(), "main"),
  protocol: v.optional(v.string()),
  metric: v.optional(v.number()),
});
const RuleSchema = v.object({ src: v.string(), table: v.optional(v.string(), "") });

/**
 * Looks into the namespace at the path; changes nothing.
 *
 * @throws {FabricError} `host` where the programs fail.
 */
export async function observePod(
  run: Run,
  { netns, ifname }: { readonly netns: string; readonly ifname: string },
): Promise<PodLook> {
  const stdout = await lookInside(run, { netns, ifname });
  const lines = stdout.split("\n");
  const [identity = ""] = lines;
  if (identity === "gone" || identity === "own") return { state: identity };
  const [, addr, routes4, rules4, routes6, rules6, qdiscs, settings, ...features] = lines;
  const offload = features.find((line) => line.startsWith("tx-checksumming:"));
  const links = parse(v.array(AddrSchema), addr);
  return {
    state: "there",
    pod: {
      identity,
      links: links.map(seenLink),
      addresses: new Map(links.map((link) => [link.ifname, seenAddresses(link)])),
      routes: [...seenRoutes(routes4, 4), ...seenRoutes(routes6, 6)],
      rules: [rules4, rules6].flatMap((text) => parse(v.array(RuleSchema), text))
        .filter(({ src }) => src !== "all")
        .map(({ src, table }) => ({ from: src, table })),
      limits: readLimits(qdiscs ?? "[]"),
      settings: seenSettings(settings ?? ""),
      txOffload: offload?.includes(": on"),
    },
  };
}

/** What the script prints; `gone` for a path at which no namespace is mounted any more. */
async function lookInside(
  run: Run,
  { netns, ifname }: { readonly netns: string; readonly ifname: string },
): Promise<string> {
  try {
    return (await run(["sh", "-c", SCRIPT, "sh", netns, ifname, INSIDE])).stdout;
  } catch (error) {
    if (!/nsenter: (cannot open|reassociate)/.test(stderrOf(error) ?? "")) throw error;
    return "gone";
  }
}

function parse<S extends v.GenericSchema>(schema: S, text: string | undefined): v.InferOutput<S> {
  const parsed = v.safeParse(schema, JSON.parse(text ?? "[]"));
  if (parsed.success) return parsed.output;
  throw new FabricError("internal", "ip answered with data of another shape", {
    details: { problems: parsed.issues.map((issue) => issue.message) },
  });
}

function seenAddresses(link: v.InferOutput<typeof AddrSchema>): readonly SeenAddress[] {
  return link.addr_info.flatMap(({ local, prefixlen, scope, dynamic, dadfailed, tentative }) =>
    local === undefined || scope === "link" || scope === "host" ? [] : [{
      address: `${local}/${prefixlen}`,
      dynamic,
      dadFailed: dadfailed,
      tentative,
    }]
  );
}

function seenRoutes(text: string | undefined, family: 4 | 6): readonly SeenRoute[] {
  return parse(v.array(RouteSchema), text)
    .filter(({ type, protocol }) =>
      protocol !== "kernel" && ["unicast", "unreachable"].includes(type)
    )
    .map(({ type, dst, gateway, via, dev, table, metric }) => ({
      destination: asCidr(dst, family),
      gateway: gateway ?? via?.host,
      device: type === "unicast" ? dev : undefined,
      table,
      metric,
    }));
}

function asCidr(destination: string, family: 4 | 6): string {
  if (destination === "default") return family === 4 ? "0.0.0.0/0" : "::/0";
  return destination.includes("/") ? destination : `${destination}/${family === 4 ? 32 : 128}`;
}

function seenSettings(line: string): SeenSettings {
  const [off, ra, autoconf] = line.trim().split(" ");
  const flag = (text: string | undefined): boolean | undefined =>
    text === undefined || text === "-" || text === "" ? undefined : text !== "0";
  return { ipv6Off: flag(off), acceptRa: flag(ra), autoconf: flag(autoconf) };
}
