/**
 * The networks that a filter means.
 *
 * @module
 */

import { isKind } from "../../mod/error.ts";
import { getResource } from "../../mod/ipam/kinds.ts";
import type { Network } from "../../mod/model/network.ts";
import { usageError } from "../exit.ts";
import type { Filter, Source } from "../kind.ts";
import { listNetworks } from "./network.ts";
import { zoneScope } from "./zone_scope.ts";

/**
 * The network of `--network`, else all; of the zone, where there is one.
 *
 * @throws {FabricError} a usage error where there is no such network.
 */
export async function* networksOf(source: Source, filter: Filter): AsyncGenerator<Network> {
  const { network: name } = filter;
  const { hasNetwork } = await zoneScope(source, filter);
  if (name === undefined) {
    for await (const network of listNetworks(source)) if (hasNetwork(network)) yield network;
    return;
  }
  let network: Network;
  try {
    network = await getResource(source.store, { kind: "Network", name });
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
    const { message, remedy = "see get networks" } = error;
    throw usageError(message, { field: "--network", value: name, remedy });
  }
  if (hasNetwork(network)) yield network;
}
