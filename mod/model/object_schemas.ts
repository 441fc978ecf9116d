/**
 * The objects of all kinds as users see them, each as one schema: for `explain`, for the description
 * of the API, and for the fields by which lists are filtered and sorted.
 *
 * @module
 */

import * as v from "valibot";
import { described } from "./described.ts";
import { RESOURCE_SCHEMAS } from "./kinds.ts";
import {
  AddressRecordSchema,
  AttachmentRecordSchema,
  HistoryRecordSchema,
  OwnerRecordSchema,
} from "./records.ts";
import { type Kind, MetadataSchema } from "./resource.ts";

/** The object of a record: less the number of its schema, which is the store's. */
function recordObject(kind: Kind, entries: v.ObjectEntries): v.GenericSchema {
  const { v: _, ...spec } = entries;
  return v.looseObject({
    apiVersion: v.string(),
    kind: v.literal(kind),
    metadata: MetadataSchema,
    spec: v.looseObject(spec),
  });
}

/** The schemas by kind. */
export const OBJECT_SCHEMAS: Readonly<Record<Kind, v.GenericSchema>> = {
  ...RESOURCE_SCHEMAS,
  Address: recordObject("Address", {
    network: described(v.string(), "Network of the address"),
    address: described(v.string(), "The address"),
    ...AddressRecordSchema.entries,
  }),
  Owner: recordObject("Owner", OwnerRecordSchema.entries),
  Attachment: recordObject("Attachment", AttachmentRecordSchema.entries),
  History: recordObject("History", {
    ...HistoryRecordSchema.entries,
    startRevision: described(v.number(), "Revision of the ADD that began it"),
    endRevision: v.optional(described(v.number(), "Revision of what ended it")),
    startsEarlyMs: v.optional(
      described(v.number(), "It starts so long before its predecessor's end"),
    ),
    certain: v.optional(
      described(v.boolean(), "False where clocks may deceive about that time"),
    ),
  }),
};
