/**
 * Rule 10: a store that was replaced, or restored from a backup, is noticed by what was known of it.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Header } from "../etcd/store.ts";

/**
 * False when what answered cannot be the store that was known before it was asked: it has another
 * cluster id, or went back in time.
 */
export function isSameStore(known: Header, seen: Header): boolean {
  return known.clusterId === seen.clusterId && seen.revision >= known.revision;
}

/** The error that stops ADDs at such a store. */
export function storeChanged(known: Header, seen: Header): FabricError {
  const what = known.clusterId === seen.clusterId
    ? `its revision is ${seen.revision}, this node saw ${known.revision}`
    : `its cluster id is ${seen.clusterId}, this node knew ${known.clusterId}`;
  return new FabricError("store-changed", `etcd was replaced or restored: ${what}`, {
    remedy: "compare the store with what the nodes hold before pods start: fabric-admin recover",
    details: { known, seen },
  });
}

const Seen = v.object({ clusterId: v.string(), revision: v.number() });

/** What was seen, when the error is that of {@linkcode storeChanged}. */
export function seenInstead(error: FabricError): Header | undefined {
  if (error.kind !== "store-changed") return undefined;
  const parsed = v.safeParse(Seen, error.details["seen"]);
  return parsed.success ? parsed.output : undefined;
}
