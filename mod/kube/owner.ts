/**
 * To which workload a Pod belongs: by its controller references up to the last owner that we may
 * read. The one beyond that is taken by its reference: group, kind and name.
 *
 * @module
 */

import { FabricError, isKind } from "../error.ts";
import type { KubeReader } from "./client.ts";
import {
  controllerOf,
  groupOf,
  type KubePod,
  type KubeWorkload,
  type OwnerReference,
  parseWorkload,
} from "./objects.ts";
import { objectPath, pluralOf } from "./paths.ts";

/** A workload: what addresses belong to. */
export interface Workload {
  readonly group: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Undefined: it is known by its reference alone, or is the Pod itself. */
  readonly object: KubeWorkload | undefined;
}

/** Where a Pod belongs. */
export interface Ownership {
  /** The last owner. */
  readonly workload: Workload;
  /** All that were read, the nearest to the Pod first; the last may be the workload. */
  readonly owners: readonly Workload[];
}

/** A chain of controllers longer than this is a loop, or a mistake. */
const MAX_OWNERS = 8;

/**
 * Finds the workload of the Pod.
 *
 * @throws {FabricError} `try-again`: an owner on the way is gone, so the Pod is about to follow it;
 * those of the client.
 */
export async function resolveOwnership(client: KubeReader, pod: KubePod): Promise<Ownership> {
  const { metadata } = pod;
  const namespace = metadata.namespace ?? "";
  const owners: Workload[] = [];
  let workload: Workload = {
    group: "",
    apiVersion: "v1",
    kind: "Pod",
    namespace,
    name: metadata.name,
    uid: metadata.uid,
    object: undefined,
  };
  let reference = controllerOf(pod);
  for (let level = 0; level < MAX_OWNERS && reference !== undefined; level++) {
    // The mirror of a static Pod belongs to its Node, which is no workload.
    if (reference.kind === "Node" && reference.apiVersion === "v1") break;
    const object = await readOwner(client, { reference, namespace, pod });
    workload = {
      group: groupOf(reference.apiVersion),
      apiVersion: reference.apiVersion,
      kind: reference.kind,
      namespace,
      name: reference.name,
      uid: reference.uid,
      object,
    };
    owners.push(workload);
    reference = object === undefined ? undefined : controllerOf(object);
  }
  return { workload, owners };
}

/** The owner; undefined where we may not read it, or the server does not know its kind. */
async function readOwner(
  client: KubeReader,
  { reference, namespace, pod }: {
    readonly reference: OwnerReference;
    readonly namespace: string;
    readonly pod: KubePod;
  },
): Promise<KubeWorkload | undefined> {
  const plural = await pluralOf(client, reference);
  if (plural === undefined) return undefined;
  const { apiVersion, name } = reference;
  const gone = () =>
    new FabricError(
      "try-again",
      `${reference.kind} ${namespace}/${name}, which owns Pod ${namespace}/${pod.metadata.name}, ` +
        "does not exist any more",
      { remedy: "the Pod is about to be deleted; else delete it" },
    );
  try {
    const answer = await client.get(objectPath({ apiVersion, plural }, { namespace, name }));
    const object = parseWorkload(answer);
    // Made again under the same name: it did not make this Pod.
    if (object.metadata.uid !== reference.uid) throw gone();
    return object;
  } catch (error) {
    if (isKind(error, "forbidden")) return undefined;
    if (!isKind(error, "not-found")) throw error;
    if (error.details["reason"] === "object") throw gone();
    return undefined;
  }
}
