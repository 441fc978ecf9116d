/**
 * The layout in etcd: one key per fact. Every key is made here, and read back here.
 *
 * ```
 * meta/{schema,era,edit,exported,fence}      clusters/<cluster>
 * physicalnetworks/<name>   zones/<name>   networks/<name>   nodes/<cluster>/<node>
 * addresses/<network>/{4,6}/<hex>      reserved/<network>/{4,6}/<hex>
 * owners/<network>/<cluster>/<group>/<kind>/<namespace>/<name>/<slot>/<ifname>
 * attachments/<cluster>/<node>/<containerID>/<ifname>   tombstones/... (the same, leased)
 * macs/<physical network>/<vlan>/<mac>
 * cooling/<network>/{4,6}/<hex>        (leased)
 * free/<network>/{4,6}/<hash>-<hex>    freesize/<network>/{4,6}
 * reclaimers/<cluster>                 (leased)
 * uses/<network>/namespace/<cluster>/<namespace>/<family>-<hex>   uses/<network>/tenant/<tenant>/...
 * history/{4,6}/<hex>/<allocation id>
 * history-by-owner/<cluster>/<group>/<kind>/<namespace>/<name>/<slot>/<ifname>/<allocation id>
 * access/{tokens,accounts,sessions,logins,failures}/...   idempotency/<caller>/<key>
 * audit/{head,floor}   audit/entries/<number>   audit/inbox/<id>
 * recover/{expected,answered}/<cluster>/<node>   recover/pending/<attachment>   (only meanwhile)
 * findings/<cluster>/<node>            what the node's last check found
 * ```
 *
 * @module
 */

import { type Address, addressFromHex, addressToHex, type Family } from "../ip/address.ts";
import type { Range } from "../ip/range.ts";
import type { AttachmentRef, OwnerRef, WorkloadRef } from "../model/identity.ts";

/**
 * A segment of a key: ASCII without `/`. Reversible, and an empty segment stays visible as `-`
 * (a real `-` is escaped), so that no two names share a key.
 */
export function escapeSegment(text: string): string {
  if (text === "") return "-";
  if (text === "-") return "%2D";
  return encodeURIComponent(text);
}

/** The inverse of {@linkcode escapeSegment}. */
export function unescapeSegment(segment: string): string {
  return segment === "-" ? "" : decodeURIComponent(segment);
}

function join(...segments: readonly string[]): string {
  return segments.map(escapeSegment).join("/");
}

export const META_ERA = "meta/era";
export const META_SCHEMA = "meta/schema";
/** Edits of networks serialise on this key; ADDs do not compare it (rule 11). */
export const META_EDIT = "meta/edit";
/** Up to which revision the history has been exported; nothing newer is trimmed. */
export const META_EXPORTED = "meta/exported";
/** Written by a server that follows a shared etcd, to see its own watch arrive behind it. */
export const META_FENCE = "meta/fence";

export const PREFIXES = {
  clusters: "clusters/",
  physicalNetworks: "physicalnetworks/",
  zones: "zones/",
  networks: "networks/",
  nodes: "nodes/",
  addresses: "addresses/",
  reserved: "reserved/",
  owners: "owners/",
  attachments: "attachments/",
  tombstones: "tombstones/",
  macs: "macs/",
  cooling: "cooling/",
  free: "free/",
  freeSize: "freesize/",
  uses: "uses/",
  reclaimers: "reclaimers/",
  history: "history/",
  historyByOwner: "history-by-owner/",
  findings: "findings/",
  recover: "recover/",
  /** Accounts, tokens and sessions of the server: no plugin may read them. */
  access: "access/",
  audit: "audit/",
  /** Answers of requests with an Idempotency-Key; leased. */
  idempotency: "idempotency/",
} as const;

export function physicalNetworkKey(name: string): string {
  return PREFIXES.physicalNetworks + join(name);
}

export function zoneKey(name: string): string {
  return PREFIXES.zones + join(name);
}

export function networkKey(name: string): string {
  return PREFIXES.networks + join(name);
}

export function nodeKey(cluster: string, node: string): string {
  return PREFIXES.nodes + join(cluster, node);
}

/** All addresses of one family of a network. */
export function addressPrefix(network: string, family: Family): string {
  return `${PREFIXES.addresses}${join(network)}/${family}/`;
}

/** All addresses of a network, of both families. */
export function networkAddressPrefix(network: string): string {
  return `${PREFIXES.addresses}${join(network)}/`;
}

export function addressKey(network: string, address: Address): string {
  return addressPrefix(network, address.family) + addressToHex(address);
}

/** The keys of the addresses of a range, under one of the prefixes that end in addresses. */
export function keysOfRange(
  prefix: string,
  range: Range,
): { readonly key: string; readonly end: string } {
  const { family, first, last } = range;
  return {
    key: prefix + addressToHex({ family, value: first }),
    // Keys have one width, so this follows the last and precedes the next.
    end: `${prefix}${addressToHex({ family, value: last })}0`,
  };
}

/** The network and the address that an `addresses/`, `cooling/` or `reserved/` key names. */
export function parseAddressKey(key: string): { network: string; address: Address } {
  const [, network, , hex] = key.split("/");
  return { network: unescapeSegment(network ?? ""), address: addressFromHex(hex ?? "") };
}

export function reservedPrefix(network: string, family: Family): string {
  return `${PREFIXES.reserved}${join(network)}/${family}/`;
}

export function reservedKey(network: string, address: Address): string {
  return reservedPrefix(network, address.family) + addressToHex(address);
}

