/**
 * Watches which sandboxes have which address, on all nodes, to show that none is ever at two places.
 *
 * @module
 */

import type { Running } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";

/** One look: nanoseconds, sandbox, address. */
const LOOK = `while :; do
  for netns in /run/netns/cni-*; do
    now=$(date +%s%N)
    nsenter --net="$netns" -- ip -brief address show eth0 2>/dev/null |
      while read -r _ _ addresses; do
        for a in $addresses; do case $a in fe80*) ;; *) echo "$now $netns $a";; esac; done
      done || :
  done
  sleep 0.2
done`;

interface Sighting {
  readonly at: bigint;
  readonly sandbox: string;
}

export interface Sightings {
  /** Ends the watch. Which addresses were at two places at a time, and how often was looked. */
  end(): Promise<{ readonly twice: readonly string[]; readonly looks: number }>;
}

/** Begins to watch the sandboxes of all nodes. */
export function watchAddresses(cluster: Cluster): Sightings {
  const watches: readonly Running[] = cluster.nodes.map(({ host }) => host.start(LOOK));
  return {
    async end() {
      const seen = new Map<string, Sighting[]>();
      let looks = 0;
      for (const watch of watches) {
        for (const line of (await watch.stop()).split("\n")) {
          const [, at, sandbox, address] = /^(\d+) (\S+) (\S+)$/.exec(line) ?? [];
          if (at === undefined || sandbox === undefined || address === undefined) continue;
          looks++;
          seen.set(address, [...seen.get(address) ?? [], { at: BigInt(at), sandbox }]);
        }
      }
      const twice = [...seen].filter(([, sightings]) => wereTogether(sightings));
      return { twice: twice.map(([address]) => address), looks };
    },
  };
}

/**
 * True where a sandbox that has the address before and after another one is seen with it: then both
 * had it in between. All nodes share one clock.
 */
function wereTogether(sightings: readonly Sighting[]): boolean {
  const left = new Set<string>();
  let current: string | undefined;
  for (const { sandbox } of sightings.toSorted((one, other) => one.at < other.at ? -1 : 1)) {
    if (sandbox === current) continue;
    if (left.has(sandbox)) return true;
    if (current !== undefined) left.add(current);
    current = sandbox;
  }
  return false;
}
