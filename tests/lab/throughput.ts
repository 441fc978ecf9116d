/**
 * TCP throughput between two places, by iperf3.
 *
 * @module
 */

import * as v from "valibot";
import type { Place } from "./place.ts";

export interface ThroughputOptions {
  /** Address of the server. */
  readonly target: string;
  /** Default 2. */
  readonly seconds?: number;
  /** The server sends. Default: the client does. */
  readonly reverse?: boolean;
  /** Default 5201. */
  readonly port?: number;
}

const ReportSchema = v.object({
  end: v.object({ sum_received: v.object({ bits_per_second: v.number() }) }),
});

/** What arrived, in bits per second of payload. */
export async function measureThroughput(
  client: Place,
  server: Place,
  options: ThroughputOptions,
): Promise<number> {
  const port = `${options.port ?? 5201}`;
  await using listener = server.start([
    "iperf3",
    "--server",
    "--one-off",
    "--forceflush",
    "--port",
    port,
  ]);
  await listener.until(/Server listening/);
  const seconds = options.seconds ?? 2;
  const text = await client.execOk([
    ...["iperf3", "--client", options.target, "--port", port, "--json"],
    ...["--time", `${seconds}`, "--connect-timeout", "3000"],
    ...options.reverse === true ? ["--reverse"] : [],
  ], { timeoutMs: seconds * 1000 + 15_000 });
  return v.parse(ReportSchema, JSON.parse(text)).end.sum_received.bits_per_second;
}
