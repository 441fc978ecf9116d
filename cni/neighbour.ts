/**
 * Whose fault it was: an error of a step gets the name of the neighbour that the step spoke to, so
 * that the runtime is told which of them is missing.
 *
 * @module
 */

import { asFabricError, FabricError, isKind } from "../mod/error.ts";
import type { Neighbour } from "./error_code.ts";

/** For an error that says nothing better. */
const REMEDIES: Readonly<Record<Neighbour, string>> = {
  etcd: "see that etcd runs, and that etcd.endpoints of the node's configuration are right",
  ovsdb: "see that ovsdb-server runs, and that ovsdb.socket of the node's configuration is right",
  vswitchd: "see that ovs-vswitchd runs",
  kubernetes: "see that the API server runs, and that kubernetes.kubeconfig of the node's " +
    "configuration names it",
};

/** Does the step; its error carries `details.neighbour`, unless it names one already. */
export async function asking<T>(neighbour: Neighbour, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    const error = withDetails(asFabricError(cause), { neighbour });
    const silent = isKind(error, "unavailable", "unknown-outcome") && error.remedy === undefined;
    throw silent ? withRemedy(error, REMEDIES[neighbour]) : error;
  }
}

function withRemedy(error: FabricError, remedy: string): FabricError {
  return new FabricError(error.kind, error.message, {
    remedy,
    details: error.details,
    cause: error.cause,
  });
}

/** The same error with further facts; what it says already stays. */
export function withDetails(
  error: FabricError,
  details: Readonly<Record<string, unknown>>,
): FabricError {
  return reworded(error, { details });
}

/** The same error in other words, or with further facts. */
export function reworded(
  error: FabricError,
  { message = error.message, details = {} }: {
    readonly message?: string;
    readonly details?: Readonly<Record<string, unknown>>;
  },
): FabricError {
  return new FabricError(error.kind, message, {
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.value === undefined ? {} : { value: error.value }),
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    details: { ...details, ...error.details },
    cause: error.cause ?? error,
  });
}
