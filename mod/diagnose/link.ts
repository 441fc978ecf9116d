/**
 * A device as the kernel has it: flags, carrier, and which device is its other end.
 *
 * @module
 */

import * as v from "valibot";
import { type Argv, inNetns, type Run, stderrOf } from "../host/run.ts";

/** A device. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** Of a veth: the index of its other end, in that one's namespace. */
  readonly peerIndex: number | undefined;
  /** Set up by an administrator. */
  readonly up: boolean;
  /** The cable is in, and the other end is up. */
  readonly carrier: boolean;
  readonly mac: string;
  readonly mtu: number;
  /** Somebody takes all its frames: Open vSwitch does so with every device that it holds. */
  readonly taken: boolean;
}

const Links = v.array(v.object({
  ifname: v.string(),
  ifindex: v.number(),
  link_index: v.optional(v.number()),
  flags: v.array(v.string()),
  address: v.optional(v.string(), ""),
  mtu: v.number(),
  promiscuity: v.optional(v.number(), 0),
}));

/** The device of that name; undefined when there is none. `netns`: where to look. */
export async function readLink(
  run: Run,
  name: string,
  options: { readonly netns?: string } = {},
): Promise<Link | undefined> {
  const argv: Argv = ["ip", "-j", "-d", "link", "show", "dev", name];
  const there = options.netns === undefined ? run : inNetns(run, options.netns);
  let text: string;
  try {
    text = (await there(argv)).stdout;
  } catch (error) {
    if (/does not exist|Cannot find device/.test(stderrOf(error) ?? "")) return undefined;
    throw error;
  }
  const [link] = v.parse(Links, JSON.parse(text === "" ? "[]" : text));
  if (link === undefined) return undefined;
  return {
    name: link.ifname,
    index: link.ifindex,
    peerIndex: link.link_index,
    up: link.flags.includes("UP"),
    carrier: link.flags.includes("LOWER_UP"),
    mac: link.address,
    mtu: link.mtu,
    taken: link.promiscuity > 0,
  };
}
