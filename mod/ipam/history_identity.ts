/**
 * Under which identity an interval of history is found again: that of the owner, else the pod's,
 * else the container's. All intervals have one, so "which addresses had this workload" is a range
 * of `history-by-owner/` also for addresses that belong to nobody.
 *
 * @module
 */

import type { Holder, OwnerRef } from "../model/identity.ts";

/**
 * The identity that `history-by-owner/` files an interval under.
 *
 * - an owner: itself
 * - an ephemeral pod: kind `Pod` of the core group, slot `0`
 * - a bare container: kind `Container` without namespace, named by its id, slot `0`
 *
 * The holder's cluster stands in it, so equal names in two clusters stay apart.
 */
export function historyIdentity(holder: Holder, owner?: OwnerRef): OwnerRef {
  if (owner !== undefined) return owner;
  const { cluster, ifname, pod } = holder;
  const who = pod === undefined
    ? { kind: "Container", namespace: "", name: holder.containerId }
    : { kind: "Pod", namespace: pod.namespace, name: pod.name };
  return { cluster, group: "", ...who, slot: "0", ifname };
}
