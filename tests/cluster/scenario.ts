/**
 * Scenarios that share one cluster.
 *
 * @module
 */

import type { Server } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";
import { settled } from "./rollouts.ts";

export interface World {
  readonly cluster: Cluster;
  /** In VLAN 100, beside the Pods. */
  readonly server: Server;
}

/** What it shows, and how. */
export type Scenario = readonly [string, (world: World) => Promise<void>];

/** The annotation that lists addresses. */
export const IPS = "beyondfabric.io/ips";
/** The annotation that keeps what is chosen. */
export const FIXED: Readonly<Record<string, string>> = { "beyondfabric.io/fixed": "true" };

/** Addresses of so many settled Pods, sorted. */
export async function ipsOf(
  cluster: Cluster,
  app: string,
  count: number,
): Promise<readonly string[]> {
  return (await settled(cluster, app, count)).map(({ ip }) => ip ?? "none").toSorted();
}
