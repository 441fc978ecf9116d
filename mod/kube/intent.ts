/**
 * All that an ADD has to know of its Pod, in one go: the Pod and its Namespace, its owners up to the
 * last that may be read, and what their annotations ask for.
 *
 * @module
 */

import { FabricError, isKind } from "../error.ts";
import { API_GROUP } from "../model/resource.ts";
import { type Layer, readWish, type Wish } from "./annotations.ts";
import type { KubeClient } from "./client.ts";
import { guessOwnerPaths } from "./guess.ts";
import {
  type KubeNamespace,
  type KubePod,
  parseNamespace,
  parsePod,
  templateOf,
} from "./objects.ts";
import { type Ownership, resolveOwnership, type Workload } from "./owner.ts";
import { namespacePath, podPath } from "./paths.ts";
import { type PodSlot, slotOf } from "./slot.ts";

/** A Pod as a runtime names it. */
export interface PodQuery {
  readonly namespace: string;
  readonly name: string;
  /** K8S_POD_UID; undefined: the runtime does not say it. */
  readonly uid: string | undefined;
  readonly ifname: string;
  /** Our node. */
  readonly node: string;
}

/** What Kubernetes says of a Pod. */
export interface PodIntent {
  readonly pod: KubePod;
  readonly namespace: KubeNamespace;
  readonly ownership: Ownership;
  readonly slot: PodSlot;
  readonly wish: Wish;
  /** Network and addresses are what the workload says now; its older Pods may say others. */
  readonly isCurrent: boolean;
  /** The department that the Namespace belongs to: its label `beyondfabric.io/tenant`. */
  readonly tenant: string | undefined;
}

/** Label of a Namespace: who writes Namespaces decides, and not who writes Pods. */
export const TENANT_LABEL = `${API_GROUP}/tenant`;

/** The kubelet writes it on the mirror of a static Pod; it is what the runtime knows as its UID. */
const STATIC_UID = "kubernetes.io/config.hash";

/**
 * Reads the Pod's intent.
 *
 * @throws {FabricError} `conflict` with `details.reason` `pod` (it is gone, is another one of that
 * name, or belongs on another node), `invalid` (an annotation), `try-again`, those of the client.
 */
export async function readPodIntent(client: KubeClient, query: PodQuery): Promise<PodIntent> {
  const reading = Promise.all([
    readPod(client, query),
    client.get(namespacePath(query.namespace)).then(parseNamespace),
  ]);
  const ahead = new Map(guessOwnerPaths(query).map((path) => [path, client.get(path)]));
  // Whose guess was wrong is asked for by nobody.
  for (const guessed of ahead.values()) guessed.catch(() => {});
  const [pod, namespace] = await reading;
  checkIdentity(pod, query);
  const ownership = await resolveOwnership({
    get: (path) => ahead.get(path) ?? client.get(path),
  }, pod);
  const wish = readWish(layersOf({ pod, namespace, ownership }), query.ifname);
  return {
    pod,
    namespace,
    ownership,
    slot: slotOf(pod, { workload: ownership.workload, node: query.node }),
    wish,
    isCurrent: isCurrent(wish, { pod, ownership }),
    tenant: namespace.metadata.labels[TENANT_LABEL],
  };
}

/**
 * A Pod keeps the annotations of the template that it was made of. Of a workload that cannot be read
 * nobody knows whether its template says the same by now.
 */
function isCurrent(
  { networks, ips }: Wish,
  { pod, ownership: { workload: { object } } }: Pick<PodIntent, "pod" | "ownership">,
): boolean {
  const template = object === undefined ? undefined : templateOf(object)?.metadata?.annotations;
  return [networks, ips].every((origin) => {
    if (origin === undefined) return true;
    const text = pod.metadata.annotations[origin.annotation];
    return text === undefined || text === template?.[origin.annotation];
  });
}

async function readPod(client: KubeClient, query: PodQuery): Promise<KubePod> {
  try {
    return parsePod(await client.get(podPath(query)));
  } catch (error) {
    if (!isKind(error, "not-found") || error.details["reason"] !== "object") throw error;
    throw podFault(`Pod ${query.namespace}/${query.name} does not exist in Kubernetes`, error);
  }
}

function checkIdentity({ metadata, spec }: KubePod, query: PodQuery): void {
  const name = `Pod ${query.namespace}/${query.name}`;
  const { uid } = query;
  if (
    uid !== undefined && uid !== metadata.uid && uid !== metadata.annotations[STATIC_UID]
  ) {
    throw podFault(`${name} was deleted and made again: its UID is ${metadata.uid}, not ${uid}`);
  }
  if (spec.nodeName !== undefined && spec.nodeName !== query.node) {
    throw podFault(
      `${name} belongs on node ${spec.nodeName}, and this node is ${query.node}`,
      undefined,
      "set node in the node's configuration to its name in Kubernetes",
    );
  }
}

function podFault(message: string, cause?: unknown, remedy?: string): FabricError {
  return new FabricError("conflict", message, {
    remedy: remedy ?? "the runtime deletes the sandbox",
    details: { reason: "pod" },
    cause,
  });
}

/** The objects whose annotations count, the nearest first. */
function layersOf(
  { pod, namespace, ownership }: Pick<PodIntent, "pod" | "namespace" | "ownership">,
): readonly Layer[] {
  const { name } = pod.metadata;
  return [
    { object: `Pod ${namespace.metadata.name}/${name}`, annotations: pod.metadata.annotations },
    ...ownership.owners.flatMap((owner, index) => ownerLayers(owner, ownership.owners[index + 1])),
    {
      object: `Namespace ${namespace.metadata.name}`,
      annotations: namespace.metadata.annotations,
    },
  ];
}

/**
 * A Deployment copies its own annotations to its ReplicaSets, and old ones keep old copies: only
 * the original counts.
 */
function ownerLayers(owner: Workload, next: Workload | undefined): readonly Layer[] {
  const { object } = owner;
  if (object === undefined) return [];
  if (owner.kind === "ReplicaSet" && next?.kind === "Deployment") return [];
  const name = `${owner.kind} ${owner.namespace}/${owner.name}`;
  const template = templateOf(object)?.metadata?.annotations;
  return [
    ...(template === undefined
      ? []
      : [{ object: `the Pod template of ${name}`, annotations: template }]),
    { object: name, annotations: object.metadata.annotations },
  ];
}
