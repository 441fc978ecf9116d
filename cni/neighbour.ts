/**
 * Whose fault it was: an error of a step gets the name of the neighbour that the step spoke to, so
 * that the runtime is told which of them is missing.
 *
 * @module
 */

import { asFabricError, FabricError } from "../mod/error.ts";
import type { Neighbour } from "./error_code.ts";

/** Does the step; its error carries `details.neighbour`, unless it names one already. */
export async function asking<T>(neighbour: Neighbour, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw withDetails(asFabricError(cause), { neighbour });
  }
}

/** The same error with further facts; what it says already stays. */
export function withDetails(
  error: FabricError,
  details: Readonly<Record<string, unknown>>,
): FabricError {
  return new FabricError(error.kind, error.message, {
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.value === undefined ? {} : { value: error.value }),
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    details: { ...details, ...error.details },
    cause: error.cause ?? error,
  });
}
