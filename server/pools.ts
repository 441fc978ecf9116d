/**
 * Pools of networks, parsed once for each spec.
 *
 * @module
 */

import { networkPools, type SubnetPool } from "../mod/ipam/pool.ts";
import type { Network, NetworkSpec } from "../mod/model/network.ts";

const known = new WeakMap<NetworkSpec, readonly SubnetPool[]>();

/** As `networkPools`, remembered as long as the spec is. */
export function poolsOf({ spec }: Pick<Network, "spec">): readonly SubnetPool[] {
  let pools = known.get(spec);
  if (pools === undefined) known.set(spec, pools = networkPools(spec));
  return pools;
}
