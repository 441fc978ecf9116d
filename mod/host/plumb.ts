/**
 * All that an attachment needs of the host, by one process: the pair of devices, the filter, the
 * limits, and the pod's side. The steps are those of `addVeth()`, `addLeakFilter()`,
 * `limitTrafficToPod()` and `configurePod()`; in one process they follow each other without a turn
 * of ours between them, and start while the addresses are still being asked for.
 *
 * @module
 */

import type { Shaper } from "./bandwidth.ts";
import type { DatapathNeeds } from "./datapath.ts";
import { checkIfname } from "./ifname.ts";
import { leakFilterText } from "./leak_filter.ts";
import { explainVeth, vethLines } from "./link.ts";
import { checkNetnsPath } from "./netns.ts";
import {
  type ConfiguredPod,
  type ConfigurePodOptions,
  explainPod,
  offloadArgument,
  openPlan,
  POD_SCRIPT,
  POD_TIMEOUT_MS,
  shaperArguments,
} from "./pod.ts";
import type { PodInterface } from "./pod_plan.ts";
import type { Run } from "./run.ts";
import { POD_TABLE } from "./service_names.ts";

/** What the pair of devices gets besides: by the switch's datapath, and as limits. */
export interface PlumbSettings extends DatapathNeeds {
  /** Limit of what goes to the pod. */
  readonly ingress: Shaper | undefined;
  /** Limit of what the pod sends. */
  readonly egress: Shaper | undefined;
}

export interface PlumbOptions extends Omit<ConfigurePodOptions, "txOffload" | "egress"> {
  /** Name of the host's end. */
  readonly host: string;
  /** The devices are made before they are known. */
  readonly settings: Promise<PlumbSettings>;
  /** The devices are there: the host's end can become a port. */
  readonly onLinked: () => void;
  /** Whether the default routes come to this interface, as soon as that is known. */
  readonly onRoute?: (defaultRoute: boolean) => void;
}

/**
 * $1 lines for `ip -batch`, $2 commands for nft, $3 host's end, $4 namespace, $5 the pod's script,
 * $6 the pod's interface.
 *
 * The first line of the input is that of `settingsLine()`. The pod's side begins while nft works,
 * and does not announce anything before nft is done. nft tells that on the pipe between them, so the
 * plan comes in as file 4.
 */
const SCRIPT = `set -e
ip -batch - <<EOF
$1
EOF
echo linked
exec 4<&0
read -r leak rate burst limit tx egress
if [ "$rate" != 0 ]; then tc qdisc replace dev "$3" root tbf rate "$rate"bit burst "$burst" limit "$limit"; fi
# shellcheck disable=SC2086 # three words
if [ "$leak" != filter ]; then
  exec nsenter --net="$4" -- sh -c "$5" sh "$6" "$tx" $egress "" </dev/null
fi
{ nft "$2" && echo filtered; } | nsenter --net="$4" -- sh -c "$5" sh "$6" "$tx" $egress filtered
`;

/** `filter` or `open`, the limit to the pod, "on" or "off" for tx offload, the limit from the pod. */
function settingsLine({ leakFilter, txOffload, ingress, egress }: PlumbSettings): string {
  const words = [
    leakFilter ? "filter" : "open",
    ...shaperArguments(ingress),
    offloadArgument(txOffload),
    ...shaperArguments(egress),
  ];
  return `${words.join(" ")}\n`;
}

/**
 * Makes the devices and sets up the pod's side.
 *
 * @throws {FabricError} `conflict` as `addVeth()`, when nothing was touched; else what
 * `configurePod()` throws, and something may have been made.
 */
