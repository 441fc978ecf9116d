/**
 * The store as it will be: what a command is going to write is seen by its own later checks, and
 * nothing is written. So a set of documents that refer to each other is checked whole before the
 * first of them is written.
 *
 * @module
 */

import type {
  KeyValue,
  Operation,
  OperationResult,
  RangeRequest,
  RangeResponse,
  Store,
  TxnRequest,
} from "../etcd/store.ts";

export interface Overlay {
  readonly store: Store;
  /** From now on the key has this value. */
  put(key: string, value: string): void;
  /** From now on the key is absent. */
  delete(key: string): void;
}

interface Change {
  /** Undefined: deleted. */
  readonly value: string | undefined;
}

/** An overlay over the store. Its transactions evaluate their compares and write nothing. */
export function overlayStore(store: Store): Overlay {
  const changes = new Map<string, Change>();
  const overlaid: Store = {
    async range(request, options) {
      return apply(request, await store.range(request, options), changes);
    },
    async txn(request, options) {
      const response = await store.txn(readsOnly(request), options);
      const asked = (response.succeeded ? request.success : request.failure) ?? [];
      let next = 0;
      const results = asked.map((operation): OperationResult => {
        if ("put" in operation) return { kind: "put" };
        if ("delete" in operation) return { kind: "delete", deleted: 0 };
        const result = response.results[next++];
        if (result?.kind === "range" && "range" in operation) {
          return { kind: "range", response: apply(operation.range, result.response, changes) };
        }
        return result ?? { kind: "put" };
      });
      return { ...response, results };
    },
    watch: (request) => store.watch(request),
    grantLease: (ttlSeconds) => Promise.resolve({ id: "0", ttl: ttlSeconds }),
    revokeLease: () => Promise.resolve(),
    keepLeaseAlive: () => Promise.resolve(0),
    status: (options) => store.status(options),
    // The store below belongs to somebody else.
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    store: overlaid,
    put: (key, value) => void changes.set(key, { value }),
    delete: (key) => void changes.set(key, { value: undefined }),
  };
}

function readsOnly(request: TxnRequest): TxnRequest {
  const { compare = [], success = [], failure = [] } = request;
  const reads = (operations: readonly Operation[]): readonly Operation[] =>
    operations.flatMap((operation): readonly Operation[] => {
      if ("range" in operation) return [operation];
      return "txn" in operation ? [{ txn: readsOnly(operation.txn) }] : [];
    });
  return { compare, success: reads(success), failure: reads(failure) };
}

/** The answer with the changes in it. */
function apply(
  request: RangeRequest,
  response: RangeResponse,
  changes: ReadonlyMap<string, Change>,
): RangeResponse {
  const last = response.kvs.at(-1);
  // Behind a page that was cut, changes belong to the next page.
  const until = response.more && last !== undefined ? `${last.key}\0` : request.end;
  const inside = (key: string): boolean =>
    request.end === undefined
      ? key === request.key
      : request.key <= key && until !== undefined && key < until;
  const concerned = [...changes].filter(([key]) => inside(key));
  if (concerned.length === 0) return response;
  const kvs = new Map(response.kvs.map((kv) => [kv.key, kv]));
  for (const [key, { value }] of concerned) {
    if (value === undefined) kvs.delete(key);
    else kvs.set(key, changed(key, value, kvs.get(key)));
  }
  const sorted = [...kvs.values()].sort((a, b) => a.key < b.key ? -1 : 1);
  return { ...response, kvs: sorted, count: response.count + sorted.length - response.kvs.length };
}

function changed(key: string, value: string, before: KeyValue | undefined): KeyValue {
  if (before !== undefined) return { ...before, value };
  return { key, value, createRevision: 1, modRevision: 1, version: 1, lease: undefined };
}
