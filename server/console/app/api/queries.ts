/**
 * The questions that screens ask: one place that knows the paths of the API.
 *
 * @module
 */

import * as v from "valibot";
import { HolderSchema, OwnerRefSchema } from "../../../../mod/model/identity.ts";
import { MARKS } from "../ui/icon.tsx";
import { askAll, type Network, NetworkSchema } from "./objects.ts";
import { ask } from "./request.ts";

const SubnetUsageSchema = v.looseObject({
  network: v.string(),
  subnet: v.string(),
  family: v.picklist([4, 6]),
  capacity: v.string(),
  free: v.string(),
  used: v.number(),
  fixed: v.number(),
  waiting: v.number(),
  reserved: v.number(),
  cooling: v.number(),
  utilisation: v.number(),
});
/** How full one subnet is. */
export type SubnetUsage = v.InferOutput<typeof SubnetUsageSchema>;

/** How full a network is: its fullest family, since that one stops pods first. */
export interface NetworkUsage {
  readonly subnets: readonly SubnetUsage[];
  readonly share: number;
  readonly cooling: number;
  readonly capacity: bigint;
  readonly free: bigint;
  /** Held, or kept for an owner. */
  readonly taken: number;
  /** Zones that it reaches. */
  readonly zones: readonly string[];
}

/** Sums up the subnets of one network. */
export function sumUsage(subnets: readonly SubnetUsage[]): NetworkUsage {
  const families = ([4, 6] as const).flatMap((family) => {
    const own = subnets.filter((one) => one.family === family);
    if (own.length === 0) return [];
    const capacity = own.reduce((sum, one) => sum + BigInt(one.capacity), 0n);
    const free = own.reduce((sum, one) => sum + BigInt(one.free), 0n);
    const cooling = own.reduce((sum, one) => sum + one.cooling, 0);
    const taken = own.reduce((sum, one) => sum + one.used + one.waiting, 0);
    const part = (count: bigint): number =>
      capacity === 0n ? 0 : Number(count * 10_000n / capacity) / 10_000;
    const share = capacity === 0n ? 1 : part(capacity - free);
    return [{ share, cooling: part(BigInt(cooling)), capacity, free, taken }];
  });
  const fullest = families.toSorted((a, b) => b.share - a.share)[0];
  return {
    subnets,
    zones: [],
    ...(fullest ?? { share: 0, cooling: 0, capacity: 0n, free: 0n, taken: 0 }),
  };
}

const NetworkUsageSchema = v.looseObject({
  network: v.string(),
  zones: v.array(v.string()),
  subnets: v.array(SubnetUsageSchema),
});

/** Usage of all networks, by name. */
export async function readUsage(
  aborted: AbortSignal,
): Promise<ReadonlyMap<string, NetworkUsage>> {
  const { items } = await ask("/usage", v.looseObject({ items: v.array(NetworkUsageSchema) }), {
    query: { by: "network", limit: 10_000 },
    signal: aborted,
  });
  return new Map(
    items.map(({ network, zones, subnets }) => [network, { ...sumUsage(subnets), zones }]),
  );
}

/** All networks, by name. */
export function readNetworks(aborted: AbortSignal): Promise<readonly Network[]> {
  return askAll("/networks", NetworkSchema, { signal: aborted });
}

const TrendSchema = v.looseObject({
  networks: v.record(v.string(), v.array(v.number())),
});

/** Taken addresses at the end of each of the last days, by network; the last is today's. */
export async function readTrend(
  aborted: AbortSignal,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const { networks } = await ask("/usage/trend", TrendSchema, {
    query: { days: 30 },
    signal: aborted,
  });
  return new Map(Object.entries(networks));
}

/** Days until nothing is free at the pace of those days; undefined: it does not get fuller. */
export function daysUntilFull(trend: readonly number[], free: bigint): number | undefined {
  if (free === 0n) return 0;
  const count = trend.length;
  if (count < 7) return undefined;
  const mean = trend.reduce((sum, one) => sum + one, 0) / count;
  const middle = (count - 1) / 2;
  let above = 0;
  let below = 0;
  for (const [day, value] of trend.entries()) {
    above += (day - middle) * (value - mean);
    below += (day - middle) ** 2;
  }
  const perDay = above / below;
  if (perDay < 0.02) return undefined;
  const days = Number(free) / perDay;
  return days > 3650 ? undefined : days;
}

const CellSchema = v.looseObject({
  address: v.string(),
  owner: v.optional(OwnerRefSchema),
  holder: v.optional(HolderSchema),
  mac: v.optional(v.string()),
  reason: v.optional(v.string()),
  since: v.string(),
  id: v.string(),
});
/** What stands in one place of the grid. */
export type Cell = v.InferOutput<typeof CellSchema>;

const GridSchema = v.looseObject({
  block: v.string(),
  subnet: v.string(),
  previous: v.optional(v.string()),
  next: v.optional(v.string()),
  states: v.array(v.picklist(MARKS)),
  cells: v.record(v.string(), CellSchema),
  counts: v.record(v.string(), v.number()),
});
/** A block of 256 addresses. */
export type Grid = v.InferOutput<typeof GridSchema>;

/** The block that holds the address. */
export function readGrid(network: string, at: string, aborted: AbortSignal): Promise<Grid> {
  const path = `/networks/${encodeURIComponent(network)}/grid`;
  return ask(path, GridSchema, { query: { at }, signal: aborted });
}

const BlockSchema = v.looseObject({
  block: v.string(),
  subnet: v.string(),
  used: v.number(),
  fixed: v.number(),
  waiting: v.number(),
  reserved: v.number(),
});
/** Counts of one block. */
export type Block = v.InferOutput<typeof BlockSchema>;

/** Blocks that are not all free. */
export async function readBlocks(
  network: string,
  aborted: AbortSignal,
): Promise<readonly Block[]> {
  const path = `/networks/${encodeURIComponent(network)}/blocks`;
  return (await ask(path, v.looseObject({ items: v.array(BlockSchema) }), { signal: aborted }))
    .items;
}

const FreeRangeSchema = v.looseObject({ first: v.string(), last: v.string(), size: v.string() });
/** A run of free addresses. */
export type FreeRange = v.InferOutput<typeof FreeRangeSchema>;

/** The runs of free addresses of a network. */
export async function readFree(
  network: string,
  aborted: AbortSignal,
): Promise<readonly FreeRange[]> {
  const path = `/networks/${encodeURIComponent(network)}/free`;
  const schema = v.looseObject({ items: v.array(FreeRangeSchema) });
  return (await ask(path, schema, { signal: aborted })).items;
}

const HitSchema = v.looseObject({
  kind: v.picklist(["Address", "Network", "Node", "Zone", "PhysicalNetwork"]),
  matched: v.string(),
  network: v.optional(v.string()),
  address: v.optional(v.string()),
  state: v.optional(v.string()),
  name: v.string(),
  object: v.optional(v.unknown()),
});
/** One thing that was found. */
export type Hit = v.InferOutput<typeof HitSchema>;

/** What the text finds. */
export async function search(text: string, aborted: AbortSignal): Promise<readonly Hit[]> {
  const schema = v.looseObject({ items: v.array(HitSchema) });
  return (await ask("/search", schema, { query: { q: text, limit: 100 }, signal: aborted })).items;
}
