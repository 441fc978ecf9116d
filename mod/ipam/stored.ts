/**
 * How values stand in etcd: JSON with the schema's number in `v`. Old and new versions of fabric
 * live together during an upgrade, so a reader of schema N also reads N-1, and keeps the fields
 * that it does not know.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { KeyValue } from "../etcd/store.ts";
import { RESOURCE_SCHEMAS, type WrittenKind, type WrittenResource } from "../model/kinds.ts";

/** The schema that this version writes; it reads this one and the one before. */
export const SCHEMA = 1;

type Fields = Readonly<Record<string, unknown>>;

/** A schema as a reader knows it. */
export interface SchemaVersion {
  /** N: what this version writes. */
  readonly current: number;
  /** Makes an N of an N-1; absent: they have the same shape. */
  readonly upgrade?: (previous: Fields) => Fields;
}

const CURRENT: SchemaVersion = { current: SCHEMA };

export interface DecodeOptions {
  /** Default: the schema of this version. */
  readonly version?: SchemaVersion;
  /** Reads what it can of any schema: for DEL and GC, which never refuse on it. Default false. */
  readonly anySchema?: boolean;
}

/** What a key holds; enough of a KeyValue to decode it. */
export type Stored = Pick<KeyValue, "key" | "value">;

/**
 * Parses a record, upgraded to this version's schema, with the fields that it does not know.
 *
 * @throws {FabricError} `schema`: written by a newer version, or older than N-1.
 * @throws {FabricError} `internal`: not JSON, or not of this shape.
 */
export function decodeRecord<T>(
  schema: v.GenericSchema<unknown, T>,
  stored: Stored,
  options: DecodeOptions = {},
): T {
  return parseShape(schema, stored.key, readFields(stored, options));
}

/** The text of a record. Its `v` is what the record says, else this version's schema. */
export function encodeRecord(record: Fields): string {
  return JSON.stringify({ v: SCHEMA, ...record });
}

/**
 * Parses a document of an administrator; `metadata.resourceVersion` is the key's mod revision.
 *
 * @throws {FabricError} as {@linkcode decodeRecord}.
 */
export function decodeResource<K extends WrittenKind>(
  stored: Stored & Pick<KeyValue, "modRevision">,
  kind: K,
  options: DecodeOptions = {},
): WrittenResource<K> {
  const { v: _, ...fields } = readFields(stored, options);
  const metadata = isFields(fields.metadata) ? fields.metadata : {};
  return parseShape(RESOURCE_SCHEMAS[kind], stored.key, {
    ...fields,
    metadata: { ...metadata, resourceVersion: String(stored.modRevision) },
  });
}

/** The text of a document: its fields less `metadata.resourceVersion`, which etcd keeps. */
export function encodeResource(resource: WrittenResource): string {
  const { resourceVersion: _, ...metadata } = resource.metadata;
  return encodeRecord({ ...resource, metadata });
}

function readFields(stored: Stored, options: DecodeOptions): Fields {
  const { current, upgrade } = options.version ?? CURRENT;
  const fields = parseJson(stored);
  const found = fields.v;
  if (typeof found !== "number" || !Number.isInteger(found)) {
    throw broken(stored.key, "it has no schema number");
  }
  if (found === current) return fields;
  if (found === current - 1) return { ...(upgrade?.(fields) ?? fields), v: current };
  if (options.anySchema === true) return fields;
  const [what, remedy] = found > current
    ? ["newer", "upgrade fabric on this host"]
    : ["older", `migrate the store with a version of fabric that reads schema ${found}`];
  throw new FabricError(
    "schema",
    `Cannot read ${stored.key}: it has schema ${found}, ${what} than this version reads ` +
      `(${current - 1} and ${current})`,
    {
      field: stored.key,
      value: String(found),
      remedy,
      details: { key: stored.key, found, current },
    },
  );
}

function parseJson(stored: Stored): Fields {
  let json: unknown;
  try {
    json = JSON.parse(stored.value);
  } catch (cause) {
    throw broken(stored.key, "it is not JSON", cause);
  }
  if (!isFields(json)) throw broken(stored.key, "it is not a JSON object");
  return json;
}

function parseShape<T>(schema: v.GenericSchema<unknown, T>, key: string, fields: Fields): T {
  const result = v.safeParse(schema, fields, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw broken(key, `${v.getDotPath(issue) ?? "value"}: ${issue.message}`);
}

function broken(key: string, why: string, cause?: unknown): FabricError {
  return new FabricError("internal", `Cannot read ${key}: ${why}`, {
    field: key,
    remedy: "run fabric-admin check",
    details: { key },
    cause,
  });
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
