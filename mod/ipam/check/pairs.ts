/**
 * What two records say of each other, as text that both write the same way. A record says its half
 * of every pair; a half that stays alone is a suspicion.
 *
 * @module
 */

import type { KeyValue } from "../../etcd/store.ts";
import { addressToHex, tryParseAddress } from "../../ip/address.ts";
import { escapeSegment, PREFIXES, unescapeSegment } from "../keys.ts";
import {
  joinPath,
  type QuickAddress,
  quickAddress,
  type QuickAttachment,
  quickAttachment,
  type QuickHistory,
  quickHistory,
  type QuickMac,
  quickMac,
  type QuickOwner,
  quickOwner,
  quickPointer,
  splitHolder,
} from "./quick.ts";
import type { KnownNetwork, World } from "./world.ts";

/** Where a record's halves go. */
export interface Sink {
  pair(text: string): void;
  /** The record is worth a closer look, whatever others say. */
  suspect(key: string): void;
  /** A record of a network that has no key. */
  missingNetwork(name: string, key: string): void;
  /** An attachment of a node that has no key; `cluster\nnode`. */
  unknownNode(name: string, key: string): void;
}

/** What an inspection knows, and where it speaks. */
export interface Inspection {
  readonly world: World;
  readonly sink: Sink;
}

/** Says the halves of one record; gives the record, or undefined where it cannot be read. */
export type Inspect<T> = (kv: KeyValue, inspection: Inspection) => T | undefined;

/** Segments without anything that is escaped. */
const PLAIN = /^[\w.~-]+(?:\/[\w.~-]+)*$/;

function emptyName(segment: string): string {
  return segment === "-" ? "" : segment;
}

const HEX = /^(?:4\/[0-9a-f]{8}|6\/[0-9a-f]{32})$/;

/** Segments behind the prefix, unescaped; undefined where there are not so many, or not readable. */
export function segmentsOf(
  key: string,
  prefix: string,
  count: number,
): readonly string[] | undefined {
  const tail = key.slice(prefix.length);
  const parts = tail.split("/");
  if (parts.length !== count) return undefined;
  // Most names hold nothing that is escaped.
  if (PLAIN.test(tail)) return parts.includes("-") ? parts.map(emptyName) : parts;
  try {
    const names = parts.map(unescapeSegment);
    return names.every((name, index) => escapeSegment(name) === parts[index]) ? names : undefined;
  } catch {
    return undefined;
  }
}

/** Network and `4/<hex>` of a key that ends in an address. */
export function addressParts(
  key: string,
  prefix: string,
): { readonly network: string; readonly place: string } | undefined {
  const slash = key.indexOf("/", prefix.length);
  const place = key.slice(slash + 1);
  if (slash < 0 || !HEX.test(place)) return undefined;
  const [network] = segmentsOf(key.slice(0, slash), prefix, 1) ?? [];
  return network === undefined ? undefined : { network, place };
}

/** `4/<hex>` of an address as text; undefined where it is none. */
export function placeOf(text: string): string | undefined {
  return placeOfV4(text) ?? placeOfAny(text);
}

/** By hand, since a history of millions is of such; only the form that we write. */
function placeOfV4(text: string): string | undefined {
  let value = 0;
  let octet = -1;
  let octets = 1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46 && octet >= 0) {
      value = value * 256 + octet;
      octet = -1;
      octets++;
    } else if (code >= 48 && code <= 57 && octet !== 0) {
      octet = (octet < 0 ? 0 : octet) * 10 + code - 48;
      if (octet > 255) return undefined;
    } else return undefined;
  }
  if (octets !== 4 || octet < 0) return undefined;
  return `4/${(value * 256 + octet).toString(16).padStart(8, "0")}`;
}

function placeOfAny(text: string): string | undefined {
  const address = tryParseAddress(text);
  return address === undefined ? undefined : `${address.family}/${addressToHex(address)}`;
}

function refuse(kv: KeyValue, sink: Sink): undefined {
  sink.suspect(kv.key);
}

