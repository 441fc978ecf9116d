/**
 * How many Pods a workload may have at once, for people who have to list enough addresses for it.
 *
 * @module
 */

import type { Workload } from "./owner.ts";

/** Kubernetes' default of a Deployment's `maxSurge`. */
const DEFAULT_SURGE = "25%";

/** Replicas, and how many more there are during a rollout. */
export function surgeOf({ kind, object }: Pick<Workload, "kind" | "object">): {
  readonly replicas: number;
  readonly surge: number;
} | undefined {
  const replicas = object?.spec.replicas;
  if (object === undefined || replicas === undefined) return undefined;
  if (kind !== "Deployment") return { replicas, surge: 0 };
  const { strategy } = object.spec;
  if (strategy?.type === "Recreate") return { replicas, surge: 0 };
  const surge = strategy?.rollingUpdate?.maxSurge ?? DEFAULT_SURGE;
  const percent = typeof surge === "string" ? /^(\d+)%$/.exec(surge)?.[1] : undefined;
  // Percentages are rounded up (apps/v1 RollingUpdateDeployment).
  return {
    replicas,
    surge: percent === undefined ? Number(surge) || 0 : Math.ceil(replicas * Number(percent) / 100),
  };
}

/**
 * How many Pods it may have at once by the rules of its controller, those left out that are about to
 * end; undefined where only its controller knows.
 */
export function mostOf(
  { group, kind, object }: Pick<Workload, "group" | "kind" | "object">,
): number | undefined {
  switch (`${kind}.${group}`) {
    case "Deployment.apps":
    case "ReplicaSet.apps":
    case "ReplicationController.": {
      const found = surgeOf({ kind, object });
      return found === undefined ? undefined : found.replicas + found.surge;
    }
    case "Job.batch":
      return object?.spec.parallelism;
    default:
      return undefined;
  }
}

/** `3 replicas + surge 1 = 4 Pods at once`; undefined where it does not say. */
export function numbersOf(workload: Pick<Workload, "kind" | "object">): string | undefined {
  const found = surgeOf(workload);
  if (found === undefined) return undefined;
  const { replicas, surge } = found;
  return `${replicas} replicas + surge ${surge} = ${replicas + surge} addresses at once`;
}
