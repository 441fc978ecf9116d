/**
 * What time it is at etcd: its API does not tell, but its HTTP server dates every answer
 * (RFC 9110, 6.6.1).
 *
 * @module
 */

import { connectHttp, parseHttpTarget } from "../http.ts";
import { readTlsFiles, type StoreOptions } from "./options.ts";

/** A clock of another machine, against ours. */
export interface SeenClock {
  /** Which member answered. */
  readonly endpoint: string;
  /** How far ours is ahead of it, in milliseconds; up to half a second of it may be rounding. */
  readonly aheadMs: number;
}

const TIMEOUT_MS = 2_000;

/**
 * Asks the first member that answers; undefined where none tells the time.
 *
 * @param now Milliseconds since the epoch, by our clock.
 */
export async function readClock(
  options: StoreOptions,
  now: () => number,
): Promise<SeenClock | undefined> {
  const { ca, cert, key, serverName } = readTlsFiles(options);
  const tls = {
    ...(ca === undefined ? {} : { caCerts: [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(serverName === undefined ? {} : { serverName }),
  };
  for (const endpoint of options.endpoints) {
    try {
      const target = parseHttpTarget(endpoint, { field: "etcd.endpoints", tls });
      using connection = await connectHttp(target, { timeoutMs: TIMEOUT_MS });
      const before = now();
      const { headers } = await connection.request(
        { method: "GET", path: "/version" },
        { timeoutMs: TIMEOUT_MS },
      );
      const date = Date.parse(headers.get("date") ?? "");
      // The date is cut to the second.
      if (!Number.isNaN(date)) return { endpoint, aheadMs: (before + now()) / 2 - (date + 500) };
    } catch {
      // The next one may answer; that none does, others tell.
    }
  }
  return undefined;
}
