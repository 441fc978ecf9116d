/**
 * What the mirror keeps of the store, and what it only passes on: the prefix of each kind, how its
 * values are read, and to which network a row belongs.
 *
 * @module
 */

import { addressFromHex, formatAddress } from "../../mod/ip/address.ts";
import {
  type AddressObject,
  addressObject,
  type AttachmentObject,
  decodeAttachment,
  decodeHistory,
  type HistoryObject,
  type OwnerObject,
  ownerObject,
  type StoredRecord,
} from "../../mod/ipam/objects.ts";
import { PREFIXES, unescapeSegment } from "../../mod/ipam/keys.ts";
import { decodeRecord, decodeResource, SCHEMA } from "../../mod/ipam/stored.ts";
import { isFields } from "../../mod/model/validate_shape.ts";
import type { KeyValue } from "../../mod/etcd/store.ts";
import type { Network, Node, PhysicalNetwork, Zone } from "../../mod/model/network.ts";
import {
  type AddressRecord,
  AddressRecordSchema,
  type OwnerRecord,
  OwnerRecordSchema,
} from "../../mod/model/records.ts";

/** One address as it is kept: its record, and what its key says. */
export interface AddressRow {
  readonly network: string;
  /** As text. */
  readonly address: string;
  readonly record: AddressRecord;
}

/** What a row of a kind holds. */
export interface Values {
  readonly physicalnetworks: PhysicalNetwork;
  readonly zones: Zone;
  readonly nodes: Node;
  readonly networks: Network;
  readonly addresses: AddressRow;
  readonly owners: OwnerRecord;
}

/** Kinds that the mirror keeps. */
export const MIRRORED = [
  "physicalnetworks",
  "zones",
  "nodes",
  "networks",
  "addresses",
  "owners",
] as const satisfies readonly (keyof Values)[];
/** A kind that the mirror keeps. */
export type MirroredKind = typeof MIRRORED[number];

/** Kinds whose changes are passed on and not kept. */
export const PASSED = ["attachments", "history"] as const;
/** A kind whose changes are passed on. */
export type PassedKind = typeof PASSED[number];

/** A kind that can be watched. */
export type WatchedKind = MirroredKind | PassedKind;
/** All kinds that can be watched. */
export const WATCHED: readonly WatchedKind[] = [...MIRRORED, ...PASSED];

/** A value with the revision of its last change. */
export interface Row<T = unknown> {
  readonly value: T;
  readonly revision: number;
}

/** The object that people read. */
export type ApiObject =
  | Values["physicalnetworks" | "zones" | "nodes" | "networks"]
  | AddressObject
  | OwnerObject
  | AttachmentObject
  | HistoryObject;

/** The prefix of each kind in the store. */
export const PREFIX_OF: Readonly<Record<WatchedKind, string>> = {
  physicalnetworks: PREFIXES.physicalNetworks,
  zones: PREFIXES.zones,
  nodes: PREFIXES.nodes,
  networks: PREFIXES.networks,
  addresses: PREFIXES.addresses,
  owners: PREFIXES.owners,
  attachments: PREFIXES.attachments,
  history: PREFIXES.history,
};

/** One copy of words that stand in very many records: names of nodes, clusters, interfaces. */
export class Words {
  readonly #words = new Map<string, string>();

