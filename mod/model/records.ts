/**
 * The records of IPAM as they stand in etcd. Each value is JSON with the schema's number in `v`.
 * Readers keep fields that they do not know (loose objects), and writers that change a record
 * spread what they read, so that a newer version's fields survive an older one's write.
 *
 * @module
 */

import * as v from "valibot";
import { described } from "./described.ts";
import { AttachmentRefSchema, HolderSchema, OwnerRefSchema, PodSchema } from "./identity.ts";

/** States of an address that has a record; a free one has none. */
export const ADDRESS_STATES = ["used", "owned", "reserved"] as const;
export type AddressState = typeof ADDRESS_STATES[number];

export const NetworkRefSchema = v.looseObject({
  name: described(v.string(), "Name of the network"),
  uid: described(v.string(), "Unique over time: another network of the name has another"),
});
export type NetworkRef = v.InferOutput<typeof NetworkRefSchema>;

/** `addresses/<network>/{4,6}/<hex>`: the truth about one address. */
export const AddressRecordSchema = v.looseObject({
  v: v.number(),
  state: described(
    v.picklist(ADDRESS_STATES),
    "used: somebody holds it; owned: kept for its owner; reserved: for something outside",
  ),
  id: described(
    v.string(),
    "Allocation id (ULID): new with every holder, and with every reservation",
  ),
  owner: v.optional(
    described(OwnerRefSchema, "To whom it belongs; an ephemeral address belongs to nobody"),
  ),
  holder: v.optional(described(HolderSchema, "The sandbox that uses it now")),
  mac: v.optional(described(v.string(), "MAC that goes with it")),
  /** Keys under `uses/` that count it; they go with it. */
  uses: v.optional(described(v.array(v.string()), "Keys that count it against quotas")),
  reason: v.optional(described(v.string(), "Why it is reserved")),
  since: described(v.string(), "Clock of the node that wrote it (RFC 3339)"),
});
export type AddressRecord = v.InferOutput<typeof AddressRecordSchema>;

/**
 * How an address of an owner stands to its holder, while the owner's addresses change under a
 * running sandbox. `next`: the next ADD takes it, nobody holds it yet. `leaving`: the holder keeps
 * it, and its end frees it. Absent: the holder has it, and the next one will.
 */
export const OWNED_STAGES = ["next", "leaving"] as const;
export const OwnedAddressSchema = v.looseObject({
  address: described(v.string(), "The address"),
  stage: v.optional(
    described(
      v.picklist(OWNED_STAGES),
      "next: the next ADD takes it; leaving: the end of the holder frees it",
    ),
  ),
});
/** One address of an owner. */
export type OwnedAddress = v.InferOutput<typeof OwnedAddressSchema>;

/** `owners/<network>/...`: the addresses of both families that belong to one slot. */
export const OwnerRecordSchema = v.looseObject({
  v: v.number(),
  owner: described(OwnerRefSchema, "The slot of the workload"),
  network: described(NetworkRefSchema, "Network of the addresses"),
  addresses: described(v.array(OwnedAddressSchema), "Its addresses, of both families"),
  mac: v.optional(described(v.string(), "MAC that goes with them")),
  /** The holder whose attachment has not ended. */
  holder: v.optional(described(HolderSchema, "The sandbox that has them and has not ended")),
  tenant: v.optional(described(v.string(), "Tenant (department) of the workload")),
  /** The pod that had it last: should its sandbox be made anew, it gets the same slot again. */
  last: v.optional(described(PodSchema, "The pod that had them last")),
  /** Seconds that the ownership outlives its workload; `never`: for ever. Default: 600. */
  reclaim: v.optional(
    described(
      v.union([v.number(), v.literal("never")]),
      "Seconds that the ownership outlives its workload, or never",
    ),
  ),
  since: described(v.string(), "Clock of the node that wrote it (RFC 3339)"),
});
export type OwnerRecord = v.InferOutput<typeof OwnerRecordSchema>;

export const AllocatedSchema = v.looseObject({
  address: described(v.string(), "With the length of its subnet: 10.0.0.5/24"),
  id: described(v.string(), "Allocation id"),
  gateway: v.optional(described(v.string(), "Gateway of its subnet")),
});
/** One address of an attachment. */
export type Allocated = v.InferOutput<typeof AllocatedSchema>;

/** Limits in bit/s, seen from the pod; absent: none. */
export const BandwidthSchema = v.looseObject({
  ingress: v.optional(described(v.number(), "To the pod, bit/s")),
  egress: v.optional(described(v.number(), "From the pod, bit/s")),
});
export type Bandwidth = v.InferOutput<typeof BandwidthSchema>;

/** `attachments/<cluster>/<node>/<containerID>/<ifname>`. */
export const AttachmentRecordSchema = v.looseObject({
  v: v.number(),
  ...AttachmentRefSchema.entries,
  /** `name` of the CNI conf: GC touches only what its own conf attached. */
  confName: described(v.string(), "Name of the CNI configuration that attached it"),
  pod: v.optional(described(PodSchema, "The pod of the sandbox")),
  netns: described(v.string(), "Path of the sandbox's network namespace"),
  machineId: described(v.string(), "machine-id of the host"),
  bootId: described(v.string(), "Boot of the host that it belongs to"),
  network: described(NetworkRefSchema, "Its network"),
  physicalNetwork: described(v.string(), "Physical network of the segment"),
  vlan: described(v.number(), "VLAN of the segment; 0: untagged"),
  mac: described(v.string(), "MAC of the interface"),
  /** The MAC key belongs to the owner and outlives this attachment. */
  owner: v.optional(described(OwnerRefSchema, "To whom its addresses belong")),
  addresses: described(v.array(AllocatedSchema), "Its addresses, of both families"),
  bandwidth: v.optional(described(BandwidthSchema, "Limits that the runtime asked for")),
  since: described(v.string(), "Clock of the node that wrote it (RFC 3339)"),
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
  id: described(v.string(), "Allocation id"),
  address: described(v.string(), "The address"),
  network: described(NetworkRefSchema, "Its network then"),
  vlan: v.optional(described(v.number(), "VLAN of the segment then")),
  owner: v.optional(described(OwnerRefSchema, "To whom it belonged")),
  holder: described(HolderSchema, "The sandbox that had it"),
  mac: v.optional(described(v.string(), "MAC that it had")),
  start: described(v.string(), "Clock of the node that wrote it (RFC 3339)"),
  end: v.optional(described(v.string(), "Clock of the node that wrote it; absent: it lasts")),
  endedBy: v.optional(described(v.string(), "del, gc, undo, superseded, repair, or admin")),
  /**
   * Written by repair: its revisions tell nothing of when it ended. Allocation ids of the intervals
   * that it overlaps, where it does.
   */
  disputed: v.optional(
    described(
      v.array(v.string()),
      "Allocation ids of intervals that it overlaps, where repair wrote it",
    ),
  ),
});
export type HistoryRecord = v.InferOutput<typeof HistoryRecordSchema>;
