/**
 * What an edit of a Network needs: a place among the others, and nobody under what it takes away.
 *
 * @module
 */

import { type Compare, type Operation, type Store, underPrefix } from "../etcd/store.ts";
import { type Range, subtractRanges } from "../ip/range.ts";
import { invalidDocument } from "../model/field_error.ts";
import { DEFAULT_MTU, type Network, type NetworkSpec, type Zone } from "../model/network.ts";
import type { WrittenKind, WrittenResource } from "../model/kinds.ts";
import type { EditBase, EditPlan } from "./edit.ts";
import { sizeOperation } from "./free.ts";
import {
  addressesUnchanged,
  inUse,
  rangesUnused,
  usersOfNetwork,
  usersOfRanges,
} from "./in_use.ts";
import { freePrefix, nodeKey, physicalNetworkKey } from "./keys.ts";
import { listResources } from "./kinds.ts";
import { allocatable, networkPools } from "./pool.ts";
import { checkNetworkReferences, type Surroundings } from "./references.ts";
import { decodeResource } from "./stored.ts";

const FAMILIES = [4, 6] as const;

/** All objects of the kind. */
export async function listAll<K extends WrittenKind>(
  store: Store,
  kind: K,
): Promise<readonly WrittenResource<K>[]> {
  return await Array.fromAsync(listResources(store, kind));
}

/** A network without an MTU gets that of its physical network, so that an ADD need not read it. */
export async function completeNetwork(store: Store, network: Network): Promise<Network> {
  if (network.spec.mtu !== undefined) return network;
  const { kvs } = await store.range({ key: physicalNetworkKey(network.spec.physicalNetwork) });
  const [kv] = kvs;
  const mtu = kv === undefined ? undefined : decodeResource(kv, "PhysicalNetwork").spec.mtu;
  return { ...network, spec: { ...network.spec, mtu: mtu ?? DEFAULT_MTU } };
}

interface NetworkEdit {
  readonly stored: Network | undefined;
  readonly base: EditBase;
}

/**
 * The plan of creating or changing a network.
 *
 * @throws {FabricError} `invalid`, `conflict`, `in-use`.
 */
export async function planNetwork(
  store: Store,
  network: Network,
  edit: NetworkEdit,
): Promise<EditPlan> {
  const { stored, base } = edit;
  const name = network.metadata.name;
  const [physicalNetworks, zones, networks, leftOver] = await Promise.all([
    listAll(store, "PhysicalNetwork"),
    listAll(store, "Zone"),
    listAll(store, "Network"),
    stored === undefined && hasIndex(store, name),
  ]);
  const others = networks.filter((other) => other.metadata.name !== name);
  checkAround(network, stored, { physicalNetworks, zones, networks: others });
  const compare = stored === undefined ? [] : [
    ...await compareMoved(store, network, { stored, base }),
    ...await compareTaken(store, network, { stored, base }),
    ...await compareZones(store, network, { stored, base, zones }),
  ];
  const added = FAMILIES.map((family) => difference(network.spec, stored?.spec, family));
  const removed = FAMILIES.flatMap((family) => difference(stored?.spec, network.spec, family));
  const clean = leftOver || removed.length > 0;
  return { compare, success: sizes(network), index: { network: name, added, clean } };
}

function checkAround(network: Network, stored: Network | undefined, around: Surroundings): void {
  const faults = checkNetworkReferences(network, stored, around);
  if (faults.length === 0) return;
  const kind = faults.every(({ conflict }) => conflict) ? "conflict" : "invalid";
  const errors = faults.map(({ error }) => error);
  throw invalidDocument(`Network ${network.metadata.name}`, errors, { kind });
}

function sizes(network: Network): readonly Operation[] {
  return FAMILIES.map((family) =>
    sizeOperation(network.metadata.name, family, allocatable(network.spec, family))
  );
}

/** What `a` hands out and `b` does not. */
function difference(
  a: NetworkSpec | undefined,
  b: NetworkSpec | undefined,
  family: 4 | 6,
): readonly Range[] {
  if (a === undefined) return [];
  return subtractRanges(allocatable(a, family), b === undefined ? [] : allocatable(b, family));
}

