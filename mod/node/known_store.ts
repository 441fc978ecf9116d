/**
 * What this node knows of the store: its cluster id and the highest revision seen. A store that was
 * replaced or restored from a backup is noticed by it before an ADD writes into it (rule 10 of
 * ARCHITECTURE.md), and stays noticed: its revision soon is higher than the one that was known.
 *
 * @module
 */

import * as v from "valibot";
import { readTextIfThere, replaceFile } from "../atomic_file.ts";
import type { Header } from "../etcd/store.ts";
import { isSameStore } from "../ipam/known.ts";

const HeaderSchema = v.object({ clusterId: v.string(), revision: v.number() });
const KnownSchema = v.looseObject({
  v: v.number(),
  ...HeaderSchema.entries,
  changed: v.optional(HeaderSchema),
});

export interface KnownStore extends Header {
  /** What answered in its place. No ADD writes there until an administrator says that it may. */
  readonly changed?: Header;
}

/** Where it is kept. */
export function knownStoreFile(stateDir: string): string {
  return `${stateDir}/store.json`;
}

/** The store as it was last seen; undefined on a node that never saw one. */
export function readKnownStore(stateDir: string): KnownStore | undefined {
  const text = readTextIfThere(knownStoreFile(stateDir));
  if (text === undefined) return undefined;
  const parsed = v.safeParse(KnownSchema, parseJson(text));
  if (!parsed.success) return undefined;
  const { clusterId, revision, changed } = parsed.output;
  return { clusterId, revision, ...(changed === undefined ? {} : { changed }) };
}

/**
 * Notes what was seen, unless more is known already. Two calls at once may leave the lower of their
 * revisions, which is seen too; so no lock, and no waiting for the disk, is worth its time.
 *
 * @param seen An answer to what was asked after `before` was read: only then can it tell that the
 * store is another one.
 */
export function rememberStore(
  stateDir: string,
  seen: Header,
  options: { readonly before: KnownStore | undefined; readonly unique: string },
): void {
  const { before, unique } = options;
  const known = readKnownStore(stateDir) ?? before;
  if (known?.changed !== undefined) return;
  const { clusterId, revision } = seen;
  if (before !== undefined && !isSameStore(before, seen)) {
    return write(stateDir, { ...before, changed: { clusterId, revision } }, unique);
  }
  // Another call has seen more meanwhile.
  if (known !== undefined && (known.clusterId !== clusterId || known.revision >= revision)) return;
  write(stateDir, { clusterId, revision }, unique);
}

/**
 * Takes the store for the one that this node knows from now on, whatever it knew before: an
 * administrator compares them (`recover`).
 */
export function acceptStore(
  stateDir: string,
  { clusterId, revision }: Header,
  unique: string,
): void {
  write(stateDir, { clusterId, revision }, unique);
}

function write(stateDir: string, known: KnownStore, unique: string): void {
  replaceFile(knownStoreFile(stateDir), JSON.stringify({ v: 1, ...known }), { unique });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
