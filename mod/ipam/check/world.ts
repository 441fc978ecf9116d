/**
 * What administrators declared, as a check needs it: read whole at the snapshot, parsed once.
 *
 * @module
 */

import { asFabricError } from "../../error.ts";
import { type KeyValue, underPrefix } from "../../etcd/store.ts";
import type { Family } from "../../ip/address.ts";
import type { Range } from "../../ip/range.ts";
import type { WrittenKind, WrittenResource } from "../../model/kinds.ts";
import type { Network } from "../../model/network.ts";
import { META_EDIT, PREFIXES, unescapeSegment } from "../keys.ts";
import { allocatable, familiesOf, networkPools, type SubnetPool } from "../pool.ts";
import { decodeResource } from "../stored.ts";
import { claimOf } from "./claim.ts";
import { readRange, scanWindows, type Snapshot } from "./windows.ts";

/** An object, or what is in its place. */
export interface Declared<K extends WrittenKind> {
  readonly kv: KeyValue;
  readonly kind: K;
  /** The last part of its key, unescaped. */
  readonly name: string;
  /** Undefined where it cannot be read. */
  readonly resource: WrittenResource<K> | undefined;
}

/** A network whose addresses can be judged. */
export interface KnownNetwork {
  readonly name: string;
  readonly uid: string;
  readonly modRevision: number;
  readonly network: Network;
  readonly pools: readonly SubnetPool[];
  readonly families: readonly Family[];
  readonly allocatable: Readonly<Record<Family, readonly Range[]>>;
}

export interface World {
  readonly physicalNetworks: readonly Declared<"PhysicalNetwork">[];
  readonly zones: readonly Declared<"Zone">[];
  readonly networks: readonly Declared<"Network">[];
  readonly nodes: readonly Declared<"Node">[];
  /** By name; those only whose spec can be parsed. */
  readonly known: ReadonlyMap<string, KnownNetwork>;
  /** Names of all networks that have a key. */
  readonly names: ReadonlySet<string>;
  /** `cluster\nnode` of all nodes that have a key. */
  readonly nodeNames: ReadonlySet<string>;
  /** The network that an edit is at work on, and since which revision. */
  readonly edit: { readonly claim: string | undefined; readonly modRevision: number };
}

const PREFIX_OF = {
  PhysicalNetwork: PREFIXES.physicalNetworks,
  Zone: PREFIXES.zones,
  Network: PREFIXES.networks,
  Node: PREFIXES.nodes,
} as const;

/** Reads all of it. */
export async function readWorld(snapshot: Snapshot): Promise<World> {
  const [physicalNetworks, zones, networks, nodes, edit] = await Promise.all([
    readKind(snapshot, "PhysicalNetwork"),
    readKind(snapshot, "Zone"),
    readKind(snapshot, "Network"),
    readKind(snapshot, "Node"),
    readRange(snapshot, { key: META_EDIT }),
  ]);
  const known = new Map<string, KnownNetwork>();
  for (const declared of networks) {
    const network = knownNetwork(declared);
    if (network !== undefined) known.set(declared.name, network);
  }
  const [editKey] = edit.kvs;
  return {
    physicalNetworks,
    zones,
    networks,
    nodes,
    known,
    names: new Set(networks.map(({ name }) => name)),
    nodeNames: new Set(nodes.map(({ kv }) => nodeName(kv.key))),
    edit: {
      claim: editKey === undefined ? undefined : claimOf(editKey.value),
      modRevision: editKey?.modRevision ?? 0,
    },
  };
}

function nodeName(key: string): string {
  const [cluster = "", node = ""] = key.slice(PREFIXES.nodes.length).split("/");
  return `${unescape(cluster)}\n${unescape(node)}`;
}

function unescape(segment: string): string {
  try {
    return unescapeSegment(segment);
  } catch {
    return segment;
  }
}

async function readKind<K extends WrittenKind>(
  snapshot: Snapshot,
  kind: K,
): Promise<readonly Declared<K>[]> {
  const all: Declared<K>[] = [];
  for await (const page of scanWindows(snapshot, underPrefix(PREFIX_OF[kind]))) {
    for (const kv of page) {
      const name = unescape(kv.key.slice(kv.key.lastIndexOf("/") + 1));
      all.push({ kv, kind, name, resource: tryDecode(kv, kind) });
    }
  }
  return all;
}

function tryDecode<K extends WrittenKind>(kv: KeyValue, kind: K): WrittenResource<K> | undefined {
  try {
    return decodeResource(kv, kind);
  } catch (error) {
    if (asFabricError(error).kind === "internal" || asFabricError(error).kind === "schema") {
      return undefined;
    }
    throw error;
  }
}

/** Undefined where the network, or a subnet of it, cannot be parsed. */
export function knownNetwork(declared: Declared<"Network">): KnownNetwork | undefined {
  const { name, kv, resource } = declared;
  if (resource === undefined) return undefined;
  try {
    const { spec } = resource;
    return {
      name,
      uid: resource.metadata.uid ?? "",
      modRevision: kv.modRevision,
      network: resource,
      pools: networkPools(spec),
      families: familiesOf(spec),
      allocatable: { 4: allocatable(spec, 4), 6: allocatable(spec, 6) },
    };
  } catch {
    return undefined;
  }
}

/** The kinds, in the order in which one needs the other. */
export const DECLARED_KINDS: readonly WrittenKind[] = [
  "PhysicalNetwork",
  "Zone",
  "Node",
  "Network",
];

/** A stored document of the kind; undefined where it cannot be read. */
export function readDeclared(kv: KeyValue, kind: WrittenKind): WrittenResource | undefined {
  return tryDecode(kv, kind);
}
