/**
 * What `top` tells: numbers of networks, subnets, zones, nodes and owners.
 *
 * @module
 */

import { type Operation, underPrefix } from "../mod/etcd/store.ts";
import { nodeAttachmentPrefix } from "../mod/ipam/keys.ts";
import { networkFree, type SubnetFree } from "../mod/ipam/usage.ts";
import type { Network, Node } from "../mod/model/network.ts";
import { workloadCell } from "./cells.ts";
import type { Filter, Source } from "./kind.ts";
import { networksOf } from "./kinds/networks_of.ts";
import { listNodes } from "./kinds/node.ts";
import { listOwners } from "./kinds/owner.ts";
import { listZones } from "./kinds/zone.ts";
import { zoneScope } from "./kinds/zone_scope.ts";
import { formatCount } from "./usage_table.ts";

/** Questions to etcd that are under way together. */
const TOGETHER = 16;
/** Ranges that one transaction counts. */
const COUNTED = 100;

/** One line of the answer. */
export interface Usage {
  readonly name: string;
  readonly spec: Readonly<Record<string, string | number>>;
  readonly cells: readonly string[];
  /** The largest come first. */
  readonly weight: number;
}

/** A subject of `top`. */
export interface Subject {
  readonly kind: string;
  readonly columns: readonly string[];
  readonly filters: readonly (keyof Filter)[];
  readonly list: (source: Source, filter: Filter) => AsyncIterable<Usage>;
}

/** What networks, subnets and zones have in common: numbers of addresses. */
interface Counts {
  readonly capacity: bigint;
  readonly used: number;
  readonly reserved: number;
  readonly cooling: number;
  readonly free: bigint;
}

const COUNT_COLUMNS = ["CAPACITY", "USED", "RESERVED", "COOLING", "FREE", "FULL"];

function sum(all: readonly Counts[]): Counts {
  const nothing = { capacity: 0n, used: 0, reserved: 0, cooling: 0, free: 0n };
  return all.reduce((a, b) => ({
    capacity: a.capacity + b.capacity,
    used: a.used + b.used,
    reserved: a.reserved + b.reserved,
    cooling: a.cooling + b.cooling,
    free: a.free + b.free,
  }), nothing);
}

/** Per cent of what is handed out that is not free. */
function fullness({ capacity, free }: Counts): number {
  if (capacity === 0n) return 0;
  return Number((capacity - free) * 10_000n / capacity) / 100;
}

function number(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : String(count);
}

function countFields(counts: Counts): Usage["spec"] {
  const { capacity, used, reserved, cooling, free } = counts;
  return {
    capacity: number(capacity),
    used,
    reserved,
    cooling,
    free: number(free),
    fullPercent: fullness(counts),
  };
}

function countCells(counts: Counts): readonly string[] {
  const { capacity, used, reserved, cooling, free } = counts;
  const full = fullness(counts);
  return [
    formatCount(capacity),
    String(used),
    String(reserved),
    String(cooling),
    formatCount(free),
    capacity === 0n ? "-" : `${full > 0 && full < 1 ? "<1" : Math.floor(full)}%`,
  ];
}

/** Some at a time, in their order. */
async function* together<T, R>(
  items: AsyncIterable<T>,
  map: (item: T) => Promise<R>,
): AsyncGenerator<readonly [T, R]> {
  let batch: T[] = [];
  const run = () => Promise.all(batch.map(async (item) => [item, await map(item)] as const));
  for await (const item of items) {
    batch.push(item);
    if (batch.length < TOGETHER) continue;
    yield* await run();
    batch = [];
  }
  yield* await run();
}

function subnetsOf(
  source: Source,
  filter: Filter,
): AsyncGenerator<readonly [Network, readonly SubnetFree[]]> {
  return together(networksOf(source, filter), (network) => networkFree(source.store, network));
}

async function* topNetworks(source: Source, filter: Filter): AsyncGenerator<Usage> {
  for await (const [{ metadata, spec }, subnets] of subnetsOf(source, filter)) {
    for (const family of [4, 6] as const) {
      const own = subnets.filter((subnet) => subnet.family === family);
      if (own.length === 0) continue;
      const counts = sum(own);
      yield {
        name: `${metadata.name}/${family}`,
        spec: { network: metadata.name, family, vlan: spec.vlan, ...countFields(counts) },
        cells: [metadata.name, `IPv${family}`, String(spec.vlan), ...countCells(counts)],
        weight: fullness(counts),
      };
    }
  }
}

async function* topSubnets(source: Source, filter: Filter): AsyncGenerator<Usage> {
  for await (const [{ metadata }, subnets] of subnetsOf(source, filter)) {
    for (const subnet of subnets) {
      yield {
        name: `${metadata.name}/${subnet.subnet}`,
        spec: { subnet: subnet.subnet, network: metadata.name, ...countFields(subnet) },
        cells: [subnet.subnet, metadata.name, ...countCells(subnet)],
        weight: fullness(subnet),
      };
    }
  }
}

