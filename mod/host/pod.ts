/**
 * A pod's side of an attachment: addresses, routes and settings, made by one process.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Shaper } from "./bandwidth.ts";
import { checkIfname } from "./ifname.ts";
import { netnsIdentity, netnsMissing } from "./netns.ts";
import {
  announcementLines,
  hasFamily,
  type PodInterface,
  podLines,
  sourceAddresses,
} from "./pod_plan.ts";
import { type Run, stderrOf } from "./run.ts";
import { POD_PORTS } from "./service_names.ts";

/** What is known of a pod's interface before its addresses are. */
export interface ConfigurePodOptions {
  readonly netns: string;
  readonly ifname: string;
  /** False where the datapath cannot take frames whose checksum is left to the hardware. */
  readonly txOffload: boolean;
  /** Limit of what the pod sends. Default: none. */
  readonly egress?: Shaper;
  /** When this comes true, the addresses are announced; when it fails, so does the call. */
  readonly connected: Promise<unknown>;
}

/** How a pod's interface came out. */
export interface ConfiguredPod {
  /** Whether the pod's default routes go through it. */
  readonly defaultRoute: boolean;
}

/** What the script says of a namespace that is no pod's. */
const OWN = "the namespace is the host's own";

/**
 * Settings that `ip` does not know, then `ip -batch` in place of the shell. It runs inside the
 * pod's namespace. $1 interface, $2 "on" or "off" for tx offload, $3-$5 rate in bit/s, burst and
 * limit in bytes or 0, $6 a word that must come on standard input before the announcement, or
 * empty.
 *
 * It begins before the addresses are known, and reads them from file 4: one line of families
 * (`4`, `6`, `46`), whether it has the default route (`default`, `source`, `first`), whether it has
 * Services (`services`, `-`), routing table and addresses for it; lines for `ip -batch`, each behind
 * the word of the case that it is for, and a dot; later the announcement.
 *
 * - arp_notify, ndisc_notify: the announcement, see `announcementLines()`.
 * - arp_ignore, arp_announce: a pod with two interfaces answers and asks by the address of the one
 *   that the frame came in or goes out by, since an address belongs to one network.
 * - IPv6: what has an address here has it from the store; routers and autoconfiguration have no
 *   say, and duplicates are excluded by the store, so an address is usable at once. The link-local
 *   address stays (from the MAC), neighbour discovery uses it. An interface without IPv6 addresses
 *   has IPv6 off: otherwise a pod of an IPv4 network could be reached by its link-local address,
 *   past everything that is known about it.
 * - The default route belongs to the first interface that has one, whoever made that.
 * - Where connections go by the node, too, it gives them ports that the pod does not use of itself.
 * - Rules of a routing table survive the interface that they were made for, so old ones go first.
 */
export const POD_SCRIPT = `set -e
if [ /proc/self/ns/net -ef "/proc/$PPID/ns/net" ]; then echo "${OWN}" >&2; exit 1; fi
cd /proc/sys/net/ipv4/conf/"$1"
echo 1 >arp_notify; echo 1 >arp_ignore; echo 2 >arp_announce
cd /
if [ "$2" = off ]; then ethtool -K "$1" tx off >/dev/null; fi
if [ "$3" != 0 ]; then tc qdisc replace dev "$1" root tbf rate "$3"bit burst "$4" limit "$5"; fi
read -r families route services table addresses <&4
if [ -d /proc/sys/net/ipv6/conf/"$1" ]; then
  cd /proc/sys/net/ipv6/conf/"$1"
  case $families in
    *6*) echo 0 >accept_ra; echo 0 >autoconf; echo 0 >accept_dad; echo 0 >addr_gen_mode
      echo 1 >ndisc_notify; echo 0 >disable_ipv6;;
    *) echo 1 >disable_ipv6;;
  esac
  cd /
else
  case $families in *6*) echo "IPv6 is switched off on this host" >&2; exit 1;; esac
fi
if [ "$route" = first ]; then
  route=default
  while read -r device to _ _ _ _ _ mask _; do
    case "$to $mask $device" in
      "00000000 00000000 $1") ;;
      "00000000 00000000 "*) route=source;;
    esac
  done </proc/net/route
  if [ "$route" = default ] && [ -r /proc/net/ipv6_route ]; then
    other=
    while read -r to length _ _ _ _ _ _ _ device; do
      case "$to/$length $device" in
        "${"0".repeat(32)}/00 lo" | "${"0".repeat(32)}/00 $1") ;;
        "${"0".repeat(32)}/00 "*) other=perhaps;;
      esac
    done </proc/net/ipv6_route
    # That file has the routes of all tables.
    if [ -n "$other" ] && [ -n "$(ip -6 route show default table main)" ]; then route=source; fi
  fi
fi
echo "$route"
if [ "$services $route" = "services default" ]; then
  echo "${POD_PORTS.first} ${POD_PORTS.last}" >/proc/sys/net/ipv4/ip_local_port_range
fi
lines=
while read -r when line <&4; do
  case $when in .) break;; "$route") lines="$lines$line
";; esac
done
if [ "$route" = source ] && [ "$table" != - ]; then
  for family in -4 -6; do while ip $family rule del table "$table" 2>/dev/null; do :; done; done
  for address in $addresses; do
    case $address in *:*) family=-6;; *) family=-4;; esac
    ip $family rule add from "$address" lookup "$table" pref 1000
  done
fi
ip -batch - <<EOF
$lines
EOF
if [ -n "$6" ]; then read -r word; [ "$word" = "$6" ]; fi
exec ip -batch - <&4
`;