export function inspectAddress(
  kv: KeyValue,
  { world, sink }: Inspection,
): QuickAddress | undefined {
  const parts = addressParts(kv.key, PREFIXES.addresses);
  const record = quickAddress(kv.value);
  if (parts === undefined || record === undefined) return refuse(kv, sink);
  const { network, place } = parts;
  const { state, id, mac, owner, holder } = record;
  if (!world.names.has(network)) sink.missingNetwork(network, kv.key);
  const isWhole = state === "used"
    ? holder !== ""
    : state === "owned"
    ? owner !== "" && holder === ""
    : owner === "" && holder === "";
  if (!isWhole) sink.suspect(kv.key);
  if (state === "used") {
    sink.pair(`alloc\n${network}\n${place}\n${id}\n${holder}\n${mac}\n${owner}`);
    sink.pair(`hist\n${network}\n${place}\n${id}\n${holder}\n${mac}\n${owner}`);
  } else if (state === "reserved") sink.pair(`reserved\n${network}\n${place}`);
  if (owner !== "") {
    sink.pair(`own\n${network}\n${place}\n${kv.modRevision}\n${holder}\n${mac}\n${owner}`);
  }
  return record;
}

export function inspectReserved(kv: KeyValue, { world, sink }: Inspection): undefined {
  const parts = addressParts(kv.key, PREFIXES.reserved);
  if (parts === undefined) return refuse(kv, sink);
  if (!world.names.has(parts.network)) sink.missingNetwork(parts.network, kv.key);
  sink.pair(`reserved\n${parts.network}\n${parts.place}`);
}

export function inspectOwner(kv: KeyValue, { world, sink }: Inspection): QuickOwner | undefined {
  const [network, ...path] = segmentsOf(kv.key, PREFIXES.owners, 8) ?? [];
  const record = quickOwner(kv.value);
  if (network === undefined || record === undefined) return refuse(kv, sink);
  const { owner, addresses, mac, holder } = record;
  if (joinPath(path) !== owner || record.network.name !== network) sink.suspect(kv.key);
  const texts = new Set(addresses.map(({ address }) => address));
  if (texts.size !== addresses.length || addresses.length === 0) sink.suspect(kv.key);
  if (!world.names.has(network)) sink.missingNetwork(network, kv.key);
  const known = world.known.get(network);
  if (known !== undefined && known.uid !== record.network.uid) sink.suspect(kv.key);
  for (const { address, isNext } of addresses) {
    const place = placeOf(address);
    const by = isNext ? "" : holder;
    if (place === undefined) sink.suspect(kv.key);
    else sink.pair(`own\n${network}\n${place}\n${kv.modRevision}\n${by}\n${mac}\n${owner}`);
  }
  if (mac !== "" && known !== undefined) {
    const { physicalNetwork, vlan } = known.network.spec;
    sink.pair(`mac\n${physicalNetwork}\n${vlan}\n${mac}\n${network}\n${owner}\n`);
  }
  return record;
}

export function inspectAttachment(
  kv: KeyValue,
  { world, sink }: Inspection,
): QuickAttachment | undefined {
  const record = quickAttachment(kv.value);
  if (record === undefined) return refuse(kv, sink);
  const { ref, network, mac, owner, addresses, ids, physicalNetwork, vlan } = record;
  const holder = splitHolder(ref);
  const names = segmentsOf(kv.key, PREFIXES.attachments, 4);
  if (names === undefined || joinPath(names) !== ref) sink.suspect(kv.key);
  if (!world.names.has(network.name)) sink.missingNetwork(network.name, kv.key);
  const node = `${holder.cluster}\n${holder.node}`;
  if (!world.nodeNames.has(node)) sink.unknownNode(node, kv.key);
  const known = world.known.get(network.name);
  if (known !== undefined && !fits(kv, record, known)) sink.suspect(kv.key);
  addresses.forEach((address, index) => {
    const place = placeOf(address.slice(0, address.indexOf("/")));
    if (place === undefined) return sink.suspect(kv.key);
    sink.pair(`alloc\n${network.name}\n${place}\n${ids[index]}\n${ref}\n${mac}\n${owner}`);
  });
  if (addresses.length === 0) sink.suspect(kv.key);
  // An owner's MAC is the owner's, who says it himself.
  if (owner === "") {
    sink.pair(`mac\n${physicalNetwork}\n${vlan}\n${mac}\n${network.name}\n\n${ref}`);
  }
  return record;
}

/** The attachment is of the network that there is, and has every family that it has had since. */
function fits(
  kv: KeyValue,
  record: {
    readonly network: { readonly uid: string };
    readonly physicalNetwork: string;
    readonly vlan: number;
    readonly addresses: readonly string[];
  },
  known: KnownNetwork,
): boolean {
  const { spec } = known.network;
  if (record.network.uid !== known.uid) return false;
  if (record.vlan !== spec.vlan || record.physicalNetwork !== spec.physicalNetwork) return false;
  if (kv.createRevision <= known.modRevision) return true;
  return known.families.every((family) =>
    record.addresses.some((address) => address.includes(":") === (family === 6))
  );
}

