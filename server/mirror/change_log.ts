/**
 * The last changes of the store, as the mirror saw them: what watches resume from, and what turns
 * the present back into an earlier revision.
 *
 * @module
 */

import type { ApiObject, MirroredKind, Row, Values, WatchedKind } from "./kinds.ts";

/** Rows as they were at an earlier revision, by kind and key; undefined: it did not exist. */
export type OldRows = { readonly [K in MirroredKind]: Map<string, Row<Values[K]> | undefined> };

/** One change of one object. */
export interface Change {
  readonly revision: number;
  /** Its place among all events of the revision: the same on every replica. */
  readonly index: number;
  readonly kind: WatchedKind;
  /** Of the object, below the kind's prefix. */
  readonly key: string;
  /** As people read it; undefined: it was deleted, or cannot be read. Made when somebody asks. */
  readonly object: () => ApiObject | undefined;
  /** As it was before; undefined: it did not exist, or its kind is not kept. */
  readonly before: () => ApiObject | undefined;
  /** Notes how the row was, unless an older change of it has done so. */
  readonly takeBack: (old: OldRows) => void;
}

/** How many changes are kept: minutes at the pace at which etcd itself gets slow. */
export const KEPT_CHANGES = 50_000;

export class ChangeLog {
  #changes: Change[] = [];
  #first = 0;
  /** The revision behind which the log is whole. */
  #since = 0;

  /** Empties the log; it is whole behind `revision`. */
  reset(revision: number): void {
    this.#changes = [];
    this.#first = 0;
    this.#since = revision;
  }

  push(changes: readonly Change[]): void {
    for (const change of changes) this.#changes.push(change);
    while (this.#changes.length - this.#first > KEPT_CHANGES) {
      const dropped = this.#changes[this.#first++];
      // A revision that is cut in two is gone as a whole.
      if (dropped !== undefined) this.#since = dropped.revision;
    }
    if (this.#first > KEPT_CHANGES) {
      this.#changes = this.#changes.slice(this.#first);
      this.#first = 0;
    }
  }

  /** True where every change behind the revision is known. */
  reaches(revision: number): boolean {
    return revision >= this.#since;
  }

  /** The changes behind the revision, oldest first. Only where {@linkcode reaches} says yes. */
  behind(revision: number): readonly Change[] {
    let low = this.#first;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }
}
