/**
 * What every operation of IPAM is given: the store, and the values that it may not fetch itself.
 *
 * @module
 */

import type { Store } from "../etcd/store.ts";

export interface IpamContext {
  readonly store: Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 <= n < 1. */
  readonly random: () => number;
  /** A new ULID. */
  readonly newId: () => string;
  readonly leases: LeaseCache;
}

/**
 * Where a process keeps the ids of the leases that its tombstones and cooling keys share, so that
 * a release costs one write on average. Losing an entry costs one more lease, nothing else.
 */
export interface LeaseCache {
  /** The lease to use at `now` for keys that must live `seconds`; undefined: grant a new one. */
  get(seconds: number, now: number): string | undefined;
  set(seconds: number, lease: { readonly id: string; readonly grantedAt: number }): void;
  /** The lease turned out to be gone. */
  forget(seconds: number): void;
}

/** How long a lease is shared before a new one is granted. */
export const LEASE_SHARED_MS = 60_000;

/** A LeaseCache for processes that stay. */
export function memoryLeaseCache(): LeaseCache {
  const leases = new Map<number, { readonly id: string; readonly grantedAt: number }>();
  return {
    get(seconds, now) {
      const lease = leases.get(seconds);
      if (lease === undefined) return undefined;
      const age = now - lease.grantedAt;
      return age >= 0 && age < LEASE_SHARED_MS ? lease.id : undefined;
    },
    set: (seconds, lease) => void leases.set(seconds, lease),
    forget: (seconds) => void leases.delete(seconds),
  };
}

/** RFC 3339 text of the context's clock. */
export function timestamp(context: Pick<IpamContext, "now">): string {
  return new Date(context.now()).toISOString();
}
