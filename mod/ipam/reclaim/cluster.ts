/**
 * Whether the API server that answers is that of our cluster. The UID of its namespace kube-system
 * is kept under `clusters/` from the first time on; another one, a restored or an empty API server
 * says nothing about our workloads.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";
import type { KubeClient } from "../../kube/client.ts";
import { parseNamespace } from "../../kube/objects.ts";
import { namespacePath } from "../../kube/paths.ts";
import type { IpamContext } from "../context.ts";
import { timestamp } from "../context.ts";
import { clusterKey } from "../keys.ts";
import { decodeRecord, encodeRecord } from "../stored.ts";

const ClusterSchema = v.looseObject({ v: v.number(), uid: v.string(), since: v.string() });

/**
 * Makes sure that the server is the cluster's.
 *
 * @throws {FabricError} `conflict` with `details.reason` `cluster`; those of client and store.
 */
export async function checkCluster(
  context: IpamContext,
  client: KubeClient,
  cluster: string,
): Promise<void> {
  const answer = parseNamespace(await client.get(namespacePath("kube-system")));
  const { uid } = answer.metadata;
  const key = clusterKey(cluster);
  const { kvs: [kv] } = await context.store.range({ key });
  const known = kv === undefined ? undefined : decodeRecord(ClusterSchema, kv).uid;
  // A cluster that is named by a UID has that one.
  const expected = known ??
    (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(cluster) ? cluster : undefined);
  if (expected !== undefined && expected !== uid) {
    throw new FabricError(
      "conflict",
      `The API server is that of another cluster: kube-system has UID ${uid}, ` +
        `and that of cluster ${cluster} is ${expected}`,
      {
        field: "kubernetes.kubeconfig",
        value: uid,
        remedy: "name the API server of this cluster",
        details: { reason: "cluster" },
      },
    );
  }
  if (known !== undefined) return;
  await context.store.txn({
    compare: [{ key, target: "create", op: "=", revision: 0 }],
    success: [{ put: key, value: encodeRecord({ uid, since: timestamp(context) }) }],
  });
}
