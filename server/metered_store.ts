/**
 * The store with a stopwatch: how long etcd takes, and how often it fails.
 *
 * @module
 */

import { asFabricError } from "../mod/error.ts";
import type { Store } from "../mod/etcd/store.ts";
import type { Metrics } from "./metrics.ts";

/** The same store; each call is noted. */
export function meterStore(store: Store, metrics: Metrics): Store {
  const timed = async <T>(method: string, run: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    try {
      return await run();
    } catch (error) {
      metrics.count("fabric_etcd_errors_total", { method, kind: asFabricError(error).kind });
      throw error;
    } finally {
      metrics.observe("fabric_etcd_seconds", { method }, (performance.now() - started) / 1000);
    }
  };
  return {
    range: (request, options) => timed("range", () => store.range(request, options)),
    txn: (request, options) => timed("txn", () => store.txn(request, options)),
    watch: (request) => store.watch(request),
    grantLease: (seconds, options) => timed("lease", () => store.grantLease(seconds, options)),
    revokeLease: (id, options) => timed("lease", () => store.revokeLease(id, options)),
    keepLeaseAlive: (id, options) => timed("lease", () => store.keepLeaseAlive(id, options)),
    status: (options) => timed("status", () => store.status(options)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
