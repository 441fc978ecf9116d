/**
 * Paths of the API server, and the plural names in them.
 *
 * @module
 */

import * as v from "valibot";
import { isKind } from "../error.ts";
import type { KubeReader } from "./client.ts";

/** A kind as a reference names it. */
export interface KindName {
  /** `apps/v1`, or `v1`. */
  readonly apiVersion: string;
  readonly kind: string;
}

/** Kinds that everybody has; others are looked up (discovery). */
const PLURALS: Readonly<Record<string, string>> = {
  "v1/Pod": "pods",
  "v1/Namespace": "namespaces",
  "v1/Node": "nodes",
  "v1/ReplicationController": "replicationcontrollers",
  "apps/v1/ReplicaSet": "replicasets",
  "apps/v1/Deployment": "deployments",
  "apps/v1/StatefulSet": "statefulsets",
  "apps/v1/DaemonSet": "daemonsets",
  "batch/v1/Job": "jobs",
  "batch/v1/CronJob": "cronjobs",
};

const ResourceList = v.looseObject({
  resources: v.array(v.looseObject({
    name: v.string(),
    kind: v.string(),
    namespaced: v.boolean(),
  })),
});

/** `/api/v1`, `/apis/apps/v1`. */
export function groupPath(apiVersion: string): string {
  return apiVersion.includes("/")
    ? `/apis/${apiVersion.split("/").map(encodeURIComponent).join("/")}`
    : `/api/${encodeURIComponent(apiVersion)}`;
}

/** Path of a namespaced object. */
export function objectPath(
  { apiVersion, plural }: { readonly apiVersion: string; readonly plural: string },
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string {
  return `${groupPath(apiVersion)}/namespaces/${encodeURIComponent(namespace)}/${plural}/` +
    encodeURIComponent(name);
}

export function podPath(pod: { readonly namespace: string; readonly name: string }): string {
  return objectPath({ apiVersion: "v1", plural: "pods" }, pod);
}

export function namespacePath(name: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(name)}`;
}

export function nodePath(name: string): string {
  return `/api/v1/nodes/${encodeURIComponent(name)}`;
}

/**
 * The plural of a namespaced kind; undefined where the server has none, has it without namespaces,
 * or does not let us look.
 */
export async function pluralOf(
  client: KubeReader,
  { apiVersion, kind }: KindName,
): Promise<string | undefined> {
  const known = PLURALS[`${apiVersion}/${kind}`];
  if (known !== undefined) return known;
  try {
    const { resources } = v.parse(ResourceList, await client.get(groupPath(apiVersion)));
    return resources.find((it) => it.kind === kind && it.namespaced && !it.name.includes("/"))
      ?.name;
  } catch (error) {
    if (isKind(error, "not-found", "forbidden")) return undefined;
    throw error;
  }
}
