/**
 * Reading the kinds that administrators write: one object, or all of a kind.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { readPages } from "../etcd/pages.ts";
import { type KeyRange, type Store, underPrefix } from "../etcd/store.ts";
import type { WrittenKind, WrittenResource } from "../model/kinds.ts";
import { nearest } from "../nearest.ts";
import {
  networkKey,
  nodeKey,
  physicalNetworkKey,
  PREFIXES,
  unescapeSegment,
  zoneKey,
} from "./keys.ts";
import { decodeResource } from "./stored.ts";

/** Names one object; the name of a Node needs its cluster. */
export interface ObjectRef<K extends WrittenKind = WrittenKind> {
  readonly kind: K;
  readonly name: string;
  /** Of a Node, and of nothing else. */
  readonly cluster?: string | undefined;
}

const PREFIX_OF: Readonly<Record<WrittenKind, string>> = {
  PhysicalNetwork: PREFIXES.physicalNetworks,
  Zone: PREFIXES.zones,
  Node: PREFIXES.nodes,
  Network: PREFIXES.networks,
};

/** The key of the object. */
export function objectKey(ref: ObjectRef): string {
  switch (ref.kind) {
    case "PhysicalNetwork":
      return physicalNetworkKey(ref.name);
    case "Zone":
      return zoneKey(ref.name);
    case "Network":
      return networkKey(ref.name);
    case "Node":
      return nodeKey(ref.cluster ?? "", ref.name);
  }
}

/** `Network prod`, `Node local/n1`: the object for people. */
export function describeRef(ref: ObjectRef): string {
  return ref.kind === "Node" ? `Node ${ref.cluster}/${ref.name}` : `${ref.kind} ${ref.name}`;
}

/** All keys of the kind. */
export function kindRange(kind: WrittenKind): Required<KeyRange> {
  return underPrefix(PREFIX_OF[kind]);
}

/**
 * One object as it stands in the store.
 *
 * @throws {FabricError} `not-found`, with the nearest name that exists.
 */
export async function getResource<K extends WrittenKind>(
  store: Store,
  ref: ObjectRef<K>,
): Promise<WrittenResource<K>> {
  const { kvs } = await store.range({ key: objectKey(ref) });
  const [kv] = kvs;
  if (kv === undefined) throw await notFound(store, ref);
  return decodeResource(kv, ref.kind);
}

/** The error for an object that does not exist. */
export async function notFound(store: Store, ref: ObjectRef): Promise<FabricError> {
  const meant = nearest(ref.name, await listNames(store, ref.kind));
  return new FabricError("not-found", `${describeRef(ref)} does not exist`, {
    field: "metadata.name",
    value: ref.name,
    remedy: meant === undefined || meant === ref.name
      ? `see fabric-admin get ${ref.kind.toLowerCase()}`
      : `did you mean ${meant}`,
    details: { ref },
  });
}

/** Names of all objects of the kind, without reading them. */
export async function listNames(store: Store, kind: WrittenKind): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of readPages(store, kindRange(kind), { keysOnly: true })) {
    for (const { key } of page) names.push(unescapeSegment(key.slice(key.lastIndexOf("/") + 1)));
  }
  return names;
}

/** All objects of the kind in the order of their keys, read a page at a time. */
export async function* listResources<K extends WrittenKind>(
  store: Store,
  kind: K,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<WrittenResource<K>> {
  for await (const page of readPages(store, kindRange(kind), options)) {
    for (const kv of page) yield decodeResource(kv, kind);
  }
}
