/**
 * What printers get: objects in the shape that users know, with their row of a table.
 *
 * @module
 */

/** What `-o json` shows: an object of a kind, or what is computed from several (`FreeRange`). */
export interface PrintedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>> | undefined;
  };
  readonly spec: unknown;
  readonly status?: unknown;
}

/** A column of a kind's table. */
export interface Column<T> {
  /** Upper case, as kubectl writes it. */
  readonly header: string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
  readonly value: (object: T, view: View) => string;
}

/** What a cell may depend on beside its object. */
export interface View {
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
}

/** One object, ready for any printer. */
export interface Printable {
  /** The one name within the kind: `pods`, `local/node1`, `pods/10.0.0.5`. */
  readonly name: string;
  /** What `-o json` and `-o yaml` show. */
  readonly object: PrintedObject;
  /** The cells in the order of the header, all columns of `wide` included. */
  readonly cells: (view: View) => readonly string[];
  /** What happened to it, in a listing of events. */
  readonly event?: "ADDED" | "MODIFIED" | "DELETED";
  /** Nothing follows for the moment (`--watch`): a table is written up to here. */
  readonly isLast?: boolean;
}

/** What a printer knows of the list before it sees the first object. */
export interface Listing {
  /** `network.beyondfabric.io`, for `-o name`. */
  readonly qualifiedKind: string;
  readonly columns: readonly { readonly header: string; readonly wide: boolean }[];
  readonly headers: boolean;
  /** One object was asked for by its name: no list around it. */
  readonly single: boolean;
  /** The items are events, which may go on for ever: no list around them, and each says what it is. */
  readonly events?: boolean;
  readonly view: View;
  readonly write: (text: string) => void;
}

/** A printer per output format; returns how many objects it printed. */
export type Print = (items: AsyncIterable<Printable>, listing: Listing) => Promise<number>;

/** Rows that a table aligns together: enough for a screen, and bounded. */
export const ROWS_ALIGNED = 1000;