const MAC_NAME = /^(?:0|[1-9]\d{0,3})\/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** Physical network, VLAN and MAC of a key. */
export function macParts(
  key: string,
): { readonly physicalNetwork: string; readonly vlan: number; readonly mac: string } | undefined {
  const slash = key.indexOf("/", PREFIXES.macs.length);
  const name = key.slice(slash + 1);
  if (slash < 0 || !MAC_NAME.test(name)) return undefined;
  const [physicalNetwork] = segmentsOf(key.slice(0, slash), PREFIXES.macs, 1) ?? [];
  if (physicalNetwork === undefined) return undefined;
  const [vlan = "", mac = ""] = name.split("/");
  return { physicalNetwork, vlan: Number(vlan), mac };
}

export function inspectMac(kv: KeyValue, { sink }: Inspection): QuickMac | undefined {
  const parts = macParts(kv.key);
  const record = quickMac(kv.value);
  if (parts === undefined || record === undefined) return refuse(kv, sink);
  const { physicalNetwork, vlan, mac } = parts;
  const { network, owner, holder } = record;
  if ((owner === "") === (holder === "")) sink.suspect(kv.key);
  sink.pair(`mac\n${physicalNetwork}\n${vlan}\n${mac}\n${network}\n${owner}\n${holder}`);
  return record;
}

/** `4/<hex>` and allocation id of a `history/` key. */
export function historyParts(
  key: string,
): { readonly place: string; readonly id: string } | undefined {
  const slash = key.lastIndexOf("/");
  const place = key.slice(PREFIXES.history.length, slash);
  const id = key.slice(slash + 1);
  return HEX.test(place) && id !== "" ? { place, id } : undefined;
}

/** An interval whose key and value have been read. */
export interface ReadInterval extends QuickHistory {
  readonly place: string;
}

/** The interval; undefined where it is not whole. */
export function readInterval(kv: KeyValue): ReadInterval | undefined {
  const parts = historyParts(kv.key);
  const record = quickHistory(kv.value);
  if (parts === undefined || record === undefined) return undefined;
  if (record.id !== parts.id || placeOf(record.address) !== parts.place) return undefined;
  return { ...record, place: parts.place };
}

export function inspectHistory(
  kv: KeyValue,
  { world, sink }: Inspection,
): ReadInterval | undefined {
  const record = readInterval(kv);
  if (record === undefined) return refuse(kv, sink);
  if (record.ended) return record;
  const { place, network, id, holder, mac, owner } = record;
  const known = world.known.get(network.name);
  if (known !== undefined && known.uid !== network.uid) sink.suspect(kv.key);
  sink.pair(`hist\n${network.name}\n${place}\n${id}\n${holder}\n${mac}\n${owner}`);
  return record;
}

/** Under which identity an interval is found again; see `historyIdentity`. */
function identityPath({ owner, holder, pod }: QuickHistory): string {
  if (owner !== "") return owner;
  const { cluster, containerId, ifname } = splitHolder(holder);
  const [namespace = "", name = ""] = pod.split("\n");
  return pod === ""
    ? joinPath([cluster, "", "Container", "", containerId, "0", ifname])
    : joinPath([cluster, "", "Pod", namespace, name, "0", ifname]);
}

/** What an interval says of its entry by owner. */
export function intervalPair(record: ReadInterval): string {
  return `${identityPath(record)}\n${record.id}\n${record.place}`;
}

/** What interval and entry by owner both say; undefined where the record is not whole. */
export function pointerPairOf(kv: KeyValue): string | undefined {
  if (kv.key.startsWith(PREFIXES.history)) {
    const record = readInterval(kv);
    return record === undefined ? undefined : intervalPair(record);
  }
  const parts = segmentsOf(kv.key, PREFIXES.historyByOwner, 8);
  const address = quickPointer(kv.value);
  if (parts === undefined || address === undefined) return undefined;
  return `${joinPath(parts)}\n${placeOf(address) ?? ""}`;
}

/** The key by owner that the interval should have. */
export function pointerKeyOf(record: QuickHistory): string {
  const path = identityPath(record).split("\n").map(escapeSegment).join("/");
  return `${PREFIXES.historyByOwner}${path}/${record.id}`;
}
