/**
 * What the kernel's words mean for the configuration.
 *
 * @module
 */

import { asFabricError, FabricError } from "../../error.ts";

/** The same error, or one that names the field: pods' routes have an address of the node as their source. */
export function explain(error: unknown, nodeAddresses: readonly string[]): unknown {
  const { message } = asFabricError(error);
  if (!/Invalid (prefsrc|source) address/.test(message)) return error;
  return new FabricError(
    "invalid",
    `Of ${nodeAddresses.join(", ")} (services.nodeAddresses) this node has not each on a device`,
    {
      field: "services.nodeAddresses",
      value: nodeAddresses.join(","),
      remedy: "name addresses that ip address show has, or leave the field out",
      cause: error,
    },
  );
}
