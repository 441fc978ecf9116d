/**
 * What administrators ask every day: how full, what is free, who is this.
 *
 * @module
 */

import { formatAddress } from "../../mod/ip/address.ts";
import { escapeSegment } from "../../mod/ipam/keys.ts";
import type { Network } from "../../mod/model/network.ts";
import { blocksOf, CELL_STATES, gridAt } from "../grid.ts";
import { httpError } from "../http/http_error.ts";
import { choice, integer, text } from "../http/param.ts";
import { type Call, defineRoute, type Reply, type Route } from "../http/route.ts";
import { poolsOf } from "../pools.ts";
import { search } from "../search.ts";
import { freeRanges, type SubnetUsage } from "../usage.ts";
import { addressOf } from "./records.ts";

const NAME = { name: { description: "Name of the network", example: "pods" } } as const;

/** The network of the path, which the caller may see. */
export async function networkOfPath(
  call: Pick<Call, "context" | "path" | "sees">,
): Promise<Network> {
  const { context, path, sees } = call;
  const { name = "" } = path;
  await context.mirror.fresh();
  const row = sees(name) ? context.mirror.tables.networks.get(escapeSegment(name)) : undefined;
  if (row !== undefined) return row.value;
  throw httpError(404, `Network ${name} does not exist`, { field: "name", value: name });
}

interface NetworkUsage {
  readonly network: string;
  readonly physicalNetwork: string;
  readonly vlan: number;
  readonly zones: readonly string[];
  readonly used: number;
  readonly fixed: number;
  readonly waiting: number;
  readonly reserved: number;
  readonly cooling: number;
  /** Of the fullest family. */
  readonly utilisation: number;
  readonly subnets: readonly SubnetUsage[];
}

function sum(
  subnets: readonly SubnetUsage[],
  field: "used" | "fixed" | "waiting" | "reserved" | "cooling",
) {
  return subnets.reduce((total, subnet) => total + subnet[field], 0);
}

/** How full its fullest family is: what is left of the other does not help. */
function utilisationOf(subnets: readonly SubnetUsage[]): number {
  const families = ([4, 6] as const).flatMap((family) => {
    const own = subnets.filter((subnet) => subnet.family === family);
    if (own.length === 0) return [];
    const capacity = own.reduce((total, subnet) => total + BigInt(subnet.capacity), 0n);
    const free = own.reduce((total, subnet) => total + BigInt(subnet.free), 0n);
    return [capacity === 0n ? 1 : Number((capacity - free) * 10_000n / capacity) / 10_000];
  });
  return Math.max(0, ...families);
}

function zonesOf({ context }: Pick<Call, "context">, { spec }: Network): readonly string[] {
  const zones = [...context.mirror.tables.zones.walk()].map(([, { value }]) => value);
  return zones.filter((zone) =>
    zone.spec.physicalNetworks.includes(spec.physicalNetwork) &&
    (spec.zones === undefined || spec.zones.includes(zone.metadata.name))
  ).map(({ metadata }) => metadata.name);
}

function networkUsage(call: Pick<Call, "context">, network: Network): NetworkUsage {
  const subnets = call.context.usage.of(network);
  return {
    network: network.metadata.name,
    physicalNetwork: network.spec.physicalNetwork,
    vlan: network.spec.vlan,
    zones: zonesOf(call, network),
    used: sum(subnets, "used"),
    fixed: sum(subnets, "fixed"),
    waiting: sum(subnets, "waiting"),
    reserved: sum(subnets, "reserved"),
    cooling: sum(subnets, "cooling"),
    utilisation: utilisationOf(subnets),
    subnets,
  };
}

function ownNetworks({ context, sees }: Pick<Call, "context" | "sees">): readonly Network[] {
  return [...context.mirror.tables.networks.walk()].map(([, { value }]) => value)
    .filter(({ metadata }) => sees(metadata.name));
}

const BY = ["network", "subnet", "zone", "node", "owner"] as const;

const USAGE_QUERY = {
  by: choice("What is counted; default: network", BY),
  network: text("Only of this network", { maxLength: 63 }),
  limit: integer("At most so many, the fullest first; default 1000", { min: 1, max: 10_000 }),
} as const;

async function usage(call: Call<typeof USAGE_QUERY>): Promise<Reply> {
  const { by = "network", network, limit = 1000 } = call.query;
  const revision = await call.context.mirror.fresh();
  const networks = ownNetworks(call).filter(({ metadata }) =>
    network === undefined || metadata.name === network
  );
  const items = countBy(call, by, networks);
  return {
    status: 200,
    body: {
      by,
      resourceVersion: String(revision),
      total: items.length,
      items: items.slice(0, limit),
    },
  };
}

