/**
 * Asking the segment of a pod who has an address, without the pod, the switch or the store noticing:
 * a device of the kernel's (macvlan) on the pod's interface, in a namespace of its own. Its frames
 * leave by the pod's port and never reach the pod itself, so whoever answers is somebody else. With
 * the process the namespace goes, and the device with it, however the process ends.
 *
 * @module
 */

import * as v from "valibot";
import { type Run, stderrOf } from "./run.ts";

/** What was asked from one pod. */
export interface Probe {
  readonly netns: string;
  readonly ifname: string;
  /** Addresses without length. */
  readonly addresses: readonly string[];
}

/** Who answered: MAC by address; an address that nobody answered for is missing. */
export type Answers = ReadonlyMap<string, string>;

/**
 * The IPv4 dummy address (RFC 7600): never assigned, so that nobody learns anything by it. The kernel
 * asks for no neighbour without a sender.
 */
const SENDER = "192.0.0.8/32";

/**
 * $1 the pod's namespace, $2 its interface, then addresses; runs in a namespace of its own. Each is
 * asked for three times, a third of a second apart.
 */
const INSIDE = `netns=$1; parent=$2; shift 2
nsenter --net="$netns" ip link add link "$parent" name probe0 netns $$ \\
  type macvlan mode private
for setting in accept_dad accept_ra router_solicitations; do
  echo 0 >/proc/sys/net/ipv6/conf/probe0/$setting
done 2>/dev/null
echo 300 >/proc/sys/net/ipv4/neigh/probe0/retrans_time_ms
echo 300 >/proc/sys/net/ipv6/neigh/probe0/retrans_time_ms 2>/dev/null || :
ip addr add ${SENDER} dev probe0
ip link set probe0 up
for address; do ip neigh replace "$address" dev probe0 use || :; done
sleep 1
ip -4 -j neigh show dev probe0
ip -6 -j neigh show dev probe0`;

const SCRIPT = `exec unshare --net -- sh -euc "$@"`;

const Neighbours = v.array(v.object({
  dst: v.string(),
  lladdr: v.optional(v.string()),
  state: v.optional(v.array(v.string()), []),
}));

/**
 * Asks; undefined where the pod is gone meanwhile.
 *
 * @throws {FabricError} `host` where the kernel has no such device.
 */
export async function askSegment(run: Run, probe: Probe): Promise<Answers | undefined> {
  const { netns, ifname, addresses } = probe;
  if (addresses.length === 0) return new Map();
  try {
    const { stdout } = await run(
      ["sh", "-c", SCRIPT, "sh", INSIDE, "sh", netns, ifname, ...addresses],
    );
    return readAnswers(stdout);
  } catch (error) {
    const gone = /No such file|Cannot find device|Cannot open network namespace|No such device/;
    if (!gone.test(stderrOf(error) ?? "")) throw error;
    return undefined;
  }
}

function readAnswers(text: string): Answers {
  const answers = new Map<string, string>();
  for (const line of text.split("\n").filter((it) => it.startsWith("["))) {
    for (const { dst, lladdr, state } of v.parse(Neighbours, JSON.parse(line))) {
      const heard = state.some((it) => ["REACHABLE", "STALE", "DELAY", "PROBE"].includes(it));
      if (heard && lladdr !== undefined) answers.set(dst, lladdr);
    }
  }
  return answers;
}
