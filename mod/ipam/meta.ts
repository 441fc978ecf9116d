/**
 * What the store says of itself: the schema it is written in and its era (rules 10 and 12).
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Compare, KeyValue, Operation } from "../etcd/store.ts";
import { META_ERA, META_SCHEMA } from "./keys.ts";
import { SCHEMA } from "./stored.ts";

const SchemaValue = v.looseObject({ schema: v.number() });

/**
 * Refuses a store whose schema this version cannot read.
 *
 * @throws {FabricError} `schema`.
 */
export function checkStoreSchema(kv: Pick<KeyValue, "key" | "value">): void {
  const { schema } = v.parse(SchemaValue, JSON.parse(kv.value));
  if (schema <= SCHEMA) return;
  throw new FabricError("schema", `The store has schema ${schema}, this version reads ${SCHEMA}`, {
    value: String(schema),
    remedy: "upgrade fabric on this node",
  });
}

/** Holds where the store was never initialised. */
export const STORE_IS_NEW: Compare = { key: META_ERA, target: "create", op: "=", revision: 0 };

/** Writes schema and era into a new store; `era` is a fresh ULID. */
export function initialiseStore(era: string): readonly Operation[] {
  return [
    { put: META_SCHEMA, value: JSON.stringify({ schema: SCHEMA }) },
    { put: META_ERA, value: JSON.stringify({ era }) },
  ];
}
