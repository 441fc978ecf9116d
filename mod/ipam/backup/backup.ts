/**
 * All of the store as it was at one revision, as text, a piece at a time: memory does not grow with
 * the store. What has a lease ends by itself and is left out: tombstones and cooling times.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";
import type { RangeReader } from "../../etcd/bulk/bulk.ts";
import { keysOf } from "../allocate_state.ts";
import { scanWindows, type Snapshot } from "../check/windows.ts";
import { type IpamContext, timestamp } from "../context.ts";
import { META_ERA, META_SCHEMA, PREFIXES } from "../keys.ts";
import { checkRecovered, parseEra } from "../meta.ts";
import { type BackupHead, type BackupTail, openDigest } from "./format.ts";

/** All keys of the store. */
export const EVERYTHING = { key: "\u0001", end: "\u007f" } as const;

export interface BackupOptions {
  readonly reader: RangeReader;
  /** Version of fabric that writes it. */
  readonly version: string;
  /** Gets the text, piece by piece, and is waited for. */
  readonly write: (text: string) => Promise<void> | void;
  readonly onProgress?: (keys: number) => void;
}

export interface BackedUp {
  readonly head: BackupHead;
  readonly tail: BackupTail;
}

const SchemaValue = v.looseObject({ schema: v.number() });
const PIECE = 256 * 1024;

/**
 * Writes a backup.
 *
 * @throws {FabricError} `not-found`: the store is empty; `conflict`: etcd compacted the revision
 * away meanwhile; `store-changed`: a restore is under way; `unavailable`.
 */
export async function backupStore(
  context: IpamContext,
  options: BackupOptions,
): Promise<BackedUp> {
  const { reader, write } = options;
  const head = await readHead(context, options.version);
  const digest = await openDigest();
  const snapshot: Snapshot = { reader, revision: head.revision };
  let piece = `${JSON.stringify(head)}\n`;
  let keys = 0;
  const flush = async (): Promise<void> => {
    digest.update(piece);
    await write(piece);
    piece = "";
    options.onProgress?.(keys);
  };
  for await (const page of scanWindows(snapshot, EVERYTHING)) {
    if (snapshot.revision === undefined) throw compactedAway(head.revision);
    for (const { key, value, modRevision, lease } of page) {
      if (lease !== undefined || key.startsWith(PREFIXES.recover)) continue;
      piece += `${JSON.stringify({ k: key, m: modRevision, v: value })}\n`;
      keys++;
    }
    if (piece.length > PIECE) await flush();
  }
  if (snapshot.revision === undefined) throw compactedAway(head.revision);
  await flush();
  const tail: BackupTail = { end: true, keys, sha256: digest.hex() };
  await write(`${JSON.stringify(tail)}\n`);
  return { head, tail };
}

async function readHead(context: IpamContext, version: string): Promise<BackupHead> {
  const read = await context.store.txn({
    success: [{ range: { key: META_ERA } }, { range: { key: META_SCHEMA } }],
  });
  const [era, schema] = read.results.map((result) => keysOf(result)[0]);
  if (era === undefined || schema === undefined) {
    throw new FabricError("not-found", "The store is empty: there is nothing to back up", {
      remedy: "see that etcd.endpoints and etcd.prefix are those of the nodes",
    });
  }
  // A store that waits for its nodes may be backed up, half of one may not.
  if (parseEra(era).recovering?.phase === "restoring") checkRecovered(era);
  return {
    fabric: "backup",
    v: 1,
    at: timestamp(context),
    clusterId: read.header.clusterId,
    revision: read.header.revision,
    schema: v.parse(SchemaValue, JSON.parse(schema.value)).schema,
    era: parseEra(era).era,
    version,
  };
}

function compactedAway(revision: number): FabricError {
  return new FabricError(
    "conflict",
    `etcd compacted revision ${revision} away while it was being backed up`,
    { remedy: "run it again, or give etcd a longer --auto-compaction-retention" },
  );
}