  one(word: string): string {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    if (this.#words.size > 50_000) this.#words.clear();
    this.#words.set(word, word);
    return word;
  }
}

/** How values are read, given the words that are kept once. */
export type Decoders = {
  readonly [K in MirroredKind]: (kv: StoredRecord) => Values[K];
};

/** Readers of the kinds that are kept; they throw what `decodeRecord` throws. */
export function decoders(words: Words): Decoders {
  return {
    physicalnetworks: (kv) => decodeResource(kv, "PhysicalNetwork"),
    zones: (kv) => decodeResource(kv, "Zone"),
    nodes: (kv) => decodeResource(kv, "Node"),
    networks: (kv) => decodeResource(kv, "Network"),
    addresses: (kv) => {
      const [, network = "", , hex = ""] = kv.key.split("/");
      const record = readAddress(kv);
      keepOnce(record, words);
      return { network: words.one(unescapeSegment(network)), address: addressText(hex), record };
    },
    owners: (kv) => {
      const record = decodeRecord(OwnerRecordSchema, kv);
      keepOnce(record, words);
      return record;
    },
  };
}

/**
 * 200,000 records are read at start: those that plainly are what they should be do not pass through
 * the schema, which takes twice as long as reading them.
 */
function readAddress(kv: StoredRecord): AddressRecord {
  let value: unknown;
  try {
    value = JSON.parse(kv.value);
  } catch {
    // The schema's reader says what is wrong.
  }
  return isAddressRecord(value) ? value : decodeRecord(AddressRecordSchema, kv);
}

function areTexts(value: unknown, names: readonly string[]): boolean {
  return isFields(value) && names.every((name) => typeof value[name] === "string");
}

const OWNER_FIELDS = ["cluster", "group", "kind", "namespace", "name", "slot", "ifname"] as const;
const HOLDER_FIELDS = ["cluster", "node", "containerId", "ifname"] as const;

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

function isAddressRecord(value: unknown): value is AddressRecord {
  if (!isFields(value)) return false;
  const { v, state, id, since, owner, holder, mac, reason } = value;
  if (v !== SCHEMA || typeof id !== "string" || typeof since !== "string") return false;
  if (state !== "used" && state !== "owned" && state !== "reserved") return false;
  if (!isTextOrAbsent(mac) || !isTextOrAbsent(reason)) return false;
  if (owner !== undefined && !areTexts(owner, OWNER_FIELDS)) return false;
  if (holder === undefined) return true;
  if (!isFields(holder) || !areTexts(holder, HOLDER_FIELDS)) return false;
  const { pod } = holder;
  return pod === undefined ||
    isFields(pod) && areTexts(pod, ["namespace", "name"]) && isTextOrAbsent(pod["uid"]);
}

/** The address of a key's last part. */
function addressText(hex: string): string {
  if (hex.length !== 8) return formatAddress(addressFromHex(hex));
  const value = parseInt(hex, 16);
  return `${value >>> 24}.${value >>> 16 & 255}.${value >>> 8 & 255}.${value & 255}`;
}

function keepOnce(record: AddressRecord | OwnerRecord, words: Words): void {
  const { owner, holder } = record;
  if (owner !== undefined) {
    owner.cluster = words.one(owner.cluster);
    owner.group = words.one(owner.group);
    owner.kind = words.one(owner.kind);
    owner.namespace = words.one(owner.namespace);
    owner.name = words.one(owner.name);
    owner.slot = words.one(owner.slot);
    owner.ifname = words.one(owner.ifname);
  }
  if (holder !== undefined) {
    holder.cluster = words.one(holder.cluster);
    holder.node = words.one(holder.node);
    holder.ifname = words.one(holder.ifname);
    if (holder.pod !== undefined) holder.pod.namespace = words.one(holder.pod.namespace);
  }
}

/** Objects of the kinds that are kept, as people read them. */
export const OBJECTS: {
  readonly [K in MirroredKind]: (row: Row<Values[K]>) => ApiObject;
} = {
  physicalnetworks: ({ value }) => value,
  zones: ({ value }) => value,
  nodes: ({ value }) => value,
  networks: ({ value }) => value,
  addresses: ({ value, revision }) =>
    addressObject(value.record, {
      network: value.network,
      address: value.address,
      modRevision: revision,
    }),
  owners: ({ value, revision }) => ownerObject(value, revision),
};

/** Objects of the kinds that are passed on. */
export const PASSED_OBJECTS: Readonly<Record<PassedKind, (kv: KeyValue) => ApiObject>> = {
  attachments: decodeAttachment,
  history: decodeHistory,
};

/** The network that an object belongs to; undefined: it belongs to none (a node, a zone). */
export function networkOf(object: ApiObject): string | undefined {
  switch (object.kind) {
    case "Network":
      return object.metadata.name;
    case "Address":
      return object.spec.network;
    case "Owner":
    case "Attachment":
    case "History":
      return object.spec.network.name;
    case "PhysicalNetwork":
    case "Zone":
    case "Node":
      return undefined;
  }
}
