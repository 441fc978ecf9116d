/**
 * Up to where the history left this store: nothing newer is ever trimmed.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Header, Store } from "../etcd/store.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { META_EXPORTED } from "./keys.ts";
import { decodeRecord, encodeRecord } from "./stored.ts";

const ExportedSchema = v.looseObject({
  v: v.number(),
  /** Revisions of another etcd cluster mean nothing here. */
  clusterId: v.string(),
  /** Every state of the history up to this revision is in an export. */
  revision: v.number(),
  at: v.optional(v.string()),
});

/** What the store says. */
export interface Exported {
  /** 0 where nothing was exported from this etcd cluster. */
  readonly revision: number;
  /** The key's mod revision, 0 where it is missing. */
  readonly modRevision: number;
  readonly header: Header;
}

export async function readExported(store: Store): Promise<Exported> {
  const { header, kvs } = await store.range({ key: META_EXPORTED });
  const kv = kvs[0];
  if (kv === undefined) return { revision: 0, modRevision: 0, header };
  const value = decodeRecord(ExportedSchema, kv);
  // After a restore into a new cluster the old revisions would declare new records exported.
  const revision = value.clusterId === header.clusterId ? value.revision : 0;
  return { revision, modRevision: kv.modRevision, header };
}

/**
 * Says that everything up to `through` is exported.
 *
 * @throws {FabricError} `conflict` when another export ended since `before` was read.
 */
export async function writeExported(
  context: IpamContext,
  before: Exported,
  through: number,
): Promise<void> {
  const value = encodeRecord({
    clusterId: before.header.clusterId,
    revision: through,
    at: timestamp(context),
  });
  const { succeeded } = await context.store.txn({
    compare: [{ key: META_EXPORTED, target: "mod", op: "=", revision: before.modRevision }],
    success: [{ put: META_EXPORTED, value }],
  });
  if (succeeded) return;
  throw new FabricError("conflict", "Another export of the history ended meanwhile", {
    remedy: "export again into a new file: records of this one may have been trimmed",
  });
}
