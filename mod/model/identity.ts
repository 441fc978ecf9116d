/**
 * Who has an address: the owner it belongs to, and the holder that uses it now. No name of a node,
 * pod or workload means anything without its cluster.
 *
 * @module
 */

import * as v from "valibot";
import { described } from "./described.ts";

/** The cluster of hosts without Kubernetes. */
export const LOCAL_CLUSTER = "local";

export const PodSchema = v.looseObject({
  namespace: described(v.string(), "Namespace of the pod"),
  name: described(v.string(), "Name of the pod"),
  uid: v.optional(described(v.string(), "UID of the pod, as the runtime gave it")),
});
/** The pod of a sandbox, as the runtime named it. For information and history, never identity. */
export type Pod = v.InferOutput<typeof PodSchema>;

export const OwnerRefSchema = v.looseObject({
  cluster: described(v.string(), "Cluster of the workload"),
  group: described(v.string(), "API group; empty: the core group"),
  kind: described(v.string(), "Kind of the workload"),
  namespace: described(v.string(), "Namespace of the workload"),
  name: described(v.string(), "Name of the workload"),
  slot: described(
    v.string(),
    "Ordinal of a StatefulSet, slot of a Deployment, node of a DaemonSet; 0 for one of a kind",
  ),
  ifname: described(v.string(), "Interface"),
});
/** To whom an address belongs: one slot of a workload, and one of its interfaces. */
export type OwnerRef = v.InferOutput<typeof OwnerRefSchema>;

/** A workload: an owner without slot and interface. */
export type WorkloadRef = Pick<OwnerRef, "cluster" | "group" | "kind" | "namespace" | "name">;

/** `Deployment.apps shop/web`; the core group is left out. */
export function formatWorkload({ group, kind, namespace, name }: WorkloadRef): string {
  return `${group === "" ? kind : `${kind}.${group}`} ${namespace}/${name}`;
}

export const AttachmentRefSchema = v.looseObject({
  cluster: described(v.string(), "Cluster of the node"),
  node: described(v.string(), "Name of the node"),
  containerId: described(v.string(), "Container id of the sandbox"),
  ifname: described(v.string(), "Name of the interface inside"),
});
/** One interface of one sandbox on one node. */
export type AttachmentRef = v.InferOutput<typeof AttachmentRefSchema>;

export const HolderSchema = v.looseObject({
  ...AttachmentRefSchema.entries,
  pod: v.optional(described(PodSchema, "The pod of the sandbox")),
});
/** The sandbox that uses an address now. */
export type Holder = v.InferOutput<typeof HolderSchema>;

/** `cluster/group/Kind/namespace/name/slot/ifname` for people; empty parts are left out. */
export function formatOwner(owner: OwnerRef): string {
  const group = owner.group === "" ? owner.kind : `${owner.kind}.${owner.group}`;
  return `${group} ${owner.namespace}/${owner.name} slot ${owner.slot} ${owner.ifname}`;
}

/** `namespace/name` of the pod, else the container, and where it runs; for people. */
export function formatHolder(holder: Holder): string {
  const who = holder.pod === undefined
    ? `container ${shortId(holder.containerId)}`
    : `pod ${holder.pod.namespace}/${holder.pod.name}`;
  return `${who} (${holder.ifname}) on node ${holder.cluster}/${holder.node}`;
}

/** Hexadecimal ids are cut as container runtimes show them; names stay whole. */
export function shortId(containerId: string): string {
  return /^[0-9a-f]{32,}$/.test(containerId) ? containerId.slice(0, 12) : containerId;
}

/** All fields that name an owner are equal. */
export function sameOwner(a: OwnerRef, b: OwnerRef): boolean {
  return a.cluster === b.cluster && a.group === b.group && a.kind === b.kind &&
    a.namespace === b.namespace && a.name === b.name && a.slot === b.slot && a.ifname === b.ifname;
}

export function sameAttachment(a: AttachmentRef, b: AttachmentRef): boolean {
  return a.cluster === b.cluster && a.node === b.node && a.containerId === b.containerId &&
    a.ifname === b.ifname;
}
