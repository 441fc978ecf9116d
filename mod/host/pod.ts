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

export interface ConfigurePodOptions {
  readonly netns: string;
  /** When this comes true, the addresses are announced; when it fails, so does the call. */
  readonly connected: Promise<unknown>;
  /** False where the datapath cannot take frames whose checksum is left to the hardware. */
  readonly txOffload: boolean;
  /** Limit of what the pod sends. Default: none. */
  readonly egress?: Shaper;
}

/**
 * Settings that `ip` does not know, then `ip -batch` in place of the shell. It runs inside the
 * pod's namespace; $1 interface, $2 "6" when it has IPv6 addresses, $3 "on" or "off" for tx
 * offload, $4-$6 rate in bit/s, burst and limit in bytes or empty, $7 routing table or empty, and
 * further on the addresses that it is for.
 *
 * - arp_notify, ndisc_notify: the announcement, see `announcementLines()`.
 * - arp_ignore, arp_announce: a pod with two interfaces answers and asks by the address of the one
 *   that the frame came in or goes out by, since an address belongs to one network.
 * - IPv6: what has an address here has it from the store; routers and autoconfiguration have no
 *   say, and duplicates are excluded by the store, so an address is usable at once. The link-local
 *   address stays (from the MAC), neighbour discovery uses it. An interface without IPv6 addresses
 *   has IPv6 off: otherwise a pod of an IPv4 network could be reached by its link-local address,
 *   past everything that is known about it.
 * - Rules of a routing table survive the interface that they were made for, so old ones go first.
 */
const SCRIPT = `set -e
if [ -d /proc/sys/net/ipv6/conf/"$1" ]; then
  cd /proc/sys/net/ipv6/conf/"$1"
  if [ "$2" = 6 ]; then
    echo 0 >accept_ra; echo 0 >autoconf; echo 0 >accept_dad; echo 0 >addr_gen_mode
    echo 1 >ndisc_notify; echo 0 >disable_ipv6
  else
    echo 1 >disable_ipv6
  fi
elif [ "$2" = 6 ]; then
  echo "IPv6 is switched off on this host" >&2; exit 1
fi
cd /proc/sys/net/ipv4/conf/"$1"
echo 1 >arp_notify; echo 1 >arp_ignore; echo 2 >arp_announce
cd /
if [ "$3" = off ]; then ethtool -K "$1" tx off >/dev/null; fi
if [ -n "$4" ]; then tc qdisc replace dev "$1" root tbf rate "$4"bit burst "$5" limit "$6"; fi
if [ -n "$7" ]; then
  for family in -4 -6; do while ip $family rule del table "$7" 2>/dev/null; do :; done; done
  table=$7; shift 7
  for address in "$@"; do
    case $address in *:*) family=-6;; *) family=-4;; esac
    ip $family rule add from "$address" lookup "$table" pref 1000
  done
fi
exec ip -batch -
`;

/**
 * Sets up a pod's interface, waits until it is connected, and announces its addresses.
 *
 * @throws {FabricError} `not-found` when the namespace is gone, `invalid` for text that is no
 * address, `host` for what the kernel refused; and whatever `connected` fails with.
 */
export async function configurePod(
  run: Run,
  pod: PodInterface,
  options: ConfigurePodOptions,
): Promise<void> {
  checkIfname(pod.ifname);
  const setUp = podLines(pod).join("\n") + "\n";
  const announcement = announcementLines(pod).join("\n") + "\n";
  // Told here that somebody looks at it, since a failure before may leave it unread.
  options.connected.catch(() => {});
  const input = async function* (): AsyncIterable<string> {
    yield setUp;
    await options.connected;
    yield announcement;
  };
  const { egress } = options;
  try {
    await run([
      "nsenter",
      `--net=${options.netns}`,
      "--",
      "sh",
      "-c",
      SCRIPT,
      "sh",
      pod.ifname,
      hasFamily(pod, 6) ? "6" : "",
      options.txOffload ? "on" : "off",
      egress === undefined ? "" : String(egress.rate),
      egress === undefined ? "" : String(egress.burst),
      egress === undefined ? "" : String(egress.limit),
      pod.sourceTable === undefined ? "" : String(pod.sourceTable),
      ...sourceAddresses(pod),
    ], { stdin: input() });
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    if (await netnsIdentity(run, options.netns) === undefined) {
      throw netnsMissing(options.netns, error);
    }
    throw error;
  }
}

/**
 * Removes what outlives the interface in a namespace that lives on: the rules of its routing table.
 * Nothing to remove is no error.
 */
export async function forgetSourceTable(
  run: Run,
  options: { readonly netns: string; readonly table: number },
): Promise<void> {
  const script = `for family in -4 -6; do
  while ip $family rule del table "$1" 2>/dev/null; do :; done
done`;
  const table = String(options.table);
  try {
    await run(["nsenter", `--net=${options.netns}`, "--", "sh", "-c", script, "sh", table]);
  } catch (error) {
    if (!(error instanceof FabricError) || error.kind !== "host") throw error;
    if (await netnsIdentity(run, options.netns) !== undefined) throw error;
  }
}
