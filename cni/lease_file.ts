/**
 * The leases that tombstones and cooling keys share, kept for the node's next call, so that a DEL
 * costs one write on average. Losing the file costs one more lease.
 *
 * @module
 */

import * as v from "valibot";
import { readTextIfThere, replaceFile } from "../mod/atomic_file.ts";
import { LEASE_SHARED_MS, type LeaseCache } from "../mod/ipam/context.ts";

const LeasesSchema = v.record(v.string(), v.object({ id: v.string(), grantedAt: v.number() }));
type Leases = v.InferOutput<typeof LeasesSchema>;

/** The cache in `<runDir>/leases.json`. */
export function fileLeaseCache(
  runDir: string,
  options: { readonly unique: string; readonly onError: (error: unknown) => void },
): LeaseCache {
  const file = `${runDir}/leases.json`;
  let leases: Leases | undefined;
  const read = (): Leases => leases ??= readLeases(file);
  const write = (next: Leases): void => {
    leases = next;
    try {
      replaceFile(file, JSON.stringify(next), options);
    } catch (error) {
      options.onError(error);
    }
  };
  return {
    get(seconds, now) {
      const lease = read()[String(seconds)];
      if (lease === undefined) return undefined;
      const age = now - lease.grantedAt;
      return age >= 0 && age < LEASE_SHARED_MS ? lease.id : undefined;
    },
    set: (seconds, lease) => write({ ...read(), [String(seconds)]: lease }),
    forget(seconds) {
      const { [String(seconds)]: _, ...rest } = read();
      write(rest);
    },
  };
}

function readLeases(file: string): Leases {
  try {
    return v.parse(LeasesSchema, JSON.parse(readTextIfThere(file) ?? "{}"));
  } catch {
    return {};
  }
}
