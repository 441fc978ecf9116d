/**
 * `get --watch`: what is there, and from then on a line per change. It goes on when etcd compacts
 * what it has not read yet, and while no endpoint answers; what happened meanwhile is told then.
 *
 * @module
 */

import { FabricError, isKind } from "../mod/error.ts";
import { isCompacted, readPages } from "../mod/etcd/pages.ts";
import type { KeyValue, WatchEvent } from "../mod/etcd/store.ts";
import type { KindItem, Source, Watched } from "./kind.ts";

/** What happened to an object. */
export type ChangeType = "ADDED" | "MODIFIED" | "DELETED";

/** A change of a watched object. */
export interface Change {
  readonly type: ChangeType;
  /** As it is now; of what is gone, as it was last seen. */
  readonly item: KindItem;
  /** The last one for the moment. */
  readonly isLast: boolean;
}

/** Between two tries to reach etcd. */
const RETRY_MS = 1000;

/** Values of what the filter leaves, to say of what is gone how it was. */
type Known = Map<string, KeyValue>;

export interface WatchOptions {
  /** Only items that it accepts. */
  readonly selects: (item: KindItem) => boolean;
  /** Told once per time that etcd cannot be reached. */
  readonly onLost: (error: FabricError) => void;
  readonly signal?: AbortSignal;
}

/**
 * The objects that are there, then their changes, until the signal ends it.
 *
 * @throws {FabricError} those of the first list; later ones are waited out.
 */
export async function* watchObjects(
  source: Source,
  watched: Watched,
  options: WatchOptions,
): AsyncGenerator<Change> {
  const { store } = source;
  const known: Known = new Map();
  const read = reader(source, watched, options);
  let next: number | undefined;
  let hasBegun = false;
  let isLost = false;
  while (options.signal?.aborted !== true) {
    try {
      if (next === undefined) {
        next = (yield* catchUp(source, { watched, known, read })) + 1;
        hasBegun = true;
      }
      isLost = false;
      const { signal } = options;
      const request = { ...watched.range, startRevision: next, previous: true };
      for await (const batch of store.watch({ ...request, ...signal && { signal } })) {
        isLost = false;
        next = batch.revision + 1;
        yield* marked(batch.events.flatMap((event) => changeOf(event, { known, read })));
      }
    } catch (error) {
      if (isCompacted(error)) next = undefined;
      else if (hasBegun && isKind(error, "unavailable", "unknown-outcome")) {
        if (!isLost) options.onLost(error);
        isLost = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      } else throw error;
    }
  }
}

function* marked(changes: readonly Omit<Change, "isLast">[]): Iterable<Change> {
  for (const [i, change] of changes.entries()) {
    yield { ...change, isLast: i === changes.length - 1 };
  }
}

type Read = (kv: KeyValue) => KindItem | undefined;

/** Reads what the filter and the selector leave; what cannot be read is told of. */
function reader(source: Source, watched: Watched, { selects }: WatchOptions): Read {
  return (kv) => {
    try {
      const item = watched.read(kv);
      return item !== undefined && selects(item) ? item : undefined;
    } catch (error) {
      if (!isKind(error, "schema", "internal", "invalid")) throw error;
      source.onDamage(error);
      return undefined;
    }
  };
}

interface Seen {
  readonly known: Known;
  readonly read: Read;
}

/** Everything that differs from what is known, a page at a time; returns the revision read. */
async function* catchUp(
  { store }: Source,
  { watched, known, read }: Seen & { readonly watched: Watched },
): AsyncGenerator<Change, number> {
  const { header } = await store.range({ ...watched.range, countOnly: true });
  const { revision } = header;
  const gone = new Set(known.keys());
  for await (const page of readPages(store, watched.range, { revision })) {
    for (const { key } of page) gone.delete(key);
    yield* marked(page.flatMap((kv) => {
      const previous = known.get(kv.key);
      return changeOf({ type: "put", kv, previous }, { known, read });
    }));
  }
  const ended = [...gone].map((key): WatchEvent => ({
    type: "delete",
    key,
    modRevision: Infinity,
    previous: undefined,
  }));
  yield* marked(ended.flatMap((event) => changeOf(event, { known, read })));
  return revision;
}

/** The change that an event is for what the filter leaves; none where it never left it. */
function changeOf(
  event: WatchEvent,
  { known, read }: Seen,
): readonly Omit<Change, "isLast">[] {
  const key = event.type === "put" ? event.kv.key : event.key;
  const before = known.get(key);
  const { modRevision } = event.type === "put" ? event.kv : event;
  // Told already: what was read a second time, or is older than what was read.
  if (before !== undefined && before.modRevision >= modRevision) return [];
  const item = event.type === "put" ? read(event.kv) : undefined;
  if (event.type === "put" && item !== undefined) {
    known.set(key, event.kv);
    return [{ type: before === undefined ? "ADDED" : "MODIFIED", item }];
  }
  known.delete(key);
  const last = before === undefined ? undefined : read(before);
  return last === undefined ? [] : [{ type: "DELETED", item: last }];
}
