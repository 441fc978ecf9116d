/**
 * The records of IPAM as objects: the shape in which people and programs read them, with a name
 * that is unique within the kind and the revision of the last change.
 *
 * @module
 */

import type { KeyValue } from "../etcd/store.ts";
import { formatAddress } from "../ip/address.ts";
import {
  type AddressRecord,
  AddressRecordSchema,
  type AttachmentRecord,
  AttachmentRecordSchema,
  type HistoryRecord,
  type OwnerRecord,
} from "../model/records.ts";
import type { OwnerRef } from "../model/identity.ts";
import { API_VERSION, type Resource } from "../model/resource.ts";
import { type Holding, type Interval, intervalOf } from "./history.ts";
import { parseAddressKey } from "./keys.ts";
import { decodeRecord } from "./stored.ts";

// The records are open to fields that this version does not know: a rest keeps them, Omit does not.
function addressBody({ v: _, ...body }: AddressRecord) {
  return body;
}
function ownerBody({ v: _, ...body }: OwnerRecord) {
  return body;
}
function attachmentBody({ v: _, ...body }: AttachmentRecord) {
  return body;
}
function historyBody({ v: _, ...body }: HistoryRecord) {
  return body;
}

/** Enough of a KeyValue to make an object of it. */
export type StoredRecord = Pick<KeyValue, "key" | "value" | "modRevision">;

/** One address that has a record. */
export type AddressObject = Resource<
  "Address",
  ReturnType<typeof addressBody> & { readonly network: string; readonly address: string }
>;

/** The slot of a workload with its addresses. */
export type OwnerObject = Resource<"Owner", ReturnType<typeof ownerBody>>;

/** One interface of one sandbox on one node. */
export type AttachmentObject = Resource<"Attachment", ReturnType<typeof attachmentBody>>;

/** One interval in which a holder had an address, and what etcd says of it. */
export type HistoryObject = Resource<
  "History",
  ReturnType<typeof historyBody> & {
    readonly startRevision: number;
    readonly endRevision?: number;
    readonly startsEarlyMs?: number;
    readonly certain?: boolean;
  }
>;

/** The object of an address's record; `modRevision` is that of its key. */
export function addressObject(
  record: AddressRecord,
  at: { readonly network: string; readonly address: string; readonly modRevision: number },
): AddressObject {
  return {
    apiVersion: API_VERSION,
    kind: "Address",
    metadata: {
      name: `${at.network}/${at.address}`,
      creationTimestamp: record.since,
      resourceVersion: String(at.modRevision),
    },
    spec: { network: at.network, address: at.address, ...addressBody(record) },
  };
}

/** @throws {FabricError} as `decodeRecord`. */
export function decodeAddress(kv: StoredRecord): AddressObject {
  const { network, address } = parseAddressKey(kv.key);
  return addressObject(decodeRecord(AddressRecordSchema, kv), {
    network,
    address: formatAddress(address),
    modRevision: kv.modRevision,
  });
}

/** `Deployment.apps`, `Pod`: kind and group in one word. */
export function qualifiedOwnerKind({ kind, group }: Pick<OwnerRef, "kind" | "group">): string {
  return group === "" ? kind : `${kind}.${group}`;
}

/** The object of an owner's record. */
export function ownerObject(record: OwnerRecord, modRevision: number): OwnerObject {
  const { cluster, namespace, name, slot, ifname } = record.owner;
  const kind = qualifiedOwnerKind(record.owner);
  return {
    apiVersion: API_VERSION,
    kind: "Owner",
    metadata: {
      name: [record.network.name, cluster, kind, namespace, name, slot, ifname].join("/"),
      creationTimestamp: record.since,
      resourceVersion: String(modRevision),
    },
    spec: ownerBody(record),
  };
}

/** @throws {FabricError} as `decodeRecord`. */
export function decodeAttachment(kv: StoredRecord): AttachmentObject {
  const body = attachmentBody(decodeRecord(AttachmentRecordSchema, kv));
  return {
    apiVersion: API_VERSION,
    kind: "Attachment",
    metadata: {
      name: `${body.cluster}/${body.node}/${body.containerId}/${body.ifname}`,
      creationTimestamp: body.since,
      resourceVersion: String(kv.modRevision),
    },
    spec: body,
  };
}

/** The object of an interval, with how it answers a question about a time where it was one. */
export function historyObject(interval: Interval | Holding): HistoryObject {
  const body = historyBody(interval.record);
  return {
    apiVersion: API_VERSION,
    kind: "History",
    metadata: {
      name: `${body.address}/${body.id}`,
      creationTimestamp: body.start,
      resourceVersion: String(interval.endRevision ?? interval.startRevision),
    },
    spec: {
      ...body,
      startRevision: interval.startRevision,
      ...(interval.endRevision === undefined ? {} : { endRevision: interval.endRevision }),
      ...(interval.startsEarlyMs === 0 ? {} : { startsEarlyMs: interval.startsEarlyMs }),
      ...("certain" in interval ? { certain: interval.certain } : {}),
    },
  };
}

/** @throws {FabricError} as `decodeRecord`. */
export function decodeHistory(kv: KeyValue): HistoryObject {
  return historyObject(intervalOf(kv));
}
