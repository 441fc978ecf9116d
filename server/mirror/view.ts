/**
 * The mirror at one revision: now, or a while ago, by taking back what changed since. So pages of a
 * list are of one moment, on whichever replica they are asked for.
 *
 * @module
 */

import type { Change, OldRows } from "./change_log.ts";
import type { MirroredKind, Row, Values } from "./kinds.ts";
import type { SortedTable, Walk } from "./sorted_table.ts";

/** The tables of all kinds that are kept. */
export type Tables = { readonly [K in MirroredKind]: SortedTable<Row<Values[K]>> };

/** Reads rows at one revision. To be used at once: it does not outlive the next change. */
export interface View {
  readonly revision: number;
  get<K extends MirroredKind>(kind: K, key: string): Row<Values[K]> | undefined;
  rows<K extends MirroredKind>(
    kind: K,
    walk?: Walk,
  ): Iterable<readonly [key: string, row: Row<Values[K]>]>;
}

/** The tables as they are. */
export function presentView(tables: Tables, revision: number): View {
  return {
    revision,
    get: (kind, key) => tables[kind].get(key),
    rows: (kind, walk) => tables[kind].walk(walk),
  };
}

/** The tables as they were at `revision`; `since` are all changes behind it, oldest first. */
export function pastView(
  tables: Tables,
  { revision, since }: { readonly revision: number; readonly since: readonly Change[] },
): View {
  const old: OldRows = {
    physicalnetworks: new Map(),
    zones: new Map(),
    nodes: new Map(),
    networks: new Map(),
    addresses: new Map(),
    owners: new Map(),
  };
  for (const change of since) change.takeBack(old);
  return {
    revision,
    get: (kind, key) => old[kind].has(key) ? old[kind].get(key) : tables[kind].get(key),
    rows: (kind, walk) => mergeRows(tables[kind], old[kind], walk ?? {}),
  };
}

/** The present rows with the old ones in their places. */
function* mergeRows<R>(
  table: SortedTable<R>,
  old: ReadonlyMap<string, R | undefined>,
  walk: Walk,
): Generator<readonly [key: string, row: R]> {
  const { prefix = "", after } = walk;
  const gone: [string, R][] = [];
  for (const [key, row] of old) {
    if (row === undefined || table.get(key) !== undefined || !key.startsWith(prefix)) continue;
    if (after === undefined || key > after) gone.push([key, row]);
  }
  gone.sort(([a], [b]) => a < b ? -1 : 1);
  let next = gone.shift();
  for (const [key, row] of table.walk(walk)) {
    for (; next !== undefined && next[0] < key; next = gone.shift()) yield next;
    const then = old.has(key) ? old.get(key) : row;
    if (then !== undefined) yield [key, then];
  }
  for (; next !== undefined; next = gone.shift()) yield next;
}