/** Left over from a network of that name whose creation died, or that was deleted at that moment. */
async function hasIndex(store: Store, network: string): Promise<boolean> {
  const counts = await Promise.all(
    FAMILIES.map((family) =>
      store.range({ ...underPrefix(freePrefix(network, family)), countOnly: true })
    ),
  );
  return counts.some(({ count }) => count > 0);
}

/** Another VLAN or physical network: only while nobody has an address but for things outside. */
async function compareMoved(
  store: Store,
  network: Network,
  edit: { readonly stored: Network; readonly base: EditBase },
): Promise<readonly Compare[]> {
  const [before, after] = [edit.stored.spec, network.spec];
  const moved = before.vlan !== after.vlan
    ? { what: "VLAN", field: "spec.vlan", value: String(after.vlan) }
    : { what: "physical network", field: "spec.physicalNetwork", value: after.physicalNetwork };
  if (before.vlan === after.vlan && before.physicalNetwork === after.physicalNetwork) return [];
  const name = network.metadata.name;
  const users = await usersOfNetwork(store, name, (record) => record.state !== "reserved");
  if (users.count > 0) {
    throw inUse(`Cannot change the ${moved.what} of Network ${name}, it is in use`, users, {
      field: moved.field,
      value: moved.value,
      remedy: "end these first, or make another network",
    });
  }
  return [addressesUnchanged(name, edit.base.revision)];
}

/** Addresses that are not handed out, or not a host's, any more: nobody may have one of them. */
async function compareTaken(
  store: Store,
  network: Network,
  edit: { readonly stored: Network; readonly base: EditBase },
): Promise<readonly Compare[]> {
  const usable = ({ spec }: Network) => networkPools(spec).flatMap((pool) => pool.usable);
  const free = ({ spec }: Network) => networkPools(spec).flatMap((pool) => pool.free);
  const taken = [
    ...subtractRanges(usable(edit.stored), usable(network)),
    ...subtractRanges(free(edit.stored), free(network)),
  ];
  if (taken.length === 0) return [];
  const name = network.metadata.name;
  const users = await usersOfRanges(store, name, taken);
  if (users.count > 0) {
    throw inUse(`Cannot take addresses in use away from Network ${name}`, users, {
      field: "spec.subnets",
      remedy: "end these pods, release or unreserve the addresses first, or keep them in the spec",
    });
  }
  return rangesUnused(name, taken, edit.base.revision);
}

/** Zones that the network reached and does not reach any more: no holder may be there. */
async function compareZones(
  store: Store,
  network: Network,
  edit: { readonly stored: Network; readonly base: EditBase; readonly zones: readonly Zone[] },
): Promise<readonly Compare[]> {
  const after = reachedZones(network, edit.zones);
  const lost = reachedZones(edit.stored, edit.zones).filter((zone) => !after.includes(zone));
  if (lost.length === 0) return [];
  const name = network.metadata.name;
  const zoneOf = new Map<string, string>();
  for (const { metadata, spec } of await listAll(store, "Node")) {
    zoneOf.set(nodeKey(spec.cluster, metadata.name), spec.zone);
  }
  const users = await usersOfNetwork(store, name, ({ holder }) => {
    if (holder === undefined) return false;
    const zone = zoneOf.get(nodeKey(holder.cluster, holder.node));
    // A node that nobody knows may be anywhere.
    return zone === undefined || lost.includes(zone);
  });
  if (users.count > 0) {
    throw inUse(`Network ${name} is in use in zone ${lost.join(", ")}`, users, {
      field: "spec.zones",
      value: (network.spec.zones ?? []).join(","),
      remedy: "end these pods first, or keep the zone",
    });
  }
  return [addressesUnchanged(name, edit.base.revision)];
}

/** Zones whose nodes can use the network. */
export function reachedZones(network: Network, zones: readonly Zone[]): readonly string[] {
  const { physicalNetwork, zones: named } = network.spec;
  return zones.filter(({ metadata, spec }) =>
    spec.physicalNetworks.includes(physicalNetwork) &&
    (named === undefined || named.includes(metadata.name))
  ).map(({ metadata }) => metadata.name);
}
