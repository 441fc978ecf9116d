/**
 * A backup as text: JSON lines. The first says of which store, one follows for each key, and the
 * last one how many there are and the SHA-256 of all lines before it.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../../error.ts";

const HeadSchema = v.looseObject({
  fabric: v.literal("backup"),
  v: v.literal(1),
  /** RFC 3339. */
  at: v.string(),
  clusterId: v.string(),
  /** Every key is as it was at this revision. */
  revision: v.number(),
  /** `meta/schema`. */
  schema: v.number(),
  era: v.string(),
  /** Version of fabric that wrote it. */
  version: v.string(),
});
/** The first line. */
export type BackupHead = v.InferOutput<typeof HeadSchema>;

const KeySchema = v.object({
  /** Without the store's prefix. */
  k: v.string(),
  /** Mod revision: what was written together has one. */
  m: v.number(),
  v: v.string(),
});
/** A line of a key. */
export type BackupKey = v.InferOutput<typeof KeySchema>;

const TailSchema = v.object({ end: v.literal(true), keys: v.number(), sha256: v.string() });
/** The last line. */
export type BackupTail = v.InferOutput<typeof TailSchema>;

/** SHA-256 of text that comes in parts. */
export interface Digest {
  update(text: string): void;
  hex(): string;
}

/** A digest; loaded when it is needed, since only backups need it. */
export async function openDigest(): Promise<Digest> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  return { update: (text) => void hash.update(text, "utf8"), hex: () => hash.digest("hex") };
}

/** @throws {FabricError} `invalid`, naming the line. */
export function damaged(line: number, why: string, cause?: unknown): FabricError {
  return new FabricError("invalid", `Line ${line} of the backup: ${why}`, {
    field: "FILE",
    value: String(line),
    remedy: "use another backup; this one is damaged, cut off, or none",
    cause,
  });
}

function parse<T>(
  schema: v.GenericSchema<unknown, T>,
  { text, line }: { readonly text: string; readonly line: number },
): T | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged(line, "it is no JSON", cause);
  }
  const result = v.safeParse(schema, json);
  return result.success ? result.output : undefined;
}

/** What a whole and undamaged backup says of itself. */
export interface Verified {
  readonly head: BackupHead;
  readonly tail: BackupTail;
}

/**
 * Reads a backup to its end, and gives each key to the callback.
 *
 * @throws {FabricError} `invalid`: damaged, cut off, or no backup.
 */
export async function readBackup(
  lines: AsyncIterable<string>,
  onKey: (key: BackupKey) => Promise<void> | void,
): Promise<Verified> {
  const digest = await openDigest();
  let head: BackupHead | undefined;
  let tail: BackupTail | undefined;
  let keys = 0;
  let line = 0;
  for await (const text of lines) {
    line++;
    if (tail !== undefined) throw damaged(line, "something follows the end");
    if (head === undefined) {
      head = parse(HeadSchema, { text, line });
      if (head === undefined) throw damaged(line, "it is not that of a backup of fabric");
      digest.update(`${text}\n`);
      continue;
    }
    const key = parse(KeySchema, { text, line });
    if (key !== undefined) {
      digest.update(`${text}\n`);
      keys++;
      await onKey(key);
      continue;
    }
    tail = parse(TailSchema, { text, line });
    if (tail === undefined) throw damaged(line, "it is neither a key nor the end");
  }
  if (head === undefined || tail === undefined) throw damaged(line + 1, "the end is missing");
  if (tail.keys !== keys) throw damaged(line, `it says ${tail.keys} keys, there are ${keys}`);
  if (tail.sha256 !== digest.hex()) throw damaged(line, "the checksum is another one");
  return { head, tail };
}
