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

const EraValue = v.looseObject({
  era: v.string(),
  /** The store was restored, and not compared yet with what the nodes hold (rule 10). */
  recovering: v.optional(v.looseObject({
    since: v.string(),
    /** `restoring` while the backup is being written. */
    phase: v.picklist(["restoring", "comparing"]),
    from: v.optional(v.string()),
  })),
});
/** What `meta/era` says. */
export type Era = v.InferOutput<typeof EraValue>;

/** @throws {FabricError} `internal` where it is not what we wrote. */
export function parseEra(kv: Pick<KeyValue, "key" | "value">): Era {
  try {
    return v.parse(EraValue, JSON.parse(kv.value));
  } catch (cause) {
    throw new FabricError("internal", `Cannot read ${kv.key}`, {
      field: kv.key,
      remedy: "run fabric-admin check",
      cause,
    });
  }
}

/**
 * Refuses a store that was restored, until it was compared with what the nodes hold.
 *
 * @throws {FabricError} `store-changed`.
 */
export function checkRecovered(kv: Pick<KeyValue, "key" | "value">): void {
  // The path of every ADD: what is not there need not be parsed.
  if (!kv.value.includes('"recovering"')) return;
  const { recovering } = parseEra(kv);
  if (recovering === undefined) return;
  const restoring = recovering.phase === "restoring";
  throw new FabricError(
    "store-changed",
    restoring
      ? `A backup is being restored since ${recovering.since}`
      : `The store was restored at ${recovering.since} and is not recovered yet`,
    {
      remedy: restoring
        ? "wait for fabric-admin restore, or run it again if it was stopped"
        : "compare it with what the nodes hold before pods start: fabric-admin recover",
      details: { recovering },
    },
  );
}

/**
 * Refuses a store that a backup is being written into. Edits are let into one that is compared:
 * a network that nodes use may be missing in the backup.
 *
 * @throws {FabricError} `store-changed`.
 */
export function checkNotRestoring(kv: Pick<KeyValue, "key" | "value">): void {
  if (!kv.value.includes('"restoring"')) return;
  if (parseEra(kv).recovering?.phase === "restoring") checkRecovered(kv);
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
