/**
 * The database of Open vSwitch, by its own protocol (RFC 7047) on its unix socket: a transaction
 * takes half a millisecond, where `ovs-vsctl` takes nine.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError, isKind } from "../error.ts";
import { checkResults, ovsdbError } from "./error.ts";
import { connectJsonRpc } from "./json_rpc.ts";
import { isReadOnly, type Operation } from "./operation.ts";

/** Where Debian's and most other packages have the socket. */
export const DEFAULT_SOCKET = "/run/openvswitch/db.sock";

/** A connection to ovsdb-server. */
export interface Ovsdb extends AsyncDisposable {
  readonly socket: string;
  /**
   * Carries out all operations, or none; their results, in order (RFC 7047, 4.1.3).
   *
   * @throws {FabricError}
   * - `unavailable`: the server did not answer, and nothing but reading was asked.
   * - `unknown-outcome`: it did not answer, and what was asked may have been done.
   * - `conflict` with `details.reason` and `details.operation`: a `wait` did not hold
   *   (`timed out`), or the commit broke a constraint.
   */
  transact(
    operations: readonly Operation[],
    options?: TransactOptions,
  ): Promise<readonly unknown[]>;
}

export interface TransactOptions {
  /** How long to wait for the answer; must exceed the timeouts of `wait` operations. */
  readonly timeoutMs?: number;
}

export interface ConnectOvsdbOptions {
  /** Default: {@linkcode DEFAULT_SOCKET}. */
  readonly socket?: string;
  /** For connecting, and for every answer unless told otherwise. Default 2,000 ms. */
  readonly timeoutMs?: number;
}

const DATABASE = "Open_vSwitch";
const DEFAULT_TIMEOUT_MS = 2_000;

const Results = v.array(v.unknown());

/**
 * Connects to ovsdb-server.
 *
 * @throws {FabricError} `unavailable` when nothing answers on the socket, `forbidden` when the
 * caller may not use it.
 */
export async function connectOvsdb(options: ConnectOvsdbOptions = {}): Promise<Ovsdb> {
  const socket = options.socket ?? DEFAULT_SOCKET;
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const rpc = await connectJsonRpc({ socket, server: "ovsdb-server", timeoutMs });
  return {
    socket,
    async transact(operations, transactOptions = {}) {
      let result: unknown;
      try {
        result = await rpc.call("transact", {
          params: [DATABASE, ...operations],
          timeoutMs: transactOptions.timeoutMs ?? timeoutMs,
          error: (value) => ovsdbError(value),
        });
      } catch (error) {
        const unanswered = isKind(error, "unavailable") && error.details["sent"] === true;
        if (!unanswered || isReadOnly(operations)) throw error;
        throw new FabricError("unknown-outcome", error.message, {
          remedy: "what was asked of it may have been done",
          details: error.details,
          cause: error,
        });
      }
      return checkResults(v.parse(Results, result), operations.length);
    },
    [Symbol.asyncDispose]: () => rpc[Symbol.asyncDispose](),
  };
}
