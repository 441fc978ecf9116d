/**
 * Changes from events that carry what stood there before: of etcd's own history, for watches that
 * go on behind what the mirror remembers.
 *
 * @module
 */

import { type FabricError, isKind } from "../../mod/error.ts";
import type { KeyValue, WatchBatch } from "../../mod/etcd/store.ts";
import type { Change } from "./change_log.ts";
import {
  type ApiObject,
  type Decoders,
  MIRRORED,
  type MirroredKind,
  OBJECTS,
  PASSED_OBJECTS,
  PREFIX_OF,
  WATCHED,
  type WatchedKind,
} from "./kinds.ts";

/** What `read` gives, once; undefined, and told, where a value cannot be read. */
export function readOr<T>(onDamage: (error: FabricError) => void, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isKind(error, "schema", "internal", "invalid")) throw error;
    onDamage(error);
    return undefined;
  }
}

/** Calls `make` at the first call, and gives the same from then on. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** The changes of a batch whose events have `previous`. */
export function changesOf(
  { revision, events }: WatchBatch,
  options: { readonly decode: Decoders; readonly onDamage: (error: FabricError) => void },
): readonly Change[] {
  return events.flatMap((event, index): readonly Change[] => {
    const fullKey = event.type === "put" ? event.kv.key : event.key;
    const kind = WATCHED.find((one) => fullKey.startsWith(PREFIX_OF[one]));
    if (kind === undefined) return [];
    const show = (kv: KeyValue | undefined): ApiObject | undefined =>
      kv === undefined
        ? undefined
        : readOr(options.onDamage, () => objectOf(kind, kv, options.decode));
    return [{
      revision,
      index,
      kind,
      key: fullKey.slice(PREFIX_OF[kind].length),
      object: once(() => show(event.type === "put" ? event.kv : undefined)),
      before: once(() => show(event.previous)),
      takeBack: () => {},
    }];
  });
}

function objectOf(kind: WatchedKind, kv: KeyValue, decode: Decoders): ApiObject {
  if (kind === "attachments" || kind === "history") return PASSED_OBJECTS[kind](kv);
  return keptObject(kind, kv, decode);
}

function keptObject<K extends MirroredKind>(kind: K, kv: KeyValue, decode: Decoders): ApiObject {
  return OBJECTS[kind]({ value: decode[kind](kv), revision: kv.modRevision });
}

/** The kind that keeps the key; undefined: none does. */
export function keptKind(key: string): MirroredKind | undefined {
  return MIRRORED.find((kind) => key.startsWith(PREFIX_OF[kind]));
}