/** Interfaces on each of the nodes, counted by etcd. */
async function countInterfaces(
  { store }: Source,
  nodes: readonly Node[],
): Promise<readonly number[]> {
  const counts: number[] = [];
  for (let i = 0; i < nodes.length; i += COUNTED) {
    const success = nodes.slice(i, i + COUNTED).map(({ metadata, spec }): Operation => ({
      range: { ...underPrefix(nodeAttachmentPrefix(spec.cluster, metadata.name)), countOnly: true },
    }));
    const { results } = await store.txn({ success });
    counts.push(...results.map((r) => r.kind === "range" ? r.response.count : 0));
  }
  return counts;
}

async function allNodes(source: Source, filter: Filter): Promise<readonly Node[]> {
  return await Array.fromAsync(listNodes(source, filter));
}

async function* topNodes(source: Source, filter: Filter): AsyncGenerator<Usage> {
  const nodes = await allNodes(source, filter);
  const counts = await countInterfaces(source, nodes);
  for (const [i, { metadata, spec }] of nodes.entries()) {
    const interfaces = counts[i] ?? 0;
    yield {
      name: `${spec.cluster}/${metadata.name}`,
      spec: { node: metadata.name, cluster: spec.cluster, zone: spec.zone, interfaces },
      cells: [metadata.name, spec.cluster, spec.zone, String(interfaces)],
      weight: interfaces,
    };
  }
}

async function* topZones(source: Source, filter: Filter): AsyncGenerator<Usage> {
  const nodes = await allNodes(source, {});
  const counts = await countInterfaces(source, nodes);
  const networks = await Array.fromAsync(subnetsOf(source, {}));
  for await (const { metadata } of listZones(source)) {
    const { name } = metadata;
    if (filter.zone !== undefined && filter.zone !== name) continue;
    const scope = await zoneScope(source, { zone: name });
    const inside = nodes.map((node, i) => [node, counts[i] ?? 0] as const)
      .filter(([node]) => node.spec.zone === name);
    const interfaces = inside.reduce((all, [, count]) => all + count, 0);
    const reached = networks.filter(([network]) => scope.hasNetwork(network));
    const v4 = sum(reached.flatMap(([, subnets]) => subnets.filter((s) => s.family === 4)));
    yield {
      name,
      spec: {
        zone: name,
        nodes: inside.length,
        interfaces,
        networks: reached.length,
        ...countFields(v4),
      },
      cells: [
        name,
        String(inside.length),
        String(interfaces),
        String(reached.length),
        ...countCells(v4),
      ],
      weight: fullness(v4),
    };
  }
}

async function* topOwners(source: Source, filter: Filter): AsyncGenerator<Usage> {
  interface Sum {
    readonly workload: string;
    readonly cluster: string;
    readonly network: string;
    slots: number;
    addresses: number;
    held: number;
  }
  const sums = new Map<string, Sum>();
  for await (const { spec } of listOwners(source, filter)) {
    const { owner, network, addresses, holder } = spec;
    const workload = workloadCell(owner);
    const key = `${owner.cluster}/${network.name}/${workload}`;
    const before = sums.get(key) ??
      { workload, cluster: owner.cluster, network: network.name, slots: 0, addresses: 0, held: 0 };
    before.slots++;
    before.addresses += addresses.length;
    if (holder !== undefined) before.held += addresses.length;
    sums.set(key, before);
  }
  for (const [name, { workload, cluster, network, slots, addresses, held }] of sums) {
    yield {
      name,
      spec: { workload, cluster, network, slots, addresses, held },
      cells: [workload, cluster, network, String(slots), String(addresses), String(held)],
      weight: addresses,
    };
  }
}

/** All subjects by their name. */
export const SUBJECTS: Readonly<Record<string, Subject>> = {
  networks: {
    kind: "NetworkUsage",
    columns: ["NETWORK", "FAMILY", "VLAN", ...COUNT_COLUMNS],
    filters: ["network", "zone"],
    list: topNetworks,
  },
  subnets: {
    kind: "SubnetUsage",
    columns: ["SUBNET", "NETWORK", ...COUNT_COLUMNS],
    filters: ["network", "zone"],
    list: topSubnets,
  },
  zones: {
    kind: "ZoneUsage",
    columns: ["ZONE", "NODES", "INTERFACES", "NETWORKS", ...COUNT_COLUMNS],
    filters: ["zone"],
    list: topZones,
  },
  nodes: {
    kind: "NodeUsage",
    columns: ["NODE", "CLUSTER", "ZONE", "INTERFACES"],
    filters: ["zone", "cluster"],
    list: topNodes,
  },
  owners: {
    kind: "OwnerUsage",
    columns: ["OWNER", "CLUSTER", "NETWORK", "SLOTS", "ADDRESSES", "HELD"],
    filters: ["network", "zone", "cluster"],
    list: topOwners,
  },
};
