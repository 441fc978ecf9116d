/**
 * Rate limits, by the kernel's token bucket filter (tc-tbf(8)): on the host's end for what goes to
 * the pod, on the pod's end for what it sends. Neither needs the switch, so they hold on every
 * datapath. The port needs the qos type `linux-noop`, or a restart of vswitchd wipes the first.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Run } from "./run.ts";

/** Settings of a token bucket. */
export interface Shaper {
  /** Bits per second, counted with the Ethernet header. */
  readonly rate: number;
  /** Bytes that may be sent at once. */
  readonly burst: number;
  /** Bytes that may wait; more is dropped. */
  readonly limit: number;
}

/** The bucket must hold the largest frame: a jumbo frame with its headers, and some. */
const MIN_BURST_BYTES = 16 * 1024;
/** As much as passes in 4 ms, a tick of the slowest kernel: less, and high rates are not reached. */
const BURST_SECONDS = 0.004;
/** Longest time that a frame waits. */
const QUEUE_SECONDS = 0.05;
const MIN_QUEUE_BYTES = 64 * 1024;

/** The kernel has the limit as 32 bits. */
const MAX_LIMIT_BYTES = 2 ** 31;

/** The kernel has rates as 64-bit bytes per second; a number is exact up to here. */
export const MAX_RATE = 1e12;
/** Slower than this, a full-sized frame waits for a second and more. */
export const MIN_RATE = 10_000;

/**
 * The settings for a rate in bit/s. The burst is ours: runtimes hand over figures such as
 * 4294967295, with which there is no limit at all.
 *
 * @throws {FabricError} `invalid`, for a rate under 10 kbit/s or over 1 Tbit/s.
 */
export function shaperOf(rate: number): Shaper {
  if (!Number.isInteger(rate) || rate < MIN_RATE || rate > MAX_RATE) {
    throw new FabricError("invalid", `rate limit of ${rate} bit/s is out of bounds`, {
      value: String(rate),
      remedy: `take a whole number from ${MIN_RATE} to ${MAX_RATE}`,
    });
  }
  const bytesPerSecond = rate / 8;
  const burst = Math.max(MIN_BURST_BYTES, Math.ceil(bytesPerSecond * BURST_SECONDS));
  const queue = Math.max(MIN_QUEUE_BYTES, Math.ceil(bytesPerSecond * QUEUE_SECONDS));
  return { rate, burst, limit: Math.min(burst + queue, MAX_LIMIT_BYTES) };
}

/** Limits what goes to the pod, by the device of the host; replaces a former limit. */
export async function limitTrafficToPod(
  run: Run,
  options: { readonly device: string; readonly shaper: Shaper },
): Promise<void> {
  const { rate, burst, limit } = options.shaper;
  const bucket = ["rate", `${rate}bit`, "burst", String(burst), "limit", String(limit)];
  await run(["tc", "qdisc", "replace", "dev", options.device, "root", "tbf", ...bucket]);
}

const Qdiscs = v.array(v.object({
  kind: v.string(),
  root: v.optional(v.boolean()),
  options: v.optional(v.object({ rate: v.optional(v.number()), burst: v.optional(v.number()) })),
}));

/**
 * The rate in bit/s to which a device limits what it sends; undefined when it does not.
 *
 * @throws {FabricError} `host` when there is no such device.
 */
export async function readRate(run: Run, device: string): Promise<number | undefined> {
  const { stdout } = await run(["tc", "-j", "qdisc", "show", "dev", device]);
  const qdiscs = v.parse(Qdiscs, JSON.parse(stdout));
  const rate = qdiscs.find(({ kind, root }) => kind === "tbf" && root === true)?.options?.rate;
  return rate === undefined ? undefined : rate * 8;
}
