/**
 * Records read in a hurry: millions of them in a minute, so by hand and not by a schema (1.5 us
 * instead of 20 for an address). Each of these functions accepts at most what the schema of the
 * record accepts; what it does not accept is looked at again with the schema, and then told.
 *
 * @module
 */

import type { AddressState } from "../../model/records.ts";
import { SCHEMA } from "../stored.ts";

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) && value["v"] === SCHEMA ? value : undefined;
  } catch {
    return undefined;
  }
}

function isTextOrAbsent(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}

/** Parts of a name, one behind the other; names hold no line break. */
export function joinPath(parts: readonly string[]): string {
  return parts.join("\n");
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

const REF_FIELDS = ["cluster", "node", "containerId", "ifname"] as const;
const OWNER_FIELDS = ["cluster", "group", "kind", "namespace", "name", "slot", "ifname"] as const;

/** The fields as one text; undefined where one of them is no text. */
function pathOf(value: Fields, names: readonly string[]): string | undefined {
  let path = "";
  for (const name of names) {
    const part = value[name];
    if (typeof part !== "string") return undefined;
    path += path === "" && name === names[0] ? part : `\n${part}`;
  }
  return path;
}

function isPod(value: unknown): boolean {
  return value === undefined ||
    (isFields(value) && typeof value["namespace"] === "string" &&
      typeof value["name"] === "string" && isTextOrAbsent(value["uid"]));
}

/** "" where it is absent; undefined where it is malformed. */
function ownerPath(value: unknown): string | undefined {
  if (value === undefined) return "";
  return isFields(value) ? pathOf(value, OWNER_FIELDS) : undefined;
}

function holderPath(value: unknown): string | undefined {
  if (value === undefined) return "";
  return isFields(value) && isPod(value["pod"]) ? pathOf(value, REF_FIELDS) : undefined;
}

/** `cluster\nnode\ncontainerId\nifname`, as {@linkcode QuickAddress.holder} has it. */
export function splitHolder(path: string): {
  readonly cluster: string;
  readonly node: string;
  readonly containerId: string;
  readonly ifname: string;
} {
  const [cluster = "", node = "", containerId = "", ifname = ""] = path.split("\n");
  return { cluster, node, containerId, ifname };
}

export interface QuickAddress {
  readonly state: AddressState;
  readonly id: string;
  readonly mac: string;
  /** "" for none. */
  readonly owner: string;
  readonly holder: string;
}

/** `addresses/`. */
export function quickAddress(text: string): QuickAddress | undefined {
  const value = parse(text);
  if (value === undefined) return undefined;
  const { state, id, mac, reason, since } = value;
  if (state !== "used" && state !== "owned" && state !== "reserved") return undefined;
  if (typeof id !== "string" || typeof since !== "string") return undefined;
  if (!isTextOrAbsent(mac) || !isTextOrAbsent(reason)) return undefined;
  const owner = ownerPath(value["owner"]);
  const holder = holderPath(value["holder"]);
  if (owner === undefined || holder === undefined) return undefined;
  return { state, id, mac: mac ?? "", owner, holder };
}

interface QuickNetworkRef {
  readonly name: string;
  readonly uid: string;
}

function networkRef(value: unknown): QuickNetworkRef | undefined {
  if (!isFields(value)) return undefined;
  const { name, uid } = value;
  return typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}

export interface QuickOwner {
  readonly owner: string;
  readonly network: QuickNetworkRef;
  readonly addresses: readonly QuickOwned[];
  readonly mac: string;
  readonly holder: string;
}

export interface QuickOwned {
  readonly address: string;
  /** Nobody holds it yet, whoever holds the others. */
  readonly isNext: boolean;
}

/** `owners/`. */
export function quickOwner(text: string): QuickOwner | undefined {
  const value = parse(text);
  if (value === undefined) return undefined;
  const { mac, tenant, since } = value;
  const owner = ownerPath(value["owner"]);
  const holder = holderPath(value["holder"]);
  const network = networkRef(value["network"]);
  const addresses = ownedAddresses(value["addresses"]);
  if (owner === undefined || owner === "" || holder === undefined) return undefined;
  if (network === undefined || addresses === undefined || typeof since !== "string") {
    return undefined;
  }
  if (!isTextOrAbsent(mac) || !isTextOrAbsent(tenant)) return undefined;
  return { owner, network, addresses, mac: mac ?? "", holder };
}

function ownedAddresses(value: unknown): readonly QuickOwned[] | undefined {
  const addresses = texts(value, "address");
  if (addresses === undefined || !Array.isArray(value)) return undefined;
  const found: QuickOwned[] = [];
  for (const [index, address] of addresses.entries()) {
    const item: unknown = value[index];
    const stage: unknown = isFields(item) ? item["stage"] : undefined;
    if (stage !== undefined && stage !== "next" && stage !== "leaving") return undefined;
    found.push({ address, isNext: stage === "next" });
  }
  return found;
}

/** The text field of every item. */
function texts(value: unknown, field: string): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found: string[] = [];
  for (const item of value) {
    const text: unknown = isFields(item) ? item[field] : undefined;
    if (typeof text !== "string") return undefined;
    found.push(text);
  }
  return found;
}