/** Most of it is spent waiting for what `pod` and `connected` tell; they have limits of their own. */
export const POD_TIMEOUT_MS = 60_000;

/**
 * Sets up a pod's interface, waits until it is connected, and announces its addresses. It can be
 * called before `pod` is known, so that its programs have started by then; when `pod` fails, so
 * does the call.
 *
 * @throws {FabricError} `not-found` when the namespace is gone, `invalid` for text that is no
 * address, `host` for what the kernel refused; and whatever `pod` and `connected` fail with.
 */
export async function configurePod(
  run: Run,
  pod: PodInterface | Promise<PodInterface>,
  options: ConfigurePodOptions,
): Promise<ConfiguredPod> {
  const { netns, ifname, txOffload, egress, connected } = options;
  checkIfname(ifname);
  const plan = openPlan(Promise.resolve(pod), connected);
  try {
    const argv = [
      "sh",
      "-c",
      `exec 4<&0\n${POD_SCRIPT}`,
      "sh",
      ifname,
      offloadArgument(txOffload),
      ...shaperArguments(egress),
      "",
    ] as const;
    const { stdout } = await run(["nsenter", `--net=${netns}`, "--", ...argv], {
      stdin: plan.input(),
      timeoutMs: POD_TIMEOUT_MS,
    });
    plan.check();
    return { defaultRoute: stdout.includes("default\n") };
  } catch (error) {
    plan.check();
    throw await explainPod(run, netns, error);
  }
}

/** The script's second argument. */
export function offloadArgument(txOffload: boolean): "on" | "off" {
  return txOffload ? "on" : "off";
}

/** The script's arguments for a limit; zeros for none. */
export function shaperArguments(shaper: Shaper | undefined): readonly [string, string, string] {
  if (shaper === undefined) return ["0", "0", "0"];
  return [String(shaper.rate), String(shaper.burst), String(shaper.limit)];
}

/** The input of the script. */
export interface Plan {
  input(): AsyncIterable<string>;
  /** Throws what the pod's plan or its connection failed with: then the input ended early. */
  check(): void;
}

/**
 * The plan of a pod and, once it is connected, its announcement; before them `first`, if anything.
 * When one of them fails, the input ends, and with it the script and whatever runs beside it, in
 * order; nothing is killed.
 */
export function openPlan(
  pod: Promise<PodInterface>,
  connected: Promise<unknown>,
  first?: Promise<string>,
): Plan {
  let failed: { readonly cause: unknown } | undefined;
  // Told here that somebody looks at them, since a failure before may leave them unread.
  for (const promise of [pod, connected, first]) promise?.catch(() => {});
  return {
    async *input() {
      try {
        if (first !== undefined) yield await first;
        const wanted = await pod;
        yield setUpText(wanted);
        await connected;
        yield announcementLines(wanted).join("\n") + "\n";
      } catch (cause) {
        failed = { cause };
      }
    },
    check() {
      if (failed !== undefined) throw failed.cause;
    },
  };
}

/** What a failure of the script means. */
export async function explainPod(run: Run, netns: string, error: unknown): Promise<unknown> {
  const stderr = stderrOf(error);
  if (stderr === undefined) return error;
  if (stderr.includes(OWN)) {
    return new FabricError("invalid", `${netns} is the host's own network namespace`, {
      field: "netns",
      value: netns,
      remedy: "give the namespace of a sandbox; a pod of the host's network needs no interface",
      cause: error,
    });
  }
  return await netnsIdentity(run, netns) === undefined ? netnsMissing(netns, error) : error;
}

/** The input of the script, up to the announcement. */
function setUpText(pod: PodInterface): string {
  const families = ([4, 6] as const).filter((family) => hasFamily(pod, family)).join("");
  const route = pod.defaultRoute === "first" ? "first" : pod.defaultRoute ? "default" : "source";
  const services = pod.services === undefined ? "-" : "services";
  const table = pod.sourceTable === undefined ? "-" : String(pod.sourceTable);
  const lines = (word: "default" | "source"): readonly string[] =>
    route === "first" || route === word
      ? podLines(pod, { defaultRoute: word === "default" }).map((line) => `${word} ${line}`)
      : [];
  return [
    [families, route, services, table, ...sourceAddresses(pod)].join(" "),
    ...lines("default"),
    ...lines("source"),
    ".",
    "",
  ].join("\n");
}
