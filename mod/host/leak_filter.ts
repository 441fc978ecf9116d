/**
 * What a datapath in user space needs beside it: with OVS's `netdev` datapath the kernel hands every
 * frame of a pod to OVS, and then to the host's own network stack as well. That would answer ARP
 * for the host's addresses to a pod in whatever VLAN. A netfilter chain on ingress of the host's end
 * drops the frames behind OVS's back: OVS taps them before.
 *
 * @module
 */

import { type Run, stderrOf } from "./run.ts";

/** The table of ours in family netdev; one chain in it per device, named like the device. */
export const LEAK_FILTER_TABLE = "fabric";

/** Text for `nft -f -`. */
export function leakFilterText(device: string): string {
  return `add table netdev ${LEAK_FILTER_TABLE}
add chain netdev ${LEAK_FILTER_TABLE} ${device} { \
type filter hook ingress device "${device}" priority -500; policy drop; }
`;
}

/**
 * Keeps the frames that come in by the device away from the host's own stack. Doing it again
 * changes nothing.
 *
 * @throws {FabricError} `host`, also when there is no such device.
 */
export async function addLeakFilter(run: Run, device: string): Promise<void> {
  await run(["nft", "-f", "-"], { stdin: leakFilterText(device) });
}

/**
 * Removes the chain of a device, which may be gone already.
 *
 * @returns False when there was none.
 */
export async function delLeakFilter(run: Run, device: string): Promise<boolean> {
  try {
    await run(["nft", "delete", "chain", "netdev", LEAK_FILTER_TABLE, device]);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** True when the device has its chain, and the chain its device. */
export async function hasLeakFilter(run: Run, device: string): Promise<boolean> {
  try {
    const { stdout } = await run(["nft", "list", "chain", "netdev", LEAK_FILTER_TABLE, device]);
    return stdout.includes(`device "${device}"`) && stdout.includes("policy drop");
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return /No such file or directory/.test(stderrOf(error) ?? "");
}

/**
 * Removes the chains of devices that are gone: what a call left that was killed. Those whose device
 * is there stay.
 *
 * @returns The devices whose chains were removed.
 */
export async function forgetLeakFilters(run: Run): Promise<readonly string[]> {
  let chains: readonly string[];
  try {
    const { stdout } = await run(["nft", "list", "table", "netdev", LEAK_FILTER_TABLE]);
    chains = [...stdout.matchAll(/^\s*chain (\S+) \{/gm)].flatMap(([, name]) => name ?? []);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  if (chains.length === 0) return [];
  const { stdout } = await run(["ip", "-o", "link", "show"]);
  const devices = new Set([...stdout.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name));
  const gone = chains.filter((name) => !devices.has(name));
  for (const name of gone) await delLeakFilter(run, name);
  return gone;
}
