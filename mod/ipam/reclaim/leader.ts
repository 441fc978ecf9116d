/**
 * One reclaimer at work per cluster, by a leased key. Losing it is safe: every change compares that
 * the key is still the one that was written here.
 *
 * @module
 */

import type { Compare, Store } from "../../etcd/store.ts";
import { reclaimerKey } from "../keys.ts";

/** How long a reclaimer that died keeps others from the work. */
export const LEASE_SECONDS = 30;

/** The right to reclaim. */
export interface Leadership {
  /** Holds as long as nobody else could have begun. */
  readonly guard: Compare;
  /** False when it was lost. To be called every few seconds. */
  keep(): Promise<boolean>;
  /** Gives it up, so that another need not wait. */
  resign(): Promise<void>;
}

/** Undefined while another reclaimer of the cluster is at work. */
export async function becomeLeader(
  store: Store,
  { cluster, who }: { readonly cluster: string; readonly who: string },
): Promise<Leadership | undefined> {
  const key = reclaimerKey(cluster);
  const { id: lease } = await store.grantLease(LEASE_SECONDS);
  const done = await store.txn({
    compare: [{ key, target: "create", op: "=", revision: 0 }],
    success: [{ put: key, value: JSON.stringify({ who }), lease }],
  });
  if (!done.succeeded) {
    await store.revokeLease(lease);
    return undefined;
  }
  return {
    guard: { key, target: "create", op: "=", revision: done.header.revision },
    keep: async () => await store.keepLeaseAlive(lease) > 0,
    resign: () => store.revokeLease(lease),
  };
}
