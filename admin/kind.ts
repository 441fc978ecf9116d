/**
 * A kind as `get`, `describe` and `delete` see it: one file each in `kinds/`, one row in
 * `kinds.ts`.
 *
 * @module
 */

import { type FabricError, isKind } from "../mod/error.ts";
import type { RangeReader } from "../mod/etcd/bulk/bulk.ts";
import { readPages } from "../mod/etcd/pages.ts";
import type { KeyRange, KeyValue, Store } from "../mod/etcd/store.ts";
import { API_GROUP } from "../mod/model/resource.ts";
import type { Description } from "./describe_text.ts";
import type { Column, Printable, PrintedObject } from "./printable.ts";

/** Where objects are read from. */
export interface Source {
  readonly store: Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** The fast way to read very many keys; absent: the store is the only one. */
  readonly bulk?: () => Promise<RangeReader>;
  /** Told of a value that cannot be read; a list goes on without it. */
  readonly onDamage: (error: FabricError) => void;
}

/** Flags that narrow a list. A kind names those that mean something for it. */
export const FILTERS = ["network", "zone", "cluster", "node", "state"] as const;
export type FilterName = typeof FILTERS[number];
export type Filter = Partial<Readonly<Record<FilterName, string>>>;

/** An object with what `describe` says of it. */
export interface KindItem extends Printable {
  readonly describe: (source: Source) => Promise<Description>;
}

/** Keys in the store that hold objects of a kind. */
export interface Watched {
  readonly range: Required<KeyRange>;
  /** The object; undefined where the filter leaves it out. Throws where it cannot be read. */
  readonly read: (kv: KeyValue) => KindItem | undefined;
}

/** The same, as a file in `kinds/` says it. */
export interface WatchedObjects<T> {
  readonly range: Required<KeyRange>;
  readonly decode: (kv: KeyValue) => T;
  /** Which of them the filter leaves; default: all. */
  readonly keeps?: (object: T) => boolean;
}

/** A row of the table of kinds. */
export interface KindRow {
  /** What objects say they are. */
  readonly kind: string;
  readonly singular: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  /** How a name is written, for the help: `[CLUSTER/]NAME`. */
  readonly nameForm: string;
  readonly summary: string;
  readonly columns: readonly { readonly header: string; readonly wide: boolean }[];
  readonly filters: readonly FilterName[];
  /** All that the filter leaves, in the order of their names. */
  readonly list: (source: Source, filter: Filter) => AsyncIterable<KindItem>;
  /** All that the name means; none where there is none. */
  readonly find: (
    source: Source,
    query: { readonly name: string; readonly filter: Filter },
  ) => AsyncIterable<KindItem>;
  /** Where its objects stand in the store; absent: they are computed, and cannot be watched. */
  readonly watch?: (source: Source, filter: Filter) => Promise<Watched>;
  /** Rows of another shape, by the value of `--state`: what is free is no list of records. */
  readonly variants?: Readonly<Record<string, KindRow>> | undefined;
  /** What `describe NAME` says, where it can say more than of the objects that exist. */
  readonly describeName?: (
    source: Source,
    query: { readonly name: string; readonly filter: Filter },
  ) => AsyncIterable<Description>;
}

/** What a file in `kinds/` says; {@linkcode defineKind} makes a row of it. */
export interface KindDefinition<T extends PrintedObject> {
  readonly kind: string;
  /** Default: the kind in lower case. */
  readonly singular?: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly nameForm: string;
  readonly summary: string;
  readonly columns: readonly Column<T>[];
  readonly filters: readonly FilterName[];
  /** The one name within the kind. */
  readonly nameOf: (object: T) => string;
  readonly list: (source: Source, filter: Filter) => AsyncIterable<T>;
  readonly find: (source: Source, name: string, filter: Filter) => AsyncIterable<T>;
  readonly describe: (source: Source, object: T) => Promise<Description>;
  readonly watch?: (source: Source, filter: Filter) => Promise<WatchedObjects<T>>;
  readonly describeName?: KindRow["describeName"];
  readonly variants?: KindRow["variants"];
}

/** A row that also takes objects which were read elsewhere. */
export interface BoundKind<T> extends KindRow {
  readonly bind: (object: T) => KindItem;
}

