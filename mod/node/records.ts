/**
 * What the store says of one node: its own range and the objects that it uses, and no more.
 *
 * @module
 */

import * as v from "valibot";
import { asFabricError } from "../error.ts";
import type { Header, KeyValue, Store } from "../etcd/store.ts";
import { underPrefix } from "../etcd/store.ts";
import { hostIfname } from "../host/ifname.ts";
import { keysOf } from "../ipam/allocate_state.ts";
import {
  META_SCHEMA,
  networkKey,
  nodeAttachmentPrefix,
  nodeKey,
  parseAttachmentKey,
  physicalNetworkKey,
  zoneKey,
} from "../ipam/keys.ts";
import { decodeRecord, decodeResource, SCHEMA } from "../ipam/stored.ts";
import type { WrittenKind, WrittenResource } from "../model/kinds.ts";
import type { Network, Node, PhysicalNetwork, Zone } from "../model/network.ts";
import { type AttachmentRecord, AttachmentRecordSchema } from "../model/records.ts";

/** An attachment of the node, with the name of its port. */
export interface RecordedAttachment {
  readonly port: string;
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly record: AttachmentRecord;
}

/** What the store says of a node. */
export interface NodeRecords {
  readonly header: Header;
  /** The schema of the store, where it is one that this version does not read. */
  readonly newerSchema: number | undefined;
  readonly node: Node | undefined;
  readonly zone: Zone | undefined;
  /** By name; those of the zone and of the configuration that there are. */
  readonly physicalNetworks: ReadonlyMap<string, PhysicalNetwork>;
  /** By name; those of the attachments that there are. */
  readonly networks: ReadonlyMap<string, Network>;
  /** By port. */
  readonly attachments: ReadonlyMap<string, RecordedAttachment>;
  /** Ports whose attachment stands there and cannot be read: a check of the store tells of it. */
  readonly unreadable: ReadonlySet<string>;
}

/** Who is asked about. */
export interface NodeName {
  readonly cluster: string;
  readonly node: string;
  readonly zone: string;
  /** Names in the node's configuration. */
  readonly physicalNetworks: readonly string[];
}

/** Keys of one transaction. */
const AT_ONCE = 100;

/** Reads it. */
export async function readNodeRecords(store: Store, name: NodeName): Promise<NodeRecords> {
  const { cluster, node, zone } = name;
  const { attachments, unreadable } = await readAttachments(store, name);
  const networks = [...new Set([...attachments.values()].map((it) => it.record.network.name))];
  const first = [META_SCHEMA, nodeKey(cluster, node), zoneKey(zone)];
  const { kvs, header } = await readKeys(store, [...first, ...networks.map(networkKey)]);
  const zoneRecord = decode(kvs.get(zoneKey(zone)), "Zone");
  const physical = new Set([
    ...name.physicalNetworks,
    ...zoneRecord?.spec.physicalNetworks ?? [],
  ]);
  const more = await readKeys(store, [...physical].map(physicalNetworkKey));
  return {
    header,
    newerSchema: newerSchema(kvs.get(META_SCHEMA)),
    node: decode(kvs.get(nodeKey(cluster, node)), "Node"),
    zone: zoneRecord,
    physicalNetworks: new Map(
      [...physical].flatMap((it) =>
        named(it, decode(more.kvs.get(physicalNetworkKey(it)), "PhysicalNetwork"))
      ),
    ),
    networks: new Map(
      networks.flatMap((it) => named(it, decode(kvs.get(networkKey(it)), "Network"))),
    ),
    attachments,
    unreadable,
  };
}

function named<T>(name: string, value: T | undefined): readonly (readonly [string, T])[] {
  return value === undefined ? [] : [[name, value]];
}

async function readAttachments(
  store: Store,
  { cluster, node }: NodeName,
): Promise<Pick<NodeRecords, "attachments" | "unreadable">> {
  const attachments = new Map<string, RecordedAttachment>();
  const unreadable = new Set<string>();
  const range = underPrefix(nodeAttachmentPrefix(cluster, node));
  for (let key: string | undefined = range.key; key !== undefined;) {
    const page = await store.range({ key, end: range.end, limit: 256 });
    for (const kv of page.kvs) {
      const { containerId, ifname } = parseAttachmentKey(kv.key);
      const port = await hostIfname(containerId, ifname);
      const record = readAttachment(kv);
      if (record === undefined) unreadable.add(port);
      else {
        const { key, modRevision: revision, createRevision } = kv;
        attachments.set(port, { port, key, revision, createRevision, record });
      }
    }
    const last = page.kvs.at(-1);
    key = page.more && last !== undefined ? `${last.key}\0` : undefined;
  }
  return { attachments, unreadable };
}

function readAttachment(kv: KeyValue): AttachmentRecord | undefined {
  try {
    return decodeRecord(AttachmentRecordSchema, kv);
  } catch (error) {
    if (["internal", "schema"].includes(asFabricError(error).kind)) return undefined;
    throw error;
  }
}

/** Mod revisions of attachments as they are now; 0: there is none. */
export async function readRevisions(
  store: Store,
  keys: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { kvs } = await readKeys(store, keys);
  return new Map(keys.map((key) => [key, kvs.get(key)?.modRevision ?? 0]));
}

/** The keys that exist, and the header of the last answer. */
export async function readKeys(
  store: Store,
  keys: readonly string[],
): Promise<{ readonly kvs: ReadonlyMap<string, KeyValue>; readonly header: Header }> {
  const kvs = new Map<string, KeyValue>();
  let header: Header = { clusterId: "", revision: 0 };
  for (let i = 0; i < keys.length || i === 0; i += AT_ONCE) {
    const part = keys.slice(i, i + AT_ONCE);
    const read = await store.txn({ success: part.map((key) => ({ range: { key } })) });
    header = read.header;
    for (const result of read.results) {
      for (const kv of keysOf(result)) kvs.set(kv.key, kv);
    }
  }
  return { kvs, header };
}

function decode<K extends WrittenKind>(
  kv: KeyValue | undefined,
  kind: K,
): WrittenResource<K> | undefined {
  if (kv === undefined) return undefined;
  try {
    return decodeResource(kv, kind);
  } catch (error) {
    if (["internal", "schema"].includes(asFabricError(error).kind)) return undefined;
    throw error;
  }
}

const SchemaValue = v.looseObject({ schema: v.number() });

function newerSchema(kv: KeyValue | undefined): number | undefined {
  try {
    const { schema } = v.parse(SchemaValue, JSON.parse(kv?.value ?? ""));
    return schema > SCHEMA ? schema : undefined;
  } catch {
    return undefined;
  }
}
