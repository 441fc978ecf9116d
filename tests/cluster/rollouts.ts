/**
 * Waiting for workloads, with what the cluster said when they do not come.
 *
 * @module
 */

import { eventually } from "../lab/mod.ts";
import type { Cluster } from "./cluster.ts";
import { podsOf, type PodSummary } from "./pods.ts";

/** Waits until the workload (`deployment/orders`) has all its Pods ready. */
export async function rolledOut(
  cluster: Cluster,
  workload: string,
  namespace = "default",
): Promise<void> {
  try {
    await cluster.kubectl("rollout", "status", workload, "--timeout=120s", `-n=${namespace}`);
  } catch (error) {
    throw new Error(`${error}\n${await lastEvents(cluster)}`);
  }
}

/** Waits until the Pods of a label are as `isSo` says; they are given. */
export async function untilPods(
  cluster: Cluster,
  app: string,
  isSo: (pods: readonly PodSummary[]) => boolean,
): Promise<readonly PodSummary[]> {
  try {
    return await eventually(`the Pods of ${app} are as expected`, async () => {
      const pods = await podsOf(cluster, app);
      return isSo(pods) ? pods : undefined;
    }, { timeoutMs: 120_000 });
  } catch (error) {
    const pods = JSON.stringify(await podsOf(cluster, app));
    throw new Error(`${error}\n${pods}\n${await lastEvents(cluster)}`);
  }
}

/**
 * Waits until a label has this many Pods, all ready and none about to end; they are given. What
 * `kubectl rollout status` says may be older than a Pod that has gone.
 */
export function settled(
  cluster: Cluster,
  app: string,
  count: number,
): Promise<readonly PodSummary[]> {
  return untilPods(
    cluster,
    app,
    (pods) => pods.length === count && pods.every(({ ready, ending }) => ready && !ending),
  );
}

/** The last events of all namespaces, for when a wait is in vain. */
export async function lastEvents(cluster: Cluster): Promise<string> {
  const events = await cluster.kubectl("get", "events", "-A", "--sort-by=.lastTimestamp");
  return events.split("\n").slice(-30).join("\n");
}
