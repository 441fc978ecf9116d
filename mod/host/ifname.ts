/**
 * Names of network interfaces.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { fnv1a } from "../fnv.ts";

/** Linux: IFNAMSIZ is 16, with the final NUL. */
const MAX_LENGTH = 15;

/** RFC 4648, 6, in lower case. */
export const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** In front of the host's end of every pod's interface. */
export const HOST_IFNAME_PREFIX = "fb";

/**
 * Checks the name of a pod's interface by the rules of CNI (Parameters, CNI_IFNAME) and the kernel,
 * and those of `ip -batch`, which has no way to write `#`, quotes and `\`.
 *
 * @throws {FabricError} `invalid`, with value and remedy.
 */
export function checkIfname(name: string): void {
  const problem = problemOf(name);
  if (problem === undefined) return;
  throw new FabricError("invalid", `interface name "${name}" ${problem}`, {
    field: "ifname",
    value: name,
    remedy: "take a name such as eth0 or net1",
  });
}

function problemOf(name: string): string | undefined {
  if (name === "") return "is empty";
  if (new TextEncoder().encode(name).length > MAX_LENGTH) {
    return `is longer than ${MAX_LENGTH} bytes`;
  }
  if (name === "." || name === "..") return "is not allowed";
  if (name === "all" || name === "default") return "is a word of the kernel's settings";
  if (/[/:]/.test(name)) return "has a / or a :";
  // deno-lint-ignore no-control-regex -- a name with a control character is what is refused here
  if (/[\s\x00-\x1f\x7f]/.test(name)) return "has a blank or a control character";
  if (/["'#\\%]/.test(name)) return "has a quote, a #, a % or a \\";
  if (name.startsWith("-")) return "begins with a -";
  return undefined;
}

/**
 * Name of the host's end of a pod's interface: the same for the same container and interface,
 * whoever asks, so that DEL finds it with nothing but its parameters. 13 characters of base32 hold
 * 65 bits of SHA-256.
 */
export async function hostIfname(containerId: string, ifname: string): Promise<string> {
  const text = new TextEncoder().encode(`${containerId}/${ifname}`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  let bits = 0n;
  for (const byte of hash.subarray(0, 9)) bits = (bits << 8n) | BigInt(byte);
  let name = HOST_IFNAME_PREFIX;
  for (let at = 67n; at >= 7n; at -= 5n) name += BASE32[Number((bits >> at) & 31n)];
  return name;
}

/**
 * MAC of the host's end, the same for the same name (two 32-bit FNV-1a hashes). Locally
 * administered, and of another prefix than the pods': it is never seen on the wire.
 */
export function hostMacOf(name: string): string {
  const high = (fnv1a(name) & 0xff).toString(16).padStart(2, "0");
  const low = fnv1a(name, 0x050c5d1f).toString(16).padStart(8, "0");
  return ["0e", high, ...low.match(/../g) ?? []].join(":");
}
