/**
 * What the two transports give to the client that they share: endpoints, and lines to them on
 * which one call is made.
 *
 * @module
 */
import type { Codec } from "./wire.ts";

/** Every call we make of etcd: the gateway's path, and the gRPC service and method. */
export const METHODS = {
  range: { path: "/v3/kv/range", service: "KV", rpc: "range" },
  txn: { path: "/v3/kv/txn", service: "KV", rpc: "txn" },
  leaseGrant: { path: "/v3/lease/grant", service: "Lease", rpc: "leaseGrant" },
  leaseRevoke: { path: "/v3/kv/lease/revoke", service: "Lease", rpc: "leaseRevoke" },
  status: { path: "/v3/maintenance/status", service: "Maintenance", rpc: "status" },
  roleGet: { path: "/v3/auth/role/get", service: "Auth", rpc: "roleGet" },
  roleAdd: { path: "/v3/auth/role/add", service: "Auth", rpc: "roleAdd" },
  roleGrant: { path: "/v3/auth/role/grant", service: "Auth", rpc: "roleGrantPermission" },
  roleRevoke: { path: "/v3/auth/role/revoke", service: "Auth", rpc: "roleRevokePermission" },
  authenticate: { path: "/v3/auth/authenticate", service: "Auth", rpc: "authenticate" },
} as const;

export type Method = keyof typeof METHODS;

/** Calls whose answer is a stream of messages; of a `leaseKeepAlive` only the first counts. */
export const STREAMS = {
  watch: { path: "/v3/watch", service: "Watch", rpc: "watch" },
  leaseKeepAlive: { path: "/v3/lease/keepalive", service: "Lease", rpc: "leaseKeepAlive" },
} as const;

export type StreamMethod = keyof typeof STREAMS;

export interface LineOptions {
  /** Sent with the call; "" for none. */
  readonly token: string;
  /** Ends the call; the caller knows whether that was a timeout. */
  readonly signal: AbortSignal;
}

/**
 * A way to one endpoint for one call. Failures are FabricErrors: `unavailable` when nothing was
 * sent, `unknown-outcome` when no whole answer came, others as etcd said.
 */
export interface Line {
  /** The answer's message; the line is used up. */
  call(method: Method, payload: unknown, options: LineOptions): Promise<unknown>;
  /** The answer's messages; the line is used up. */
  stream(method: StreamMethod, payload: unknown, options: LineOptions): AsyncIterable<unknown>;
  /** Gives an unused line back. */
  release(): void;
}

export interface Endpoint {
  /** `host:port`, for messages. */
  readonly name: string;
  /** Connects where needed. */
  connect(signal: AbortSignal): Promise<Line>;
  /** Asks something that costs etcd nothing, to see that the member answers at all. */
  probe(signal: AbortSignal): Promise<void>;
}

export interface Transport<Bytes> {
  readonly codec: Codec<Bytes>;
  readonly endpoints: readonly Endpoint[];
  close(): void;
}
