/**
 * What all kinds have in common: the shape that kubectl made familiar.
 *
 * @module
 */

import * as v from "valibot";
import { described } from "./described.ts";

export const API_GROUP = "beyondfabric.io";
export const API_VERSION = `${API_GROUP}/v1alpha1`;

/** Kinds that administrators write, and the records that IPAM writes. */
export const KINDS = [
  "PhysicalNetwork",
  "Zone",
  "Node",
  "Network",
  "Address",
  "Owner",
  "Attachment",
  "History",
] as const;

export type Kind = typeof KINDS[number];

const Labels = v.record(v.string(), v.string());

export const MetadataSchema = v.looseObject({
  name: described(v.string(), "Name, unique within the kind: a DNS-1123 label or subdomain"),
  labels: v.optional(described(Labels, "Labels for selection with -l")),
  annotations: v.optional(described(Labels, "Notes for people and tools; never interpreted")),
  uid: v.optional(described(v.string(), "Unique over time; given at creation")),
  creationTimestamp: v.optional(described(v.string(), "Given at creation (RFC 3339, UTC)")),
  resourceVersion: v.optional(
    described(v.string(), "Revision of the store at the last change; sent back, it guards an edit"),
  ),
});

export type Metadata = v.InferOutput<typeof MetadataSchema>;

/** An object of a kind as users write and read it. */
export interface Resource<K extends Kind = Kind, Spec = unknown, Status = unknown> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: Spec;
  readonly status?: Status | undefined;
}
