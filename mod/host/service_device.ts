/**
 * The devices of the service path on the node, and the settings around them. See ARCHITECTURE.md,
 * "Services".
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { DatapathNeeds } from "./datapath.ts";
import { leakFilterText } from "./leak_filter.ts";
import { offloadArgument } from "./pod.ts";
import type { Run } from "./run.ts";
import {
  AS_POD_MARK,
  RULE_PREFERENCES,
  SERVICE_DEVICE_MAC,
  SERVICE_HOP,
  type ServiceDevices,
} from "./service_names.ts";

/** What the node needs for one network. */
export interface ServiceDeviceOptions {
  readonly devices: ServiceDevices;
  /** The network's. */
  readonly mtu: number;
  readonly needs: DatapathNeeds;
  /** Text for nft: the table of the whole node. */
  readonly table: string;
  /** Lines for `ip -batch`: the network's table, and nothing else may be in it. */
  readonly routes: readonly string[];
  /** The same for the pods that are here already. */
  readonly pods: readonly string[];
  /** Lines for `ip -batch`; those that exist already stay. */
  readonly rules: Readonly<Record<4 | 6, readonly string[]>>;
}

const RULE_OF_NODE = RULE_PREFERENCES.node;

/**
 * $1 the node's end, $2 the switch's, $3 MTU, $4 "on" or "off" for tx offload, $5 text for nft, $6 lines of
 * the network's routes, $7 and $8 lines of rules, $9 the network's table. Standard input: lines of all
 * routes and neighbours behind their family, which are more than an argument can hold where there are
 * many pods.
 *
 * - rp_filter: answers come in there from addresses whose route is another device's. An address of its
 *   own, or the kernel drops them all the same.
 * - What asks for MACs goes through the switch in a pod's name; the node answers nobody there.
 * - A node that forwards no longer takes routes from routers, unless it is told to.
 */
const SCRIPT = `set -e
conf=/proc/sys/net/ipv4/conf
if ! [ -d "$conf/$1" ] || ! [ -d "$conf/$2" ]; then
  ip link del "$1" 2>/dev/null || ip link del "$2" 2>/dev/null || :
  ip link add "$1" mtu "$3" address ${SERVICE_DEVICE_MAC} type veth peer name "$2" mtu "$3"
fi
ip -batch - <<EOF
link set $2 addrgenmode none mtu $3 up
link set $1 addrgenmode none mtu $3 up
address replace ${SERVICE_HOP[4]}/32 dev $1 scope link
EOF
if [ "$4" = off ]; then ethtool -K "$1" tx off >/dev/null; fi
echo 2 >"$conf/$1/rp_filter"
echo 8 >"$conf/$1/arp_ignore"
echo 0 >"$conf/$1/send_redirects"
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo 1 >/proc/sys/net/ipv4/ip_forward
conf=/proc/sys/net/ipv6/conf
six=
if [ -d "$conf/$1" ]; then
  echo 1 >"$conf/$2/disable_ipv6"
  if [ "$(cat "$conf/all/forwarding")" != 1 ]; then
    for device in "$conf"/*; do
      [ "$(cat "$device/accept_ra")" != 1 ] || echo 2 >"$device/accept_ra"
    done
    echo 1 >"$conf/all/forwarding"
  fi
  echo 0 >"$conf/$1/accept_ra"; echo 0 >"$conf/$1/autoconf"; echo 0 >"$conf/$1/accept_dad"
  echo 0 >"$conf/$1/disable_ipv6"
  ip -6 address replace ${SERVICE_HOP[6]}/64 dev "$1" nodad
  six=1
fi
nft -f - <<EOF
$5
EOF
if [ -n "$six" ]; then sed 's/^[46] //'; else sed -n 's/^4 //p'; fi | ip -batch -
# What an earlier set-up made and this one does not want.
for family in -4 \${six:+-6}; do
  ip $family route show table "$9" 2>/dev/null | while read -r to _; do
    case "$6" in *" $to "*) ;; *) ip $family route del "$to" table "$9";; esac
  done
done
stale() {
  ip "$1" rule show | while read -r pref _ _ word to rest; do
    case "$pref $word" in "${RULE_OF_NODE}: to") ;; *) continue;; esac
    # Others may have rules there.
    case $rest in "fwmark ${AS_POD_MARK} "*) ;; *) continue;; esac
    case "$2" in *" to $to "*) ;; *) ip "$1" rule del pref ${RULE_OF_NODE} to "$to" $rest;; esac
  done
}
stale -4 "$7"
[ -z "$six" ] || stale -6 "$8"
add() {
  said=$(printf '%s\\n' "$2" | ip "$1" -force -batch - 2>&1) && return
  said=$(printf '%s\\n' "$said" | grep -v -e "File exists" -e "^Command failed") || return 0
  printf '%s\\n' "$said" >&2
  exit 1
}
add -4 "$7"
[ -z "$six" ] || add -6 "$8"
ip -o link show dev "$2"
`;

