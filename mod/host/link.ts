/**
 * The pair of virtual devices between the host and a pod.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { checkIfname, hostMacOf } from "./ifname.ts";
import { checkNetnsPath, netnsIdentity, netnsMissing } from "./netns.ts";
import { inNetns, type Run, stderrOf } from "./run.ts";

export interface VethOptions {
  /** Name of the host's end. */
  readonly host: string;
  /** Name of the pod's end. */
  readonly peer: string;
  /** The pod's namespace. */
  readonly netns: string;
  /** The pod's end's. Default: the kernel's choice, until `configurePod()` sets it. */
  readonly mac?: string;
  /** Of both ends. Default: the kernel's, until `configurePod()` and vswitchd set it. */
  readonly mtu?: number;
}

/**
 * The lines for `ip -batch`: the peer is born in the pod's namespace, so its name never clashes
 * with one of the host. The host's end is up, and has no address of its own, not even a link-local
 * one: it is a plug of the switch. Its MAC is told, so that no udev takes it for one to be changed.
 */
export function vethLines(options: VethOptions): readonly string[] {
  const { host, peer, netns } = options;
  const mtu = options.mtu === undefined ? "" : ` mtu ${options.mtu}`;
  const mac = options.mac === undefined ? "" : ` address ${options.mac}`;
  return [
    `link add ${host}${mtu} address ${hostMacOf(host)} type veth` +
    ` peer name ${peer}${mtu}${mac} netns ${netns}`,
    `link set ${host} addrgenmode none up`,
  ];
}

/**
 * Makes the pair.
 *
 * @throws {FabricError}
 * - `invalid`: a name or path that cannot be.
 * - `conflict`: one of the two exists already, `details.reason` tells which: `ifname` or
 *   `host-ifname`; nothing was touched.
 * - `not-found`: there is no such namespace.
 * - `host`: anything else that the kernel refused.
 */
export async function addVeth(run: Run, options: VethOptions): Promise<void> {
  checkIfname(options.peer);
  checkNetnsPath(options.netns);
  try {
    await run(["ip", "-batch", "-"], { stdin: vethLines(options).join("\n") + "\n" });
  } catch (error) {
    throw await explainVeth(run, options, error);
  }
}

/** Sets a device of the host up. */
export async function setLinkUp(run: Run, name: string): Promise<void> {
  await run(["ip", "link", "set", "dev", name, "up"]);
}

/**
 * Removes a device of the host; the other end of a pair goes with it.
 *
 * @returns False when there was none.
 */
export async function delLink(run: Run, name: string): Promise<boolean> {
  try {
    await run(["ip", "link", "del", "dev", name]);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export interface LinkExistsOptions {
  /** Where to look; default: where `run` runs programs. */
  readonly netns?: string;
}

/** True when there is a device of that name. */
export async function linkExists(
  run: Run,
  name: string,
  options: LinkExistsOptions = {},
): Promise<boolean> {
  const there = options.netns === undefined ? run : inNetns(run, options.netns);
  try {
    await there(["ip", "-o", "link", "show", "dev", name]);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** What the kernel's "File exists" and "Invalid argument" were about. */
export async function explainVeth(
  run: Run,
  options: VethOptions,
  error: unknown,
): Promise<unknown> {
  const { host, peer, netns } = options;
  const stderr = stderrOf(error);
  if (stderr === undefined) return error;
  if (await netnsIdentity(run, netns) === undefined) return netnsMissing(netns, error);
  if (!stderr.includes("File exists")) return error;
  if (await linkExists(run, peer, { netns })) {
    return new FabricError("conflict", `interface ${peer} exists already in ${netns}`, {
      field: "ifname",
      value: peer,
      remedy: "take another name, or delete that attachment first",
      details: { reason: "ifname" },
      cause: error,
    });
  }
  return new FabricError("conflict", `device ${host} exists already on the host`, {
    value: host,
    details: { reason: "host-ifname" },
    cause: error,
  });
}

function isMissing(error: unknown): boolean {
  return /Cannot find device|does not exist/.test(stderrOf(error) ?? "");
}
