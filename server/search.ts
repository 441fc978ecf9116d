/**
 * One question for everything: an IP, a MAC, a pod, a workload, a node, a network.
 *
 * @module
 */

import { addressToHex, tryParseAddress } from "../mod/ip/address.ts";
import { prefixContains } from "../mod/ip/prefix.ts";
import { escapeSegment } from "../mod/ipam/keys.ts";
import type { Network } from "../mod/model/network.ts";
import type { Mirror } from "./mirror/mirror.ts";
import { poolsOf } from "./pools.ts";
import type { SearchIndex } from "./search_index.ts";
import { type AddressRow, OBJECTS, type Row } from "./mirror/kinds.ts";

/** What a hit was found by. */
export type Matched = "ip" | "mac" | "pod" | "workload" | "node" | "container" | "reason" | "name";

/** One thing that was found. */
export interface Hit {
  readonly kind: "Address" | "Network" | "Node" | "Zone" | "PhysicalNetwork";
  readonly matched: Matched;
  readonly network?: string;
  readonly address?: string;
  /** Of an address: `free` where it has no record. */
  readonly state?: string;
  readonly name: string;
  /** The object; absent for a free address. */
  readonly object?: unknown;
}

export interface SearchQuery {
  readonly text: string;
  readonly limit: number;
  readonly sees: (network: string) => boolean;
  /** False for a tenant: nodes are not theirs. */
  readonly infrastructure: boolean;
}

/** Exact hits first, then what begins with the text, then what contains it. */
export function search(
  { mirror, index }: { readonly mirror: Mirror; readonly index: SearchIndex },
  query: SearchQuery,
): readonly Hit[] {
  const text = query.text.trim().toLowerCase();
  if (text === "") return [];
  const address = tryParseAddress(text);
  if (address !== undefined) return findAddress(mirror, address, query);
  const ranked: { hit: Hit; rank: number }[] = [...findNames(mirror, text, query)];
  const seen = new Set<Row<AddressRow>>();
  for (const how of ["is", "contains"] as const) {
    let found = 0;
    for (const row of index.find(text, how)) {
      if (seen.has(row) || !query.sees(row.value.network)) continue;
      const match = matchRow(row, text);
      if (match === undefined || how === "is" && match.rank > 0) continue;
      seen.add(row);
      ranked.push({ hit: addressHit(row, match.matched), rank: match.rank });
      // Of those that contain it, what begins with it goes first among as many again.
      if (++found >= query.limit * (how === "is" ? 1 : 2)) break;
    }
    if (found >= query.limit) break;
  }
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked.slice(0, query.limit).map(({ hit }) => hit);
}

function addressHit(row: Row<AddressRow>, matched: Matched): Hit {
  const { network, address, record } = row.value;
  return {
    kind: "Address",
    matched,
    network,
    address,
    state: record.state,
    name: `${network}/${address}`,
    object: OBJECTS.addresses(row),
  };
}

function findAddress(
  mirror: Mirror,
  address: NonNullable<ReturnType<typeof tryParseAddress>>,
  query: SearchQuery,
): readonly Hit[] {
  const hits: Hit[] = [];
  const suffix = `${address.family}/${addressToHex(address)}`;
  for (const [key, row] of mirror.tables.networks.walk()) {
    const network = row.value.metadata.name;
    if (!query.sees(network)) continue;
    const record = mirror.tables.addresses.get(`${key}/${suffix}`);
    if (record !== undefined) hits.push(addressHit(record, "ip"));
    else if (hasSubnet(row.value, address)) {
      const cooling = mirror.cooling.get(`${escapeSegment(network)}/${suffix}`) === true;
      hits.push({
        kind: "Address",
        matched: "ip",
        network,
        address: query.text.trim(),
        state: cooling ? "cooling" : "free",
        name: `${network}/${query.text.trim()}`,
      });
    }
    if (hits.length >= query.limit) break;
  }
  return hits;
}

function hasSubnet(network: Network, address: Parameters<typeof prefixContains>[1]): boolean {
  return poolsOf(network).some(({ prefix }) => prefixContains(prefix, address));
}

function rankOf(found: string, text: string): number | undefined {
  const at = found.indexOf(text);
  if (at < 0) return undefined;
  return found.length === text.length ? 0 : at === 0 ? 1 : 2;
}

function matchRow(
  { value: { record } }: Row<AddressRow>,
  text: string,
): { readonly matched: Matched; readonly rank: number } | undefined {
  const { holder, owner, mac, reason } = record;
  let best: { matched: Matched; rank: number } | undefined;
  const look = (matched: Matched, found: string | undefined): void => {
    if (found === undefined) return;
    const rank = rankOf(found, text);
    if (rank !== undefined && (best === undefined || rank < best.rank)) best = { matched, rank };
  };
  look("mac", mac);
  if (holder !== undefined) {
    const { pod, node, containerId } = holder;
    if (pod !== undefined) {
      look("pod", pod.name);
      if (text.includes("/")) look("pod", `${pod.namespace}/${pod.name}`);
      else if (pod.namespace === text) look("pod", pod.namespace);
      if (pod.uid === text) look("pod", pod.uid);
    }
    look("node", node);
    if (text.length >= 6 && containerId.startsWith(text)) {
      best ??= { matched: "container", rank: 1 };
    }
  }
  if (owner !== undefined) {
    look("workload", owner.name);
    if (text.includes("/")) look("workload", `${owner.namespace}/${owner.name}`);
  }
  if (reason !== undefined) look("reason", reason.toLowerCase());
  return best;
}

function* findNames(
  mirror: Mirror,
  text: string,
  query: SearchQuery,
): Generator<{ readonly hit: Hit; readonly rank: number }> {
  for (const [, { value }] of mirror.tables.networks.walk()) {
    const { name } = value.metadata;
    if (!query.sees(name)) continue;
    const words = [name, `vlan ${value.spec.vlan}`, ...value.spec.subnets.map(({ cidr }) => cidr)];
    const ranks = words.flatMap((word) => rankOf(word, text) ?? []);
    if (ranks.length > 0) {
      yield {
        hit: { kind: "Network", matched: "name", network: name, name, object: value },
        rank: Math.min(...ranks) - 0.5,
      };
    }
  }
  if (!query.infrastructure) return;
  for (const kind of ["nodes", "zones", "physicalnetworks"] as const) {
    for (const [, { value }] of mirror.tables[kind].walk()) {
      const rank = rankOf(value.metadata.name, text);
      if (rank === undefined) continue;
      const cluster = value.kind === "Node" ? `${value.spec.cluster}/` : "";
      yield {
        hit: {
          kind: value.kind,
          matched: "name",
          name: `${cluster}${value.metadata.name}`,
          object: value,
        },
        rank: rank - 0.5,
      };
    }
  }
}
