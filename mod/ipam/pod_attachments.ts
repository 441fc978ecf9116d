/**
 * What a pod has, found by lookup: the history by owner leads from the name of a pod, or of the
 * StatefulSet that it is a part of, to the intervals that last, and these name the sandbox.
 *
 * @module
 */

import { readPages } from "../etcd/pages.ts";
import { type KeyValue, type Operation, type Store, underPrefix } from "../etcd/store.ts";
import { keysOf } from "./allocate_state.ts";
import { newestIntervals } from "./history.ts";
import {
  attachmentKey,
  escapeSegment,
  historyByWorkloadPrefix,
  PREFIXES,
  unescapeSegment,
} from "./keys.ts";

/** A pod by the name that people know. */
export interface PodQuery {
  readonly namespace: string;
  readonly name: string;
  /** Clusters to look in: equal names in two of them are two pods. */
  readonly clusters: readonly string[];
}

/** Intervals of a pod that are looked at: those that last are among the newest. */
const NEWEST = 30;

/** The clusters that have nodes, from their keys alone. */
export async function clusterNames(store: Store): Promise<readonly string[]> {
  const clusters = new Set<string>();
  const pages = readPages(store, underPrefix(PREFIXES.nodes), { keysOnly: true });
  for await (const page of pages) {
    for (const { key } of page) clusters.add(unescapeSegment(key.split("/")[1] ?? ""));
  }
  return [...clusters];
}

/**
 * The attachments of the pod: all interfaces of each sandbox that has an address by the pod's own
 * name, or by that of its StatefulSet. Empty where there is none, and where an owner of another kind
 * has all of its addresses: only reading all attachments tells these two apart.
 */
export async function attachmentsOfPod(
  store: Store,
  { namespace, name, clusters }: PodQuery,
): Promise<readonly KeyValue[]> {
  const sandboxes = new Set<string>();
  for (const cluster of clusters) {
    for (const prefix of prefixesOf({ cluster, namespace, name })) {
      for (const { record } of await newestIntervals(store, prefix, NEWEST)) {
        const { pod } = record.holder;
        if (record.end !== undefined || pod?.namespace !== namespace || pod.name !== name) continue;
        const key = attachmentKey(record.holder);
        sandboxes.add(key.slice(0, key.lastIndexOf("/") + 1));
      }
    }
  }
  const success = [...sandboxes].map((prefix): Operation => ({ range: underPrefix(prefix) }));
  if (success.length === 0) return [];
  const { results } = await store.txn({ success });
  return results.flatMap(keysOf);
}

function prefixesOf(
  { cluster, namespace, name }: Omit<PodQuery, "clusters"> & { readonly cluster: string },
): readonly string[] {
  const pod = historyByWorkloadPrefix({ cluster, group: "", kind: "Pod", namespace, name });
  const set = /^(.+)-(\d+)$/.exec(name);
  if (set?.[1] === undefined || set[2] === undefined) return [pod];
  const workload = { cluster, group: "apps", kind: "StatefulSet", namespace, name: set[1] };
  return [pod, `${historyByWorkloadPrefix(workload)}${escapeSegment(set[2])}/`];
}
