/**
 * The objects that the API shows, as schemas: for the description of the API, and for the fields by
 * which lists are filtered and sorted. They are the model's own, put together.
 *
 * @module
 */

import * as v from "valibot";
import { RESOURCE_SCHEMAS } from "../../mod/model/kinds.ts";
import {
  AddressRecordSchema,
  AttachmentRecordSchema,
  HistoryRecordSchema,
  OwnerRecordSchema,
} from "../../mod/model/records.ts";
import { MetadataSchema } from "../../mod/model/resource.ts";
import type { WatchedKind } from "../mirror/kinds.ts";

function recordObject(kind: string, entries: v.ObjectEntries): v.GenericSchema {
  const { v: _, ...spec } = entries;
  return v.looseObject({
    apiVersion: v.string(),
    kind: v.literal(kind),
    metadata: MetadataSchema,
    spec: v.looseObject(spec),
  });
}

/** The objects of each kind. */
export const OBJECT_SCHEMAS: Readonly<Record<WatchedKind, v.GenericSchema>> = {
  physicalnetworks: RESOURCE_SCHEMAS.PhysicalNetwork,
  zones: RESOURCE_SCHEMAS.Zone,
  nodes: RESOURCE_SCHEMAS.Node,
  networks: RESOURCE_SCHEMAS.Network,
  addresses: recordObject("Address", {
    network: v.pipe(v.string(), v.description("Network of the address")),
    address: v.pipe(v.string(), v.description("The address")),
    ...AddressRecordSchema.entries,
  }),
  owners: recordObject("Owner", OwnerRecordSchema.entries),
  attachments: recordObject("Attachment", AttachmentRecordSchema.entries),
  history: recordObject("History", {
    ...HistoryRecordSchema.entries,
    startRevision: v.pipe(v.number(), v.description("Revision of the ADD that began it")),
    endRevision: v.optional(v.pipe(v.number(), v.description("Revision of what ended it"))),
    startsEarlyMs: v.optional(
      v.pipe(v.number(), v.description("It starts so long before its predecessor's end")),
    ),
    certain: v.optional(
      v.pipe(v.boolean(), v.description("False where clocks may deceive about that time")),
    ),
  }),
};

/** The word of `kind` in an object of each kind. */
export const KIND_NAMES: Readonly<Record<WatchedKind, string>> = {
  physicalnetworks: "PhysicalNetwork",
  zones: "Zone",
  nodes: "Node",
  networks: "Network",
  addresses: "Address",
  owners: "Owner",
  attachments: "Attachment",
  history: "History",
};