/** Binds the columns and the rest to the objects, so that printers need not know the type. */
export function defineKind<T extends PrintedObject>(definition: KindDefinition<T>): BoundKind<T> {
  const { kind, columns, nameOf, list, find, describe, watch, describeName, ...rest } = definition;
  const bind = (object: T): KindItem => ({
    name: nameOf(object),
    object: inOrder(object),
    cells: (view) => columns.map((column) => column.value(object, view)),
    describe: (source) => describe(source, object),
  });
  const bound: BoundKind<T> = {
    ...rest,
    kind,
    bind,
    singular: definition.singular ?? kind.toLowerCase(),
    columns: columns.map(({ header, wide = false }) => ({ header, wide })),
    async *list(source, filter) {
      for await (const object of list(source, filter)) yield bind(object);
    },
    async *find(source, { name, filter }) {
      for await (const object of find(source, name, filter)) yield bind(object);
    },
    ...(describeName === undefined ? {} : { describeName }),
  };
  if (watch === undefined) return bound;
  return {
    ...bound,
    async watch(source, filter) {
      const { range, decode, keeps = () => true } = await watch(source, filter);
      const read = (kv: KeyValue): KindItem | undefined => {
        const object = decode(kv);
        return keeps(object) ? bind(object) : undefined;
      };
      return { range, read };
    },
  };
}

/** The fields in the order in which people write them. */
function inOrder({ apiVersion, kind, metadata, spec, ...rest }: PrintedObject): PrintedObject {
  return { apiVersion, kind, metadata, spec, ...rest };
}

/** `network.beyondfabric.io`. */
export function qualifiedKind(row: Pick<KindRow, "singular">): string {
  return `${row.singular}.${API_GROUP}`;
}

/** All objects of a range of keys; what cannot be read is told of and left out. */
export async function* readObjects<T>(
  source: Source,
  range: Required<KeyRange>,
  decode: (kv: KeyValue) => T,
): AsyncGenerator<T> {
  for await (const kvs of readPages(readerOf(source), range)) {
    for (const kv of kvs) {
      const object = decodeOrTell(source, kv, decode);
      if (object !== undefined) yield object;
    }
  }
}

/** Pages after which a list counts as long: opening the fast way is not free. */
const SHORT_PAGES = 2;
/** Keys of a page of a long list: etcd counts what is left of the range for each page. */
const LONG_PAGE = 5000;

/** Reads the first pages from the store, and what is more than a screen in the fast way. */
function readerOf({ store, bulk }: Source): RangeReader {
  let pages = 0;
  return {
    async range(request, options) {
      if (bulk === undefined || pages++ < SHORT_PAGES) return await store.range(request, options);
      const reader = await bulk();
      return await reader.range({ ...request, limit: LONG_PAGE }, options);
    },
  };
}

/** All objects that are watched, as they are now. */
export async function* readWatched<T>(
  source: Source,
  { range, decode, keeps = () => true }: WatchedObjects<T>,
): AsyncGenerator<T> {
  for await (const object of readObjects(source, range, decode)) if (keeps(object)) yield object;
}

/** The object of one key. */
export async function* readObject<T>(
  source: Source,
  key: string,
  decode: (kv: KeyValue) => T,
): AsyncGenerator<T> {
  const { kvs } = await source.store.range({ key });
  for (const kv of kvs) {
    const object = decodeOrTell(source, kv, decode);
    if (object !== undefined) yield object;
  }
}

/** The objects of some keys, read a hundred at a time. */
export async function* readKeys<T>(
  source: Source,
  keys: readonly string[],
  decode: (kv: KeyValue) => T,
): AsyncGenerator<T> {
  for (let i = 0; i < keys.length; i += 100) {
    const read = await source.store.txn({
      success: keys.slice(i, i + 100).map((key) => ({ range: { key } })),
    });
    for (const result of read.results) {
      if (result.kind !== "range") continue;
      for (const kv of result.response.kvs) {
        const object = decodeOrTell(source, kv, decode);
        if (object !== undefined) yield object;
      }
    }
  }
}

function decodeOrTell<T>(
  source: Source,
  kv: KeyValue,
  decode: (kv: KeyValue) => T,
): T | undefined {
  try {
    return decode(kv);
  } catch (error) {
    if (!isKind(error, "schema", "internal", "invalid")) throw error;
    source.onDamage(error);
    return undefined;
  }
}