/**
 * Makes all that one network needs in the node, or sees that it is there.
 *
 * @returns The number of the switch's end.
 * @throws {FabricError} `host`.
 */
export async function setUpServiceDevices(
  run: Run,
  options: ServiceDeviceOptions,
): Promise<number> {
  const { devices, mtu, needs, table, routes, pods, rules } = options;
  const filter = needs.leakFilter ? leakFilterText(devices.port) : "";
  const byFamily = [...routes, ...pods].map((line) => `${familyOfLine(line)} ${line}\n`);
  try {
    const { stdout } = await run([
      "sh",
      "-c",
      SCRIPT,
      "sh",
      devices.host,
      devices.port,
      String(mtu),
      offloadArgument(needs.txOffload),
      `${table}${filter}`,
      routes.join("\n"),
      rules[4].join("\n"),
      rules[6].join("\n"),
      String(devices.table),
    ], { stdin: byFamily.join("") });
    return Number(/^(\d+): /m.exec(stdout)?.[1]);
  } catch (cause) {
    throw new FabricError("host", `Cannot set up the way to Services: ${messageOf(cause)}`, {
      remedy:
        "see what the program said; without services in the node's configuration it is left out",
      cause,
    });
  }
}

/** Which family a line for `ip -batch` is about: `route replace`, `neigh replace`. */
export function familyOfLine(line: string): 4 | 6 {
  const [, , to = "", , gateway = ""] = line.split(" ");
  return (to === "default" ? gateway : to).includes(":") ? 6 : 4;
}

/** The addresses by which the node itself would speak to these ranges, one of each family. */
export async function findNodeAddresses(
  run: Run,
  cidrs: readonly string[],
): Promise<readonly string[]> {
  const found = await Promise.all(cidrs.map(async (cidr) => {
    try {
      const to = cidr.slice(0, cidr.indexOf("/"));
      const { stdout } = await run(["ip", "-o", "route", "get", to]);
      return / src (\S+)/.exec(stdout)?.[1];
    } catch {
      // No route: then the node has no address of that family to speak of.
      return undefined;
    }
  }));
  const addresses = found.filter((address) => address !== undefined);
  return [
    ...new Set([
      addresses.find((address) => !address.includes(":")),
      addresses.find((address) => address.includes(":")),
    ]),
  ].filter((address) => address !== undefined);
}

/** The ranges of IPv6 that the node has routes to, beside its default route and link-local ones. */
export async function findNodePrefixes(run: Run): Promise<readonly string[]> {
  const { stdout } = await run(["ip", "-6", "-o", "route", "show", "table", "main"]);
  const prefixes = stdout.split("\n").flatMap((line) =>
    /^(?:[a-z]+ )?([0-9a-f]*:[0-9a-f:/]*)/.exec(line)?.[1] ?? []
  );
  return [...new Set(prefixes)].filter((prefix) => !prefix.startsWith("fe80:")).toSorted();
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