export function coolingPrefix(network: string, family: Family): string {
  return `${PREFIXES.cooling}${join(network)}/${family}/`;
}

export function coolingKey(network: string, address: Address): string {
  return coolingPrefix(network, address.family) + addressToHex(address);
}

function ownerPath(owner: OwnerRef): string {
  return join(
    owner.cluster,
    owner.group,
    owner.kind,
    owner.namespace,
    owner.name,
    owner.slot,
    owner.ifname,
  );
}

export function ownerKey(network: string, owner: OwnerRef): string {
  return `${PREFIXES.owners}${join(network)}/${ownerPath(owner)}`;
}

/** All slots and interfaces of one workload in a network. */
export function workloadOwnersPrefix(
  network: string,
  workload: WorkloadRef,
): string {
  const { cluster, group, kind, namespace, name } = workload;
  return `${PREFIXES.owners}${join(network, cluster, group, kind, namespace, name)}/`;
}

/** All slots of one workload in a network. */
export function workloadOwnerPrefix(network: string, workload: WorkloadRef): string {
  const { cluster, group, kind, namespace, name } = workload;
  return `${ownerPrefix(network)}${join(cluster, group, kind, namespace, name)}/`;
}

/** All owners of a network. */
export function ownerPrefix(network: string): string {
  return `${PREFIXES.owners}${join(network)}/`;
}

function attachmentPath(ref: AttachmentRef): string {
  return join(ref.cluster, ref.node, ref.containerId, ref.ifname);
}

export function attachmentKey(ref: AttachmentRef): string {
  return PREFIXES.attachments + attachmentPath(ref);
}

/** All attachments of one node: what GC and a node's controller read. */
export function nodeAttachmentPrefix(cluster: string, node: string): string {
  return `${PREFIXES.attachments}${join(cluster, node)}/`;
}

export function parseAttachmentKey(key: string): AttachmentRef {
  const [, cluster, node, containerId, ifname] = key.split("/").map(unescapeSegment);
  return {
    cluster: cluster ?? "",
    node: node ?? "",
    containerId: containerId ?? "",
    ifname: ifname ?? "",
  };
}

export function tombstoneKey(ref: AttachmentRef): string {
  return PREFIXES.tombstones + attachmentPath(ref);
}

export function macKey(physicalNetwork: string, vlan: number, mac: string): string {
  // Colons are legal in keys and keep them readable: no escaping of the MAC.
  return `${PREFIXES.macs}${join(physicalNetwork)}/${vlan}/${mac}`;
}

export function historyPrefix(address: Address): string {
  return `${PREFIXES.history}${address.family}/${addressToHex(address)}/`;
}

export function historyKey(address: Address, id: string): string {
  return historyPrefix(address) + id;
}

/** All that one owner (or an ephemeral pod or container) ever had; see `historyIdentity`. */
export function historyByOwnerPrefix(owner: OwnerRef): string {
  return `${PREFIXES.historyByOwner}${ownerPath(owner)}/`;
}

/** All slots and interfaces of one workload. */
export function historyByWorkloadPrefix(workload: WorkloadRef): string {
  const { cluster, group, kind, namespace, name } = workload;
  return `${PREFIXES.historyByOwner}${join(cluster, group, kind, namespace, name)}/`;
}

export function historyByOwnerKey(owner: OwnerRef, id: string): string {
  return historyByOwnerPrefix(owner) + id;
}

/** Nodes that a recovery waits for, and those that have answered. */
export function recoverNodePrefix(part: "expected" | "answered"): string {
  return `${PREFIXES.recover}${part}/`;
}

export function recoverNodeKey(
  part: "expected" | "answered",
  { cluster, node }: { readonly cluster: string; readonly node: string },
): string {
  return recoverNodePrefix(part) + join(cluster, node);
}

/** Attachments that nodes hold and that could not be recorded again yet. */
export const RECOVER_PENDING = `${PREFIXES.recover}pending/`;

/** What waits of one node. */
export function recoverPendingPrefix(cluster: string, node: string): string {
  return `${RECOVER_PENDING}${join(cluster, node)}/`;
}

export function recoverPendingKey(ref: AttachmentRef): string {
  return RECOVER_PENDING + attachmentPath(ref);
}

/** What the node's last check found. */
export function findingsKey(cluster: string, node: string): string {
  return PREFIXES.findings + join(cluster, node);
}

/** All keys of the free index of one family of a network. */
export function freePrefix(network: string, family: Family): string {
  return `${PREFIXES.free}${join(network)}/${family}/`;
}

/** Exists where the free index of the family may hold more than about 256 keys. */
export function freeSizeKey(network: string, family: Family): string {
  return `${PREFIXES.freeSize}${join(network)}/${family}`;
}

/** Interfaces of a namespace that have addresses of the network. */
export function namespaceUsesPrefix(
  network: string,
  { cluster, namespace }: { readonly cluster: string; readonly namespace: string },
): string {
  return `${PREFIXES.uses}${join(network, "namespace", cluster, namespace)}/`;
}

/** Interfaces of a tenant, of whatever cluster, that have addresses of the network. */
export function tenantUsesPrefix(network: string, tenant: string): string {
  return `${PREFIXES.uses}${join(network, "tenant", tenant)}/`;
}

/** What is known of a Kubernetes cluster. */
export function clusterKey(cluster: string): string {
  return PREFIXES.clusters + join(cluster);
}

/** Exists while a reclaimer is at work for the cluster; leased. */
export function reclaimerKey(cluster: string): string {
  return PREFIXES.reclaimers + join(cluster);
}
