/**
 * The table of kinds that administrators write: what their documents look like.
 *
 * @module
 */

import * as v from "valibot";
import {
  type Network,
  NetworkSpecSchema,
  type Node,
  NodeSpecSchema,
  NodeStatusSchema,
  type PhysicalNetwork,
  PhysicalNetworkSpecSchema,
  type Zone,
  ZoneSpecSchema,
} from "./network.ts";
import { MetadataSchema } from "./resource.ts";

/** The documents of the kinds, by kind. */
export interface ResourceByKind {
  readonly PhysicalNetwork: PhysicalNetwork;
  readonly Zone: Zone;
  readonly Node: Node;
  readonly Network: Network;
}

/** Kinds that administrators write, in the order in which one set of documents is applied. */
export const WRITTEN_KINDS = ["PhysicalNetwork", "Zone", "Node", "Network"] as const;

/** A kind that administrators write. */
export type WrittenKind = keyof ResourceByKind;

/** A document of the kind, or of any of the four. */
export type WrittenResource<K extends WrittenKind = WrittenKind> = ResourceByKind[K];

const envelope = { apiVersion: v.string(), metadata: MetadataSchema };

/**
 * The documents whole, lenient about unknown fields. Typed by hand, so that the kind chosen at run
 * time gives the right type.
 */
export const RESOURCE_SCHEMAS: {
  readonly [K in WrittenKind]: v.GenericSchema<unknown, ResourceByKind[K]>;
} = {
  PhysicalNetwork: v.looseObject({
    ...envelope,
    kind: v.literal("PhysicalNetwork"),
    spec: PhysicalNetworkSpecSchema,
    status: v.optional(v.unknown()),
  }),
  Zone: v.looseObject({
    ...envelope,
    kind: v.literal("Zone"),
    spec: ZoneSpecSchema,
    status: v.optional(v.unknown()),
  }),
  Node: v.looseObject({
    ...envelope,
    kind: v.literal("Node"),
    spec: NodeSpecSchema,
    status: v.optional(NodeStatusSchema),
  }),
  Network: v.looseObject({
    ...envelope,
    kind: v.literal("Network"),
    spec: NetworkSpecSchema,
    status: v.optional(v.unknown()),
  }),
};