export async function plumb(
  run: Run,
  pod: Promise<PodInterface>,
  options: PlumbOptions,
): Promise<ConfiguredPod> {
  const { host, ifname, netns, settings, connected, onLinked, onRoute } = options;
  checkIfname(ifname);
  checkNetnsPath(netns);
  const plan = openPlan(pod, connected, settings.then(settingsLine));
  const veth = { host, peer: ifname, netns };
  let linked = false;
  try {
    const { stdout } = await run([
      "sh",
      "-c",
      SCRIPT,
      "sh",
      vethLines(veth).join("\n"),
      leakFilterText(host),
      host,
      netns,
      POD_SCRIPT,
      ifname,
    ], {
      stdin: plan.input(),
      timeoutMs: POD_TIMEOUT_MS,
      onLine: (line) => {
        if (line === "default" || line === "source") onRoute?.(line === "default");
        if (line !== "linked") return;
        linked = true;
        onLinked();
      },
    });
    plan.check();
    return { defaultRoute: stdout.includes("default\n") };
  } catch (error) {
    if (!linked) throw await explainVeth(run, veth, error);
    plan.check();
    throw await explainPod(run, netns, error);
  }
}

export interface UnplumbOptions {
  readonly host: string;
  /** The pod's namespace, when it may live on. */
  readonly netns?: string;
  /** Routing table of the interface, when rules for it may be left in the namespace. */
  readonly sourceTable?: number;
  /** What may be left of the way to Services. */
  readonly services?: PodServices;
}

/** A pod's way to Services, as far as its port's name tells. */
export interface PodServices {
  /** The file that tells of it. */
  readonly note: string;
  /** Of its flows. */
  readonly cookie: string;
  /** Where the sockets of bridges are. */
  readonly bridges: string;
}

/**
 * $1 host's end, $2 namespace or empty, $3 routing table, $4 note, $5 cookie, $6 folder of bridges' sockets.
 * What is missing is no error; a filter that cannot be deleted is one only when it is there. A host
 * whose datapath is the kernel's may have no nft at all.
 *
 * The note goes first and last: a set-up makes again what it tells of, and a DEL that was killed is called again.
 * Flows that cannot be deleted went with vswitchd. An address may have moved on to another pod here.
 */
const END_SCRIPT = `
services=
if [ -n "$4" ] && [ -e "$4" ]; then mv -f "$4" "$4.ending"; fi
if [ -n "$4" ] && [ -e "$4.ending" ]; then (
  exec <"$4.ending"
  read -r bridge && read -r device && read -r network && read -r mac || exit 0
  ovs-ofctl --timeout=2 del-flows "unix:$6/$bridge.mgmt" "cookie=$5/-1" 2>/dev/null & flows=$!
  lines=
  while read -r address; do
    ! grep -qsxF -e "$address" --exclude='*.*' -r "\${4%/*}" || continue
    lines="\${lines}route del $address dev $device table ${POD_TABLE}
neigh del $address dev $device
"
  done
  [ -z "$lines" ] || printf '%s' "$lines" | ip -force -batch - 2>/dev/null || :
  wait "$flows" || :
) & services=$!; fi
nft delete chain netdev fabric "$1" 2>/dev/null & filter=$!
rules=
if [ -n "$2" ]; then
  nsenter --net="$2" -- sh -c 'for family in -4 -6; do
    while ip $family rule del table "$1" 2>/dev/null; do :; done
  done' sh "$3" 2>/dev/null & rules=$!
fi
code=0
said=$(ip link del dev "$1" 2>&1) || case $said in
  *"Cannot find device"* | *"does not exist"*) ;;
  *) echo "$said" >&2; code=1;;
esac
if ! wait "$filter" && nft list chain netdev fabric "$1" >/dev/null 2>&1; then
  echo "nft cannot delete the filter of $1" >&2; code=1
fi
[ -z "$rules" ] || wait "$rules" || :
if [ -n "$services" ]; then wait "$services"; rm -f "$4.ending"; fi
exit "$code"
`;

/**
 * Takes back what `plumb()` made, by one process: the devices, the filter, and the rules in a
 * namespace that lives on. Everything may be missing.
 *
 * @throws {FabricError} `host` when something stays.
 */
export async function unplumb(run: Run, options: UnplumbOptions): Promise<void> {
  const { host, netns, sourceTable, services } = options;
  const where = netns === undefined || sourceTable === undefined ? ["", ""] : [
    netns,
    String(sourceTable),
  ];
  const { note = "", cookie = "", bridges = "" } = services ?? {};
  await run(["sh", "-c", END_SCRIPT, "sh", host, ...where, note, cookie, bridges]);
}
