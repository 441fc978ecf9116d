/**
 * What findings about declared objects have in common.
 *
 * @module
 */

import { isCompacted } from "../../etcd/pages.ts";
import type { KeyValue } from "../../etcd/store.ts";
import type { WrittenKind, WrittenResource } from "../../model/kinds.ts";
import { META_EDIT, PREFIXES } from "../keys.ts";
import { describeRef } from "../kinds.ts";
import { ORDER } from "../repair/action.ts";
import { ifAt, storeAction, type StoreChanges } from "../repair/store_action.ts";
import { SCHEMA } from "../stored.ts";
import type { Evidence, Finding, Kind } from "./finding.ts";
import type { Snapshot } from "./windows.ts";
import type { Declared, World } from "./world.ts";

/** What they are found with. */
export interface DeclaredInput {
  readonly snapshot: Snapshot;
  readonly world: World;
  readonly now: () => number;
}

export type AnyDeclared = Declared<WrittenKind>;

/** `Network pods`, `Node local/n1`. */
export function wordsOf({ kind, name, kv }: AnyDeclared): string {
  const cluster = kv.key.slice(PREFIXES.nodes.length).split("/")[0];
  return describeRef({ kind, name, cluster });
}

/** An edit by repair: like every edit it stands in line at `meta/edit` (rule 11). */
export function asEdit(
  { world, now }: Pick<DeclaredInput, "world" | "now">,
  changes: StoreChanges,
): StoreChanges {
  const { claim, modRevision } = world.edit;
  const at = new Date(now()).toISOString();
  const value = { v: SCHEMA, at, ...(claim === undefined ? {} : { claim }) };
  return {
    compare: [ifAt(META_EDIT, modRevision), ...changes.compare],
    changes: [...changes.changes, { put: META_EDIT, value: JSON.stringify(value) }],
  };
}

/** A finding, with the change that mends it. */
export interface Row {
  readonly kind: Kind;
  readonly object: string;
  readonly detail: string;
  readonly evidence: readonly Evidence[];
  readonly repair?: StoreChanges & { readonly steps: readonly string[] };
}

/** The finding of a row. */
export function rowFinding({ repair, ...row }: Row): Finding {
  const subject = { code: row.kind.code, object: row.object };
  if (repair === undefined) return row;
  return { ...row, action: storeAction({ ...repair, subject, order: ORDER.base }) };
}

/** The key as it was at the revision; undefined where etcd has forgotten. */
export async function pastKey(
  { reader }: Snapshot,
  key: string,
  revision: number,
): Promise<KeyValue | undefined> {
  if (revision < 1) return undefined;
  try {
    return (await reader.range({ key, revision })).kvs[0];
  } catch (error) {
    if (!isCompacted(error)) throw error;
    return undefined;
  }
}

/** Networks that can be read. */
export function readable(world: World): readonly (Declared<"Network"> & {
  readonly resource: WrittenResource<"Network">;
})[] {
  return world.networks.flatMap((declared) =>
    declared.resource === undefined ? [] : [{ ...declared, resource: declared.resource }]
  );
}
