/**
 * What a pod has, found by lookup. Of addresses that belong to nobody the history by owner leads
 * from the pod's name to the intervals that last; of others the name of a pod says which workloads
 * of Kubernetes may have made it, and their owners say who holds them. Both name the sandbox.
 *
 * @module
 */

import { readPages } from "../etcd/pages.ts";
import { type KeyValue, type Operation, type Store, underPrefix } from "../etcd/store.ts";
import type { Holder } from "../model/identity.ts";
import { OwnerRecordSchema } from "../model/records.ts";
import { keysOf } from "./allocate_state.ts";
import { newestIntervals } from "./history.ts";
import {
  attachmentKey,
  escapeSegment,
  historyByWorkloadPrefix,
  PREFIXES,
  unescapeSegment,
  workloadOwnerPrefix,
} from "./keys.ts";
import { listNames } from "./kinds.ts";
import { decodeRecord } from "./stored.ts";

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
 * The attachments of the pod: all interfaces of each sandbox that is found. Empty where there is
 * none, and where its addresses belong to a workload that no name tells: only reading all
 * attachments tells these two apart.
 */
export async function attachmentsOfPod(
  store: Store,
  query: PodQuery,
): Promise<readonly KeyValue[]> {
  const [alone, owned] = await Promise.all([
    holdersAlone(store, query),
    holdersOwned(store, query),
  ]);
  const sandboxes = new Set(
    [...alone, ...owned].filter((holder) => isPod(holder, query)).map(
      (holder) => {
        const key = attachmentKey(holder);
        return key.slice(0, key.lastIndexOf("/") + 1);
      },
    ),
  );
  return await readTogether(store, [...sandboxes]);
}

function isPod({ pod }: Holder, { namespace, name }: PodQuery): boolean {
  return pod?.namespace === namespace && pod.name === name;
}

/** Holders of what belongs to nobody. */
async function holdersAlone(
  store: Store,
  { namespace, name, clusters }: PodQuery,
): Promise<readonly Holder[]> {
  const found = await Promise.all(clusters.map((cluster) => {
    const workload = { cluster, group: "", kind: "Pod", namespace, name };
    return newestIntervals(store, historyByWorkloadPrefix(workload), NEWEST);
  }));
  return found.flat().filter(({ record }) => record.end === undefined).map(({ record }) =>
    record.holder
  );
}

/** Holders of what belongs to a workload that the pod's name tells. */
async function holdersOwned(
  store: Store,
  { namespace, name, clusters }: PodQuery,
): Promise<readonly Holder[]> {
  const networks = await listNames(store, "Network");
  const prefixes = clusters.flatMap((cluster) =>
    workloadsOf(name).flatMap(({ slot, ...workload }) =>
      networks.map((network) => {
        const prefix = workloadOwnerPrefix(network, { cluster, namespace, ...workload });
        return slot === undefined ? prefix : `${prefix}${escapeSegment(slot)}/`;
      })
    )
  );
  const kvs = await readTogether(store, prefixes);
  return kvs.flatMap((kv) => decodeRecord(OwnerRecordSchema, kv).holder ?? []);
}

/** Ranges of one transaction, and transactions that are under way together. */
const RANGES = 100;
const TRANSACTIONS = 8;

/** All keys under the prefixes. */
async function readTogether(
  store: Store,
  prefixes: readonly string[],
): Promise<readonly KeyValue[]> {
  const found: KeyValue[] = [];
  const transaction = async (at: number): Promise<readonly KeyValue[]> => {
    const success = prefixes.slice(at, at + RANGES).map((prefix): Operation => ({
      range: underPrefix(prefix),
    }));
    return (await store.txn({ success })).results.flatMap(keysOf);
  };
  for (let i = 0; i < prefixes.length; i += RANGES * TRANSACTIONS) {
    const starts = Array.from({ length: TRANSACTIONS }, (_, j) => i + j * RANGES)
      .filter((at) => at < prefixes.length);
    found.push(...(await Promise.all(starts.map(transaction))).flat());
  }
  return found;
}

interface Candidate {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly slot?: string;
}

/** Workloads that may have made a pod of this name, by the names that their controllers give. */
function workloadsOf(pod: string): readonly Candidate[] {
  const [, set, slot] = /^(.+)-(\d+)$/.exec(pod) ?? [];
  const [, one] = /^(.+)-[a-z0-9]{5}$/.exec(pod) ?? [];
  const [, two] = /^(.+)-[a-z0-9]{1,10}-[a-z0-9]{5}$/.exec(pod) ?? [];
  return [
    { group: "", kind: "Pod", name: pod },
    ...set === undefined || slot === undefined
      ? []
      : [{ group: "apps", kind: "StatefulSet", name: set, slot }],
    ...one === undefined ? [] : [
      { group: "apps", kind: "DaemonSet", name: one },
      { group: "apps", kind: "ReplicaSet", name: one },
      { group: "batch", kind: "Job", name: one },
    ],
    ...two === undefined ? [] : [
      { group: "apps", kind: "Deployment", name: two },
      { group: "batch", kind: "CronJob", name: two },
    ],
  ];
}
