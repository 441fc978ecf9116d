/**
 * Leases that the keys of many releases share (about one per node and minute).
 *
 * @module
 */

import { isKind } from "../error.ts";
import { type IpamContext, LEASE_SHARED_MS } from "./context.ts";

/** How long a tombstone outlives the DEL that wrote it: longer than any ADD can be under way. */
export const TOMBSTONE_SECONDS = 600;

/** The id of a lease that lives at least `seconds` from now, granted or shared. */
export async function sharedLease(context: IpamContext, seconds: number): Promise<string> {
  const shared = context.leases.get(seconds, context.now());
  if (shared !== undefined) return shared;
  const grantedAt = context.now();
  const { id } = await context.store.grantLease(seconds + LEASE_SHARED_MS / 1000);
  context.leases.set(seconds, { id, grantedAt });
  return id;
}

/**
 * Runs `commit`, and once more with new leases where one of the shared ones is gone (etcd was
 * restored, or the clock jumped). A refused transaction did nothing, so this is no hidden retry of
 * an unknown outcome.
 */
export async function withLeases<T>(
  context: IpamContext,
  seconds: readonly number[],
  commit: (leases: readonly string[]) => Promise<T>,
): Promise<T> {
  const grant = (): Promise<readonly string[]> =>
    Promise.all(seconds.map((s) => sharedLease(context, s)));
  try {
    return await commit(await grant());
  } catch (error) {
    if (!isKind(error, "not-found") || error.details["reason"] !== "lease") throw error;
    for (const s of seconds) context.leases.forget(s);
    return await commit(await grant());
  }
}
