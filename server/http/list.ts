/**
 * A page of objects that the mirror keeps.
 *
 * @module
 */

import { API_VERSION } from "../../mod/model/resource.ts";
import type { Mirror } from "../mirror/mirror.ts";
import {
  type ApiObject,
  type MirroredKind,
  OBJECTS,
  type Row,
  type Values,
} from "../mirror/kinds.ts";
import { httpError } from "./http_error.ts";
import {
  compareSorted,
  fieldAt,
  formatCursor,
  type ListQuery,
  type Path,
  pickFields,
  satisfies,
  type SortKey,
  type SortValue,
  sortValue,
} from "./list_query.ts";
import { KIND_NAMES } from "./object_schemas.ts";

/** A page, as the API answers it. */
export interface ListBody {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ListMetadata;
  readonly items: readonly unknown[];
}

export interface ListMetadata {
  /** The store's revision that the list shows: a watch goes on from it. */
  readonly resourceVersion: string;
  /** Place of the list in the order of all changes: `Last-Event-ID` of a watch that goes on. */
  readonly lastEventId: string;
  readonly continue?: string;
  readonly total?: number;
}

/** What is listed. */
export interface MirrorList<K extends MirroredKind> {
  readonly kind: K;
  readonly query: ListQuery;
  /** Only keys that begin with it. */
  readonly prefix?: string;
  readonly wants: (row: Row<Values[K]>) => boolean;
}

/** The value of a field of a row, without making the object of it. */
type Fields = {
  readonly [K in MirroredKind]: (row: Row<Values[K]>, path: Path) => unknown;
};

const FIELDS: Fields = {
  physicalnetworks: ({ value }, path) => fieldAt(value, path),
  zones: ({ value }, path) => fieldAt(value, path),
  nodes: ({ value }, path) => fieldAt(value, path),
  networks: ({ value }, path) => fieldAt(value, path),
  addresses(row, path) {
    const { network, address, record } = row.value;
    const [section, name] = path;
    if (section !== "spec") return fieldAt(OBJECTS.addresses(row), path);
    if (name === "network") return network;
    if (name === "address") return address;
    return fieldAt(record, path.slice(1));
  },
  owners(row, path) {
    if (path[0] !== "spec") return fieldAt(OBJECTS.owners(row), path);
    return fieldAt(row.value, path.slice(1));
  },
};

/**
 * The page. To be called right after `mirror.fresh()`.
 *
 * @throws {FabricError} 410: the revision of `continue` is gone.
 */
export function listMirror<K extends MirroredKind>(mirror: Mirror, list: MirrorList<K>): ListBody {
  const { kind, query, prefix = "" } = list;
  const { limit, sort, cursor, conditions } = query;
  if (cursor !== undefined && cursor.era !== mirror.era) {
    throw httpError(410, "The list belongs to another state of the store", {
      remedy: "start the list again, without continue",
    });
  }
  const revision = cursor?.revision ?? mirror.revision;
  const view = mirror.view(revision);
  const found: Found<K>[] = [];
  let total = 0;
  const sorted = sort.length > 0;
  const whole = sorted || query.total;
  const walk = !whole && cursor !== undefined ? { prefix, after: cursor.key } : { prefix };
  for (const [key, row] of view.rows(kind, walk)) {
    if (!list.wants(row)) continue;
    if (!satisfies(conditions, (path) => FIELDS[kind](row, path))) continue;
    total++;
    const values = sort.map(({ path }) => valueOf(kind, { key, row, path }));
    if (cursor !== undefined && !isBehind(sort, { key, values }, cursor)) continue;
    if (sorted || found.length <= limit) found.push({ key, row, values });
    if (!whole && found.length > limit) break;
  }
  if (sorted) found.sort((a, b) => compareSorted(sort, a, b));
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const next = found.length > limit && last !== undefined
    ? formatCursor({
      revision,
      era: mirror.era,
      key: last.key,
      values: last.values,
      query: query.query,
    })
    : undefined;
  return listBody(KIND_NAMES[kind], {
    items: page.map(({ row }) => pickFields(OBJECTS[kind](row), query.fields)),
    revision,
    era: mirror.era,
    ...(next === undefined ? {} : { next }),
    ...(query.total ? { total } : {}),
  });
}

interface Found<K extends MirroredKind> {
  readonly key: string;
  readonly row: Row<Values[K]>;
  readonly values: readonly SortValue[];
}

function isBehind(
  sort: readonly SortKey[],
  entry: { readonly key: string; readonly values: readonly SortValue[] },
  cursor: { readonly key: string; readonly values: readonly SortValue[] },
): boolean {
  return compareSorted(sort, entry, cursor) > 0;
}

/** Addresses sort as numbers do: by the end of their key. */
function valueOf<K extends MirroredKind>(
  kind: K,
  { key, row, path }: { readonly key: string; readonly row: Row<Values[K]>; readonly path: Path },
): SortValue {
  if (kind === "addresses" && path[1] === "address") return key.slice(key.indexOf("/") + 1);
  return sortValue(FIELDS[kind](row, path));
}

/** A list as the API answers it. */
export function listBody(
  kind: string,
  list: {
    readonly items: readonly unknown[];
    readonly revision: number;
    readonly era: string;
    readonly next?: string;
    readonly total?: number;
  },
): ListBody {
  const { items, revision, era, next, total } = list;
  return {
    apiVersion: API_VERSION,
    kind: `${kind}List`,
    metadata: {
      resourceVersion: String(revision),
      lastEventId: `${era}.${revision}`,
      ...(next === undefined ? {} : { continue: next }),
      ...(total === undefined ? {} : { total }),
    },
    items,
  };
}

/** The fields of an object that was made already, for watches. */
export function objectSatisfies(query: ListQuery, object: ApiObject): boolean {
  return satisfies(query.conditions, (path) => fieldAt(object, path));
}
