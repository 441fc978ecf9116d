/**
 * `--zone`: what belongs to one zone. What somebody holds belongs to the zone of the holder's node,
 * everything else to the zones that its network reaches.
 *
 * @module
 */

import { FabricError } from "../../mod/error.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { reachedZones } from "../../mod/ipam/apply_network.ts";
import { getResource } from "../../mod/ipam/kinds.ts";
import { nodeKey, PREFIXES } from "../../mod/ipam/keys.ts";
import { decodeResource } from "../../mod/ipam/stored.ts";
import type { AttachmentRef } from "../../mod/model/identity.ts";
import type { Network } from "../../mod/model/network.ts";
import { usageError } from "../exit.ts";
import { type Filter, readObjects, type Source } from "../kind.ts";

type NodeRef = Pick<AttachmentRef, "cluster" | "node">;

/** What is inside of a zone. */
export interface ZoneScope {
  readonly hasNode: (node: NodeRef) => boolean;
  readonly hasNetwork: (network: Network) => boolean;
  /** By its holder, else by the name of its network. */
  readonly has: (holder: NodeRef | undefined, network: string) => boolean;
}

const EVERYWHERE: ZoneScope = { hasNode: () => true, hasNetwork: () => true, has: () => true };

/**
 * The scope of the filter's zone; without one everything is inside.
 *
 * @throws {FabricError} a usage error where there is no such zone.
 */
export async function zoneScope(source: Source, { zone: name }: Filter): Promise<ZoneScope> {
  if (name === undefined) return EVERYWHERE;
  const zone = await getResource(source.store, { kind: "Zone", name }).catch((error) => {
    if (!(error instanceof FabricError) || error.kind !== "not-found") throw error;
    const { message, remedy = "see get zones" } = error;
    throw usageError(message, { field: "--zone", value: name, remedy });
  });
  const nodes = new Set<string>();
  const read = readObjects(
    source,
    underPrefix(PREFIXES.nodes),
    (kv) => decodeResource(kv, "Node"),
  );
  for await (const { metadata, spec } of read) {
    if (spec.zone === name) nodes.add(nodeKey(spec.cluster, metadata.name));
  }
  const networks = new Set<string>();
  const hasNetwork = (network: Network): boolean => reachedZones(network, [zone]).length > 0;
  const all = readObjects(
    source,
    underPrefix(PREFIXES.networks),
    (kv) => decodeResource(kv, "Network"),
  );
  for await (const network of all) {
    if (hasNetwork(network)) networks.add(network.metadata.name);
  }
  const hasNode = ({ cluster, node }: NodeRef): boolean => nodes.has(nodeKey(cluster, node));
  return {
    hasNode,
    hasNetwork,
    has: (holder, network) => holder === undefined ? networks.has(network) : hasNode(holder),
  };
}
