/**
 * What Kubernetes says of its Pods.
 *
 * @module
 */

import * as v from "valibot";
import type { Cluster } from "./cluster.ts";

const PodList = v.object({
  items: v.array(v.object({
    metadata: v.object({
      name: v.string(),
      uid: v.string(),
      deletionTimestamp: v.optional(v.string()),
    }),
    spec: v.object({ nodeName: v.optional(v.string()) }),
    status: v.object({
      phase: v.string(),
      podIP: v.optional(v.string()),
      conditions: v.optional(v.array(v.object({ type: v.string(), status: v.string() })), []),
    }),
  })),
});

export interface PodSummary {
  readonly name: string;
  readonly uid: string;
  readonly node: string | undefined;
  readonly ip: string | undefined;
  readonly ready: boolean;
  readonly ending: boolean;
}

/** Pods of a workload, by name. */
export async function podsOf(cluster: Cluster, app: string): Promise<readonly PodSummary[]> {
  const text = await cluster.kubectl("get", "pods", `--selector=app=${app}`, "--output=json");
  const { items } = v.parse(PodList, JSON.parse(text));
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName,
    ip: status.podIP,
    ready: status.conditions.some(({ type, status }) => type === "Ready" && status === "True"),
    ending: metadata.deletionTimestamp !== undefined,
  })).toSorted((one, other) => one.name.localeCompare(other.name));
}
