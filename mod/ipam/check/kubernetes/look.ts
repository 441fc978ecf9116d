/**
 * One look at both sides: what Kubernetes says of its Pods, and what the store has for them. The
 * store is read before the Pods, so that what ends in between is seen as ended by neither.
 *
 * @module
 */

import { readPages } from "../../../etcd/pages.ts";
import { underPrefix } from "../../../etcd/store.ts";
import type { KubeClient } from "../../../kube/client.ts";
import { listObjects } from "../../../kube/list.ts";
import {
  type KubeNamespace,
  type KubePod,
  type KubeWorkload,
  parseNamespace,
  parsePod,
  parseWorkload,
} from "../../../kube/objects.ts";
import {
  type AttachmentRecord,
  AttachmentRecordSchema,
  type OwnerRecord,
  OwnerRecordSchema,
} from "../../../model/records.ts";
import type { WorkloadRef } from "../../../model/identity.ts";
import type { IpamContext } from "../../context.ts";
import { escapeSegment, PREFIXES, unescapeSegment } from "../../keys.ts";
import { presenceOf } from "../../reclaim/presence.ts";
import { decodeRecord } from "../../stored.ts";

/** A record with its key and the revision at which it was seen. */
export interface Recorded<T> {
  readonly key: string;
  readonly modRevision: number;
  readonly record: T;
}

/** Both sides at about one time. */
export interface Look {
  readonly cluster: string;
  readonly attachments: readonly Recorded<AttachmentRecord>[];
  readonly owners: readonly Recorded<OwnerRecord>[];
  readonly networks: ReadonlySet<string>;
  readonly pods: readonly KubePod[];
  readonly namespaces: readonly KubeNamespace[];
  readonly deployments: readonly KubeWorkload[];
  /** Owners without a holder whose workload is gone, by key. */
  readonly gone: ReadonlySet<string>;
}

/**
 * Looks.
 *
 * @throws {FabricError} Those of the store and the client.
 */
export async function lookAtBoth(
  { store }: Pick<IpamContext, "store">,
  { client, cluster }: { readonly client: KubeClient; readonly cluster: string },
): Promise<Look> {
  const read = async <T>(
    prefix: string,
    decode: (kv: Parameters<typeof decodeRecord>[1]) => T,
  ): Promise<readonly Recorded<T>[]> => {
    const all: Recorded<T>[] = [];
    for await (const page of readPages(store, underPrefix(prefix))) {
      for (const kv of page) {
        const { key, modRevision } = kv;
        try {
          all.push({ key, modRevision, record: decode(kv) });
        } catch {
          // The check of the store finds what cannot be read.
        }
      }
    }
    return all;
  };
  const attachments = await read(
    `${PREFIXES.attachments}${escapeSegment(cluster)}/`,
    (kv) => decodeRecord(AttachmentRecordSchema, kv),
  );
  const owners = (await read(PREFIXES.owners, (kv) => decodeRecord(OwnerRecordSchema, kv)))
    .filter(({ record }) => record.owner.cluster === cluster);
  const networks = new Set<string>();
  for await (
    const page of readPages(store, underPrefix(PREFIXES.networks), { keysOnly: true })
  ) {
    for (const { key } of page) networks.add(unescapeSegment(key.split("/")[1] ?? ""));
  }
  return {
    cluster,
    attachments,
    owners,
    networks,
    pods: await Array.fromAsync(listObjects(client, "/api/v1/pods", parsePod)),
    namespaces: await Array.fromAsync(listObjects(client, "/api/v1/namespaces", parseNamespace)),
    deployments: await Array.fromAsync(
      listObjects(client, "/apis/apps/v1/deployments", parseWorkload),
    ),
    gone: await goneOwners(client, owners),
  };
}

async function goneOwners(
  client: KubeClient,
  owners: readonly Recorded<OwnerRecord>[],
): Promise<ReadonlySet<string>> {
  const presences = new Map<string, Promise<boolean>>();
  const isGone = (workload: WorkloadRef): Promise<boolean> => {
    const { group, kind, namespace, name } = workload;
    const key = [group, kind, namespace, name].join("/");
    const known = presences.get(key) ??
      presenceOf(client, workload).then((presence) => presence === "gone");
    presences.set(key, known);
    return known;
  };
  const gone = new Set<string>();
  for (const { key, record } of owners) {
    if (record.holder === undefined && await isGone(record.owner)) gone.add(key);
  }
  return gone;
}