function countBy(
  call: Call<typeof USAGE_QUERY>,
  by: typeof BY[number],
  networks: readonly Network[],
): readonly unknown[] {
  const fullest = (a: { utilisation: number }, b: { utilisation: number }): number =>
    b.utilisation - a.utilisation;
  if (by === "network") return networks.map((one) => networkUsage(call, one)).sort(fullest);
  if (by === "subnet") {
    return networks.flatMap((one) => call.context.usage.of(one)).sort(fullest);
  }
  if (by === "zone") return countZones(call, networks);
  return by === "node" ? countNodes(call, networks) : countOwners(call, networks);
}

function countZones(call: Call, networks: readonly Network[]): readonly unknown[] {
  const { zones } = call.context.mirror.tables;
  const nodes = [...call.context.mirror.tables.nodes.walk()].map(([, { value }]) => value);
  return [...zones.walk()].map(([, { value: zone }]) => {
    const { name } = zone.metadata;
    const reached = networks.filter((network) => zonesOf(call, network).includes(name));
    const all = reached.map((network) => networkUsage(call, network));
    const total = (field: "used" | "fixed" | "waiting" | "reserved" | "cooling"): number =>
      all.reduce((count, one) => count + one[field], 0);
    return {
      zone: name,
      networks: reached.length,
      nodes: nodes.filter(({ spec }) => spec.zone === name).length,
      used: total("used"),
      fixed: total("fixed"),
      waiting: total("waiting"),
      reserved: total("reserved"),
      cooling: total("cooling"),
      fullest: Math.max(0, ...all.map(({ utilisation }) => utilisation)),
    };
  });
}

function counted<T>(
  call: Pick<Call, "context">,
  networks: readonly Network[],
  group: (
    row: Parameters<Parameters<typeof eachAddress>[2]>[0],
  ) => readonly [string, T] | undefined,
): readonly (T & { addresses: number })[] {
  const groups = new Map<string, T & { addresses: number }>();
  eachAddress(call, networks, (row) => {
    const found = group(row);
    if (found === undefined) return;
    const [key, head] = found;
    const before = groups.get(key);
    if (before === undefined) groups.set(key, { ...head, addresses: 1 });
    else before.addresses++;
  });
  return [...groups.values()].sort((a, b) => b.addresses - a.addresses);
}

function eachAddress(
  { context }: Pick<Call, "context">,
  networks: readonly Network[],
  see: (row: {
    readonly network: string;
    readonly record: import("../../mod/model/records.ts").AddressRecord;
  }) => void,
): void {
  for (const { metadata } of networks) {
    const prefix = `${escapeSegment(metadata.name)}/`;
    for (const [, { value }] of context.mirror.tables.addresses.walk({ prefix })) see(value);
  }
}

function countNodes(call: Call, networks: readonly Network[]): readonly unknown[] {
  return counted(
    call,
    networks,
    ({ record: { holder } }) =>
      holder === undefined
        ? undefined
        : [`${holder.cluster}/${holder.node}`, { cluster: holder.cluster, node: holder.node }],
  );
}

function countOwners(call: Call, networks: readonly Network[]): readonly unknown[] {
  return counted(call, networks, ({ network, record: { owner } }) => {
    if (owner === undefined) return undefined;
    const { cluster, group, kind, namespace, name } = owner;
    const workload = { network, cluster, group, kind, namespace, name };
    return [JSON.stringify(workload), workload];
  });
}

const FREE_QUERY = {
  limit: integer("At most so many runs; default 1000", { min: 1, max: 10_000 }),
  family: choice("Only of this family", ["4", "6"]),
} as const;

async function free(call: Call<typeof FREE_QUERY>): Promise<Reply> {
  const network = await networkOfPath(call);
  const { limit = 1000, family } = call.query;
  const items = freeRanges(call.context.mirror, network, {
    limit,
    family: family === undefined ? undefined : family === "4" ? 4 : 6,
  });
  return { status: 200, body: { network: network.metadata.name, items } };
}

const GRID_QUERY = {
  at: text("An address of the block; default: the first of the network", {
    maxLength: 45,
    example: "10.100.0.5",
  }),
} as const;

async function grid(call: Call<typeof GRID_QUERY>): Promise<Reply> {
  const network = await networkOfPath(call);
  const { at } = call.query;
  const [first] = poolsOf(network);
  const address = at !== undefined
    ? addressOf(at, "at")
    : first === undefined
    ? undefined
    : { family: first.prefix.family, value: first.prefix.base };
  const found = address === undefined ? undefined : gridAt(call.context.mirror, network, address);
  if (found === undefined || address === undefined) {
    throw httpError(404, `${at ?? "It"} is in no subnet of network ${network.metadata.name}`, {
      field: "at",
      ...(address === undefined ? {} : { value: formatAddress(address) }),
      remedy: network.spec.subnets.map(({ cidr }) => cidr).join(", "),
    });
  }
  return { status: 200, body: found };
}

