/**
 * What the console reads of the API, by the model's own schemas.
 *
 * @module
 */

import * as v from "valibot";
import { HolderSchema, OwnerRefSchema } from "../../../../mod/model/identity.ts";
import { RESOURCE_SCHEMAS } from "../../../../mod/model/kinds.ts";
import {
  AddressRecordSchema,
  AttachmentRecordSchema,
  HistoryRecordSchema,
  OwnerRecordSchema,
} from "../../../../mod/model/records.ts";
import { MetadataSchema } from "../../../../mod/model/resource.ts";
import { type Ask, ask } from "./request.ts";

export type { Network, Node, PhysicalNetwork, Zone } from "../../../../mod/model/network.ts";
export type { Holder, OwnerRef } from "../../../../mod/model/identity.ts";

const { v: _address, ...addressFields } = AddressRecordSchema.entries;
const { v: _owner, ...ownerFields } = OwnerRecordSchema.entries;
const { v: _history, ...historyFields } = HistoryRecordSchema.entries;
const { v: _attachment, ...attachmentFields } = AttachmentRecordSchema.entries;

export const AddressSchema = v.looseObject({
  metadata: MetadataSchema,
  spec: v.looseObject({ network: v.string(), address: v.string(), ...addressFields }),
});
export type AddressItem = v.InferOutput<typeof AddressSchema>;

export const OwnerSchema = v.looseObject({
  metadata: MetadataSchema,
  spec: v.looseObject(ownerFields),
});
export type OwnerItem = v.InferOutput<typeof OwnerSchema>;

export const HistorySchema = v.looseObject({
  metadata: MetadataSchema,
  spec: v.looseObject({
    ...historyFields,
    startRevision: v.optional(v.number()),
    certain: v.optional(v.boolean()),
  }),
});
export type HistoryItem = v.InferOutput<typeof HistorySchema>;

export const AttachmentSchema = v.looseObject({
  metadata: MetadataSchema,
  spec: v.looseObject(attachmentFields),
});
export type AttachmentItem = v.InferOutput<typeof AttachmentSchema>;

export const NetworkSchema = RESOURCE_SCHEMAS.Network;
export const NodeSchema = RESOURCE_SCHEMAS.Node;
export const ZoneSchema = RESOURCE_SCHEMAS.Zone;
export const PhysicalNetworkSchema = RESOURCE_SCHEMAS.PhysicalNetwork;
export { HolderSchema, OwnerRefSchema };

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
  readonly total: number | undefined;
}

/** One page. */
export async function askPage<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  options: Ask = {},
): Promise<Page<T>> {
  const list = v.looseObject({
    metadata: v.looseObject({
      continue: v.optional(v.string()),
      total: v.optional(v.number()),
    }),
    items: v.array(schema),
  });
  const { metadata, items } = await ask(path, list, options);
  return { items, next: metadata.continue, total: metadata.total };
}

/** All pages; `onPage` is told what there is so far, so that a long list can be shown early. */
export async function askAll<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  { onPage, ...options }: Ask & { readonly onPage?: (items: readonly T[]) => void } = {},
): Promise<readonly T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const page: Page<T> = await askPage(path, schema, {
      ...options,
      query: { limit: 5000, ...options.query, continue: next },
    });
    items.push(...page.items);
    next = page.next;
    if (next !== undefined) onPage?.([...items]);
  } while (next !== undefined);
  return items;
}
