/**
 * The records of IPAM as they stand in etcd. Each value is JSON with the schema's number in `v`.
 * Readers keep fields that they do not know (loose objects), and writers that change a record
 * spread what they read, so that a newer version's fields survive an older one's write.
 *
 * @module
 */

import * as v from "valibot";
import { AttachmentRefSchema, HolderSchema, OwnerRefSchema, PodSchema } from "./identity.ts";

/** States of an address that has a record; a free one has none. */
export const ADDRESS_STATES = ["used", "owned", "reserved"] as const;
export type AddressState = typeof ADDRESS_STATES[number];

export const NetworkRefSchema = v.looseObject({ name: v.string(), uid: v.string() });
export type NetworkRef = v.InferOutput<typeof NetworkRefSchema>;

/** `addresses/<network>/{4,6}/<hex>`: the truth about one address. */
export const AddressRecordSchema = v.looseObject({
  v: v.number(),
  state: v.picklist(ADDRESS_STATES),
  /** Allocation id (ULID): new with every holder, and with every reservation. */
  id: v.string(),
  owner: v.optional(OwnerRefSchema),
  holder: v.optional(HolderSchema),
  mac: v.optional(v.string()),
  /** Keys under `uses/` that count it; they go with it. */
  uses: v.optional(v.array(v.string())),
  /** Why it is reserved. */
  reason: v.optional(v.string()),
  /** Writing node's clock, RFC 3339. */
  since: v.string(),
});
export type AddressRecord = v.InferOutput<typeof AddressRecordSchema>;

/**
 * How an address of an owner stands to its holder, while the owner's addresses change under a
 * running sandbox. `next`: the next ADD takes it, nobody holds it yet. `leaving`: the holder keeps
 * it, and its end frees it. Absent: the holder has it, and the next one will.
 */
export const OWNED_STAGES = ["next", "leaving"] as const;
export const OwnedAddressSchema = v.looseObject({
  address: v.string(),
  stage: v.optional(v.picklist(OWNED_STAGES)),
});
/** One address of an owner. */
export type OwnedAddress = v.InferOutput<typeof OwnedAddressSchema>;

/** `owners/<network>/...`: the addresses of both families that belong to one slot. */
export const OwnerRecordSchema = v.looseObject({
  v: v.number(),
  owner: OwnerRefSchema,
  network: NetworkRefSchema,
  addresses: v.array(OwnedAddressSchema),
  mac: v.optional(v.string()),
  /** The holder whose attachment has not ended. */
  holder: v.optional(HolderSchema),
  tenant: v.optional(v.string()),
  /** The pod that had it last: should its sandbox be made anew, it gets the same slot again. */
  last: v.optional(PodSchema),
  /** Seconds that the ownership outlives its workload; `never`: for ever. Default: 600. */
  reclaim: v.optional(v.union([v.number(), v.literal("never")])),
  since: v.string(),
});
export type OwnerRecord = v.InferOutput<typeof OwnerRecordSchema>;

export const AllocatedSchema = v.looseObject({
  /** With the length of its subnet: `10.0.0.5/24`. */
  address: v.string(),
  /** Allocation id. */
  id: v.string(),
  gateway: v.optional(v.string()),
});
/** One address of an attachment. */
export type Allocated = v.InferOutput<typeof AllocatedSchema>;

/** Limits in bit/s, seen from the pod; absent: none. */
export const BandwidthSchema = v.looseObject({
  ingress: v.optional(v.number()),
  egress: v.optional(v.number()),
});
export type Bandwidth = v.InferOutput<typeof BandwidthSchema>;

/** `attachments/<cluster>/<node>/<containerID>/<ifname>`. */
export const AttachmentRecordSchema = v.looseObject({
  v: v.number(),
  ...AttachmentRefSchema.entries,
  /** `name` of the CNI conf: GC touches only what its own conf attached. */
  confName: v.string(),
  pod: v.optional(PodSchema),
  netns: v.string(),
  machineId: v.string(),
  bootId: v.string(),
  network: NetworkRefSchema,
  physicalNetwork: v.string(),
  vlan: v.number(),
  mac: v.string(),
  /** The MAC key belongs to the owner and outlives this attachment. */
  owner: v.optional(OwnerRefSchema),
  addresses: v.array(AllocatedSchema),
  /** What the runtime asked for, so that a lost limit is noticed and can be set again. */
  bandwidth: v.optional(BandwidthSchema),
  since: v.string(),
});
export type AttachmentRecord = v.InferOutput<typeof AttachmentRecordSchema>;

/** `macs/<physical network>/<vlan>/<mac>`. */
export const MacRecordSchema = v.looseObject({
  v: v.number(),
  network: v.string(),
  owner: v.optional(OwnerRefSchema),
  holder: v.optional(AttachmentRefSchema),
});
export type MacRecord = v.InferOutput<typeof MacRecordSchema>;

/** `history/{4,6}/<hex>/<allocation id>`: one interval in which a holder had an address. */
export const HistoryRecordSchema = v.looseObject({
  v: v.number(),
  id: v.string(),
  address: v.string(),
  network: NetworkRefSchema,
  vlan: v.optional(v.number()),
  owner: v.optional(OwnerRefSchema),
  holder: HolderSchema,
  mac: v.optional(v.string()),
  /** Clock of the node that wrote it. */
  start: v.string(),
  end: v.optional(v.string()),
  /** What ended it: del, gc, undo, superseded, repair, released by an administrator. */
  endedBy: v.optional(v.string()),
  /**
   * Written by repair: its revisions tell nothing of when it ended. Allocation ids of the intervals
   * that it overlaps, where it does.
   */
  disputed: v.optional(v.array(v.string())),
});
export type HistoryRecord = v.InferOutput<typeof HistoryRecordSchema>;
