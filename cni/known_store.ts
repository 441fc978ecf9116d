/**
 * What this node knows of the store: its cluster id and the highest revision seen. A store that was
 * replaced or restored from a backup is noticed by it before an ADD writes into it (rule 10 of
 * ARCHITECTURE.md).
 *
 * @module
 */

import * as v from "valibot";
import { readTextIfThere, replaceFile } from "../mod/atomic_file.ts";
import type { Header } from "../mod/etcd/store.ts";

const KnownSchema = v.looseObject({ v: v.number(), clusterId: v.string(), revision: v.number() });

function fileIn(stateDir: string): string {
  return `${stateDir}/store.json`;
}

/** The store as it was last seen; undefined on a node that never saw one. */
export function readKnownStore(stateDir: string): Header | undefined {
  const text = readTextIfThere(fileIn(stateDir));
  if (text === undefined) return undefined;
  const parsed = v.safeParse(KnownSchema, parseJson(text));
  if (!parsed.success) return undefined;
  const { clusterId, revision } = parsed.output;
  return { clusterId, revision };
}

/**
 * Notes what was seen, unless more is known already. Two calls at once may leave the lower of their
 * revisions, which is seen too; so no lock, and no waiting for the disk, is worth its time.
 */
export function rememberStore(
  stateDir: string,
  seen: Header,
  options: { readonly unique: string },
): void {
  const known = readKnownStore(stateDir);
  if (known?.clusterId === seen.clusterId && known.revision >= seen.revision) return;
  const { clusterId, revision } = seen;
  replaceFile(fileIn(stateDir), JSON.stringify({ v: 1, clusterId, revision }), options);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
