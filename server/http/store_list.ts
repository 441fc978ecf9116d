/**
 * A page of objects that the mirror does not keep: read from etcd in the order of its keys, all
 * pages at one revision.
 *
 * @module
 */

import type { KeyRange, KeyValue, Store } from "../../mod/etcd/store.ts";
import { isCompacted } from "../../mod/etcd/pages.ts";
import type { FabricError } from "../../mod/error.ts";
import type { ApiObject } from "../mirror/kinds.ts";
import { readOr } from "../mirror/changes_of.ts";
import { httpError } from "./http_error.ts";
import { type ListBody, listBody, objectSatisfies } from "./list.ts";
import { formatCursor, type ListQuery, pickFields } from "./list_query.ts";

export interface StoreList {
  /** The word of `kind`. */
  readonly kind: string;
  readonly query: ListQuery;
  readonly range: Required<KeyRange>;
  readonly era: string;
  readonly decode: (kv: KeyValue) => ApiObject;
  readonly wants: (object: ApiObject) => boolean;
  readonly onDamage: (error: FabricError) => void;
}

/** Keys of one read. */
const READ = 500;
/** A page that a filter leaves nearly empty ends after so many keys; `continue` goes on. */
const MAX_READ = 20_000;

/**
 * The page.
 *
 * @throws {FabricError} 400 for a sort that only the mirror could do, 410 after compaction.
 */
export async function listStore(store: Store, list: StoreList): Promise<ListBody> {
  const { query, range, era } = list;
  if (query.sort.length > 0) {
    throw httpError(400, "These objects come in the order of their names", {
      field: "sort",
      remedy: "leave sort out",
    });
  }
  const { cursor } = query;
  if (cursor !== undefined && cursor.era !== era) throw gone();
  const items: unknown[] = [];
  let revision = cursor?.revision;
  let key = cursor === undefined ? range.key : `${cursor.key}\0`;
  let last: string | undefined;
  let more = true;
  for (let read = 0; more && items.length < query.limit && read < MAX_READ;) {
    const page = await readPage(store, { key, end: range.end, revision });
    revision ??= page.header.revision;
    more = page.more;
    for (const [index, kv] of page.kvs.entries()) {
      read++;
      last = kv.key;
      key = `${kv.key}\0`;
      const object = readOr(list.onDamage, () => list.decode(kv));
      if (object !== undefined && list.wants(object) && objectSatisfies(query, object)) {
        items.push(pickFields(object, query.fields));
      }
      if (items.length === query.limit) {
        more ||= index < page.kvs.length - 1;
        break;
      }
    }
    if (page.kvs.length === 0) break;
  }
  return listBody(list.kind, {
    items,
    revision: revision ?? 0,
    era,
    ...(more && last !== undefined
      ? {
        next: formatCursor({
          revision: revision ?? 0,
          era,
          key: last,
          values: [],
          query: query.query,
        }),
      }
      : {}),
  });
}

async function readPage(
  store: Store,
  { key, end, revision }: {
    readonly key: string;
    readonly end: string;
    readonly revision: number | undefined;
  },
) {
  try {
    return await store.range({
      key,
      end,
      limit: READ,
      ...(revision === undefined ? {} : { revision }),
    });
  } catch (error) {
    throw isCompacted(error) ? gone() : error;
  }
}

function gone(): FabricError {
  return httpError(410, "The revision of this list is gone", {
    remedy: "start the list again, without continue",
  });
}
