/**
 * Reading back how a pod's interface is, for CHECK and for people.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { netnsIdentity, netnsMissing } from "./netns.ts";
import { type Run, stderrOf } from "./run.ts";

/** One interface of a pod, as it is. */
export interface PodState {
  readonly up: boolean;
  readonly mac: string;
  readonly mtu: number;
  /** Without link-local ones; each with the length of its subnet, as in `10.0.0.5/24`. */
  readonly addresses: readonly string[];
  /** Of all tables that people fill; not what the kernel adds for the addresses themselves. */
  readonly routes: readonly PodRouteState[];
  /** Rules that send an address to a table. */
  readonly rules: readonly { readonly from: string; readonly table: string }[];
}

export interface PodRouteState {
  /** CIDR; `0.0.0.0/0` and `::/0` for the default. */
  readonly destination: string;
  readonly gateway: string | undefined;
  readonly table: string;
}

const SCRIPT = `set -e
show() { out=$(ip -j "$@"); printf '%s\\n' "\${out:-[]}"; }
echo '['; show addr show dev "$1"
for family in -4 -6; do
  echo ','; show $family route show table all dev "$1"
  echo ','; show $family rule show
done
echo ']'`;

const Link = v.object({
  flags: v.array(v.string()),
  mtu: v.number(),
  address: v.string(),
  addr_info: v.array(v.object({
    local: v.string(),
    prefixlen: v.number(),
    scope: v.string(),
  })),
});
const Route = v.object({
  dst: v.string(),
  gateway: v.optional(v.string()),
  table: v.optional(v.string(), "main"),
  type: v.optional(v.string(), "unicast"),
  protocol: v.optional(v.string()),
});
const Rule = v.object({ src: v.string(), table: v.optional(v.string(), "") });
const Answer = v.tuple([
  v.array(Link),
  v.array(Route),
  v.array(Rule),
  v.array(Route),
  v.array(Rule),
]);

/**
 * The interface of that name in the namespace; undefined when there is none.
 *
 * @throws {FabricError} `not-found` when there is no such namespace.
 */
export async function readPod(
  run: Run,
  options: { readonly netns: string; readonly ifname: string },
): Promise<PodState | undefined> {
  const { netns, ifname } = options;
  let stdout: string;
  try {
    ({ stdout } = await run(["nsenter", `--net=${netns}`, "--", "sh", "-c", SCRIPT, "sh", ifname]));
  } catch (error) {
    if (/does not exist|Cannot find device/.test(stderrOf(error) ?? "")) return undefined;
    if (error instanceof FabricError && await netnsIdentity(run, netns) === undefined) {
      throw netnsMissing(netns, error);
    }
    throw error;
  }
  const [links, routes4, rules4, routes6, rules6] = v.parse(Answer, JSON.parse(stdout));
  const link = links[0];
  if (link === undefined) return undefined;
  return {
    up: link.flags.includes("UP"),
    mac: link.address,
    mtu: link.mtu,
    addresses: link.addr_info
      .filter(({ scope }) => scope !== "link")
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    routes: [...readRoutes(routes4, 4), ...readRoutes(routes6, 6)],
    rules: [...rules4, ...rules6]
      .filter(({ src }) => src !== "all")
      .map(({ src, table }) => ({ from: src, table })),
  };
}

function readRoutes(
  routes: readonly v.InferOutput<typeof Route>[],
  family: 4 | 6,
): readonly PodRouteState[] {
  return routes
    .filter(({ type, protocol }) => type === "unicast" && protocol !== "kernel")
    .map(({ dst, gateway, table }) => ({ destination: asCidr(dst, family), gateway, table }));
}

/** `ip` writes `default` for the default and leaves out the length of a single address. */
function asCidr(destination: string, family: 4 | 6): string {
  if (destination === "default") return family === 4 ? "0.0.0.0/0" : "::/0";
  return destination.includes("/") ? destination : `${destination}/${family === 4 ? 32 : 128}`;
}