export interface QuickAttachment {
  readonly ref: string;
  readonly network: QuickNetworkRef;
  readonly physicalNetwork: string;
  readonly vlan: number;
  readonly mac: string;
  readonly owner: string;
  /** With the length of the subnet. */
  readonly addresses: readonly string[];
  readonly ids: readonly string[];
}

const ATTACHMENT_TEXTS = [
  "confName",
  "netns",
  "machineId",
  "bootId",
  "physicalNetwork",
  "mac",
  "since",
] as const;

/** `attachments/`. */
export function quickAttachment(text: string): QuickAttachment | undefined {
  const value = parse(text);
  if (value === undefined || !isPod(value["pod"])) return undefined;
  for (const name of ATTACHMENT_TEXTS) if (typeof value[name] !== "string") return undefined;
  const { physicalNetwork, mac, vlan } = value;
  const ref = pathOf(value, REF_FIELDS);
  const network = networkRef(value["network"]);
  const owner = ownerPath(value["owner"]);
  const addresses = texts(value["addresses"], "address");
  const ids = texts(value["addresses"], "id");
  const gateways = value["addresses"];
  if (ref === undefined || network === undefined || owner === undefined) return undefined;
  if (addresses === undefined || ids === undefined || typeof vlan !== "number") return undefined;
  if (typeof physicalNetwork !== "string" || typeof mac !== "string") return undefined;
  if (!Array.isArray(gateways)) return undefined;
  for (const item of gateways) {
    if (!isFields(item) || !isTextOrAbsent(item["gateway"])) return undefined;
  }
  return { ref, network, physicalNetwork, vlan, mac, owner, addresses, ids };
}

export interface QuickMac {
  readonly network: string;
  readonly owner: string;
  readonly holder: string;
}

/** `macs/`. */
export function quickMac(text: string): QuickMac | undefined {
  const value = parse(text);
  if (value === undefined || typeof value["network"] !== "string") return undefined;
  const owner = ownerPath(value["owner"]);
  const holder = holderPath(value["holder"]);
  if (owner === undefined || holder === undefined) return undefined;
  return { network: value["network"], owner, holder };
}

export interface QuickHistory {
  readonly id: string;
  readonly address: string;
  readonly network: QuickNetworkRef;
  readonly owner: string;
  readonly holder: string;
  /** `namespace\nname` of the pod; "" for none. */
  readonly pod: string;
  readonly mac: string;
  readonly ended: boolean;
  readonly disputed: boolean;
}

/** `history/`. */
export function quickHistory(text: string): QuickHistory | undefined {
  const value = parse(text);
  if (value === undefined) return undefined;
  const { id, address, mac, vlan, start, end, endedBy, disputed } = value;
  const network = networkRef(value["network"]);
  const owner = ownerPath(value["owner"]);
  const holder = holderPath(value["holder"]);
  if (typeof id !== "string" || typeof address !== "string" || typeof start !== "string") {
    return undefined;
  }
  if (!isTextOrAbsent(mac) || !isTextOrAbsent(end) || !isTextOrAbsent(endedBy)) return undefined;
  if (vlan !== undefined && typeof vlan !== "number") return undefined;
  if (disputed !== undefined && !isTexts(disputed)) return undefined;
  if (network === undefined || owner === undefined) return undefined;
  if (holder === undefined || holder === "") return undefined;
  return {
    id,
    address,
    network,
    owner,
    holder,
    pod: podPath(value["holder"]),
    mac: mac ?? "",
    ended: end !== undefined,
    disputed: disputed !== undefined,
  };
}

function podPath(holder: unknown): string {
  const pod = isFields(holder) ? holder["pod"] : undefined;
  if (!isFields(pod)) return "";
  const { namespace, name } = pod;
  return typeof namespace === "string" && typeof name === "string" ? `${namespace}\n${name}` : "";
}

/** The address that an entry of `history-by-owner/` names. */
export function quickPointer(text: string): string | undefined {
  const value = parse(text);
  const address = value?.["address"];
  return typeof address === "string" ? address : undefined;
}
