/**
 * The store as the rest of the project sees it: four verbs over etcd v3, with plain data. Two
 * transports implement it (`gateway.ts`, `grpc.ts`) and pass the same contract tests.
 *
 * Keys and values are text (UTF-8). Revisions are numbers (etcd's int64; safe up to 2^53). The
 * prefix of the installation is added and removed by the transport: no caller ever sees it.
 *
 * @module
 */

/** One key with its value, as etcd returned it. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Lease id as etcd's decimal text; undefined without a lease. */
  readonly lease: string | undefined;
}

/** Where an answer came from; every answer carries it (rule 10). */
export interface Header {
  /** etcd's cluster id as decimal text (uint64, too large for a number). */
  readonly clusterId: string;
  readonly revision: number;
}

/** The keys `key` alone, or all with `start <= key < end`. */
export interface KeyRange {
  readonly key: string;
  /** Exclusive end; absent: the one key. `prefixEnd(p)` for all keys with a prefix. */
  readonly end?: string;
}

export interface RangeRequest extends KeyRange {
  readonly limit?: number;
  /** Read at this revision (a snapshot); refused as `compacted` when it is gone. */
  readonly revision?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  /** May be answered by a follower that lags behind. Never for a decision. Default false. */
  readonly serializable?: boolean;
  readonly minModRevision?: number;
  readonly maxModRevision?: number;
  /** Default: ascending by key. */
  readonly sort?: { readonly by: "key" | "create" | "mod"; readonly order: "ascend" | "descend" };
}

export interface RangeResponse {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  /** How many keys the range holds, whatever the limit. */
  readonly count: number;
  readonly more: boolean;
}

/**
 * A condition. For a range, every key in it must satisfy it (an empty range satisfies
 * `create = 0`). `revision 0` stands for "absent".
 */
export type Compare =
  & KeyRange
  & (
    | {
      readonly target: "create" | "mod";
      readonly op: "=" | "!=" | "<" | ">";
      readonly revision: number;
    }
    | { readonly target: "value"; readonly op: "=" | "!="; readonly value: string }
    | { readonly target: "lease"; readonly op: "=" | "!="; readonly lease: string }
  );

export type Operation =
  | { readonly put: string; readonly value: string; readonly lease?: string }
  | { readonly delete: KeyRange }
  | { readonly range: RangeRequest }
  | { readonly txn: TxnRequest };

export interface TxnRequest {
  /** All must hold for `success`; else `failure` runs. Default: none, so `success` runs. */
  readonly compare?: readonly Compare[];
  readonly success?: readonly Operation[];
  readonly failure?: readonly Operation[];
}

/** The result of one operation, in the order asked. */
export type OperationResult =
  | { readonly kind: "put" }
  | { readonly kind: "delete"; readonly deleted: number }
  | { readonly kind: "range"; readonly response: RangeResponse }
  | { readonly kind: "txn"; readonly response: TxnResponse };

export interface TxnResponse {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly results: readonly OperationResult[];
}

export interface CallOptions {
  /** The whole call, failover included. Default: the store's. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export type WatchEvent =
  | { readonly type: "put"; readonly kv: KeyValue; readonly previous: KeyValue | undefined }
  | {
    readonly type: "delete";
    readonly key: string;
    readonly modRevision: number;
    readonly previous: KeyValue | undefined;
  };

/** Events of one revision arrive in one batch, never split. */
export interface WatchBatch {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

export interface WatchRequest extends KeyRange {
  /** First revision wanted; default: the next one after the watch stands. */
  readonly startRevision?: number;
  readonly previous?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Access to etcd. Errors are FabricErrors; `details.reason` tells cases apart:
 * - `unavailable`: no endpoint answered, and nothing was done. Reads are never anything worse.
 * - `unknown-outcome`: a transaction was sent and no answer came (rule 3). Never retried here.
 * - `unauthenticated` (`token`, `password`), `forbidden`: etcd's own auth.
 * - `not-found` (`lease`): the lease named by a put does not exist.
 * - `conflict` (`compacted`): the revision asked for is gone; (`future-revision`): it has not come.
 * - `invalid` (`too-large`, `too-many-operations`): over etcd's limits.
 * - `internal` (`quota`): etcd is out of space (alarm NOSPACE).
 * - `incompatible`: what answers is not an etcd that we can speak with.
 * - `host`: the file with the shared token cannot be used.
 */
export interface Store extends AsyncDisposable {
  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse>;
  txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse>;
  /**
   * Ends by the signal, or throws (`compacted`: read again and start anew; `unavailable`: no
   * endpoint for as long as a call may take). The loss of a member goes unnoticed otherwise.
   */
  watch(request: WatchRequest): AsyncIterable<WatchBatch>;
  /**
   * A new lease; the id as decimal text. Where an answer was lost there may be a second one, which
   * nobody uses and which ends by itself.
   */
  grantLease(ttlSeconds: number, options?: CallOptions): Promise<{ id: string; ttl: number }>;
  /** Ends the lease and deletes its keys; no error when it has ended already. */
  revokeLease(id: string, options?: CallOptions): Promise<void>;
  /** Keeps the lease alive once; the remaining TTL, 0 when the lease is gone. */
  keepLeaseAlive(id: string, options?: CallOptions): Promise<number>;
  /** Members' state, for people and checks. */
  status(options?: CallOptions): Promise<StoreStatus>;
}

export interface StoreStatus {
  readonly header: Header;
  readonly version: string;
  readonly dbSizeBytes: number;
  /** Endpoint that answered. */
  readonly endpoint: string;
}

/** The end of the range that holds exactly the keys beginning with `prefix`. */
export function prefixEnd(prefix: string): string {
  // Keys are ASCII (segments are escaped), so the successor of the last character is one byte.
  const last = prefix.charCodeAt(prefix.length - 1);
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}

/** All keys with the prefix. */
export function underPrefix(prefix: string): { readonly key: string; readonly end: string } {
  return { key: prefix, end: prefixEnd(prefix) };
}