const SEARCH_QUERY = {
  q: text("An IP, a MAC, or a part of the name of a pod, workload, node or network", {
    maxLength: 100,
    example: "10.100.0.5",
  }),
  limit: integer("At most so many; default 50", { min: 1, max: 500 }),
} as const;

async function find(call: Call<typeof SEARCH_QUERY>): Promise<Reply> {
  const { q, limit = 50 } = call.query;
  if (q === undefined) {
    throw httpError(400, "Parameter q is missing", { field: "q", remedy: "say what to look for" });
  }
  const { context, principal, sees } = call;
  const revision = await context.mirror.fresh();
  const items = search(context, {
    text: q,
    limit,
    sees,
    infrastructure: principal.scope === undefined,
  });
  return { status: 200, body: { q, resourceVersion: String(revision), items } };
}

const ITEMS = {
  type: "object",
  required: ["items"],
  properties: { items: { type: "array", items: { type: "object" } } },
} as const;

const TREND_QUERY = {
  days: integer("How many days, the last of them today; default 30", { min: 1, max: 366 }),
} as const;

async function trend(call: Call<typeof TREND_QUERY>): Promise<Reply> {
  const { context, query, sees } = call;
  const revision = await context.mirror.fresh();
  const { networks, complete } = await context.trend.of(query.days ?? 30, revision);
  const own = Object.entries(networks).filter(([name]) => sees(name));
  return { status: 200, body: { networks: Object.fromEntries(own), complete } };
}

/** Routes of questions. */
export const INSIGHT_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/api/v1/usage",
    id: "getUsage",
    tag: "insight",
    summary: "How full networks, subnets and zones are, and who has how many addresses",
    access: "viewer",
    tenant: "own",
    query: USAGE_QUERY,
    answers: { 200: { description: "Counts", schema: ITEMS } },
    handle: usage,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/usage/trend",
    id: "getTrend",
    tag: "insight",
    summary: "How many addresses of each network were held at the end of each day",
    description: "From the history; of a network of both families the IPv4 addresses.",
    access: "viewer",
    tenant: "own",
    query: TREND_QUERY,
    answers: {
      200: { description: "Counts by network, the last of today", schema: { type: "object" } },
    },
    handle: trend,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/networks/{name}/usage",
    id: "getNetworkUsage",
    tag: "insight",
    summary: "How full a network is",
    access: "viewer",
    tenant: "own",
    pathParams: NAME,
    answers: { 200: { description: "Counts, of each subnet", schema: { type: "object" } } },
    problems: [404],
    handle: async (call) => ({ status: 200, body: networkUsage(call, await networkOfPath(call)) }),
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/networks/{name}/free",
    id: "getFreeRanges",
    tag: "insight",
    summary: "Runs of free addresses",
    access: "viewer",
    tenant: "own",
    pathParams: NAME,
    query: FREE_QUERY,
    answers: { 200: { description: "Runs, in order", schema: ITEMS } },
    problems: [404],
    handle: free,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/networks/{name}/grid",
    id: "getGrid",
    tag: "insight",
    summary: "All states of a block of 256 addresses at once",
    description: `States: ${CELL_STATES.join(", ")}.`,
    access: "viewer",
    tenant: "own",
    pathParams: NAME,
    query: GRID_QUERY,
    answers: { 200: { description: "The block", schema: { type: "object" } } },
    problems: [404],
    handle: grid,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/networks/{name}/blocks",
    id: "getBlocks",
    tag: "insight",
    summary: "Blocks of 256 addresses that hold records, with their counts",
    access: "viewer",
    tenant: "own",
    pathParams: NAME,
    answers: { 200: { description: "Blocks, in order; at most 1024", schema: ITEMS } },
    problems: [404],
    handle: async (call) => {
      const network = await networkOfPath(call);
      const items = blocksOf(call.context.mirror, network, 1024);
      return { status: 200, body: { network: network.metadata.name, items } };
    },
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/search",
    id: "search",
    tag: "insight",
    summary: "Find an IP, a MAC, a pod, a workload, a node, a network",
    access: "viewer",
    tenant: "own",
    query: SEARCH_QUERY,
    answers: { 200: { description: "Exact hits first", schema: ITEMS } },
    handle: find,
  }),
];
