/**
 * One block of 256 addresses of a network, all states at once: an IPv4 /24, an IPv6 /120.
 *
 * @module
 */

import { type Address, addressToHex, formatAddress } from "../mod/ip/address.ts";
import { formatPrefix, lastOf, type Prefix, prefixContains } from "../mod/ip/prefix.ts";
import { type Range, rangeContains } from "../mod/ip/range.ts";
import { escapeSegment } from "../mod/ipam/keys.ts";
import type { SubnetPool } from "../mod/ipam/pool.ts";
import type { Network } from "../mod/model/network.ts";
import type { AddressRecord } from "../mod/model/records.ts";
import type { Mirror } from "./mirror/mirror.ts";
import { poolsOf } from "./pools.ts";

/**
 * What an address of a grid is. `excluded`: a host's, but never handed out; `unlisted`: outside of
 * the ranges, handed out only when it is asked for; `special`: network or broadcast address;
 * `outside`: of no subnet; `conflict`: recorded where nobody may have an address.
 */
export const CELL_STATES = [
  "free",
  "used",
  "fixed",
  "waiting",
  "reserved",
  "cooling",
  "conflict",
  "gateway",
  "excluded",
  "unlisted",
  "special",
  "outside",
] as const;
export type CellState = typeof CELL_STATES[number];

/** One address that is more than its state. */
export interface Cell {
  readonly address: string;
  readonly owner?: AddressRecord["owner"];
  readonly holder?: AddressRecord["holder"];
  readonly mac?: string;
  readonly reason?: string;
  readonly since: string;
  readonly id: string;
}

export interface Grid {
  readonly network: string;
  /** `10.1.0.0/24`. */
  readonly block: string;
  /** Blocks beside it in its subnet; absent at the subnet's limits. */
  readonly previous?: string;
  readonly next?: string;
  /** The subnet that holds the block. */
  readonly subnet: string;
  /** 256 states, of the first address first. */
  readonly states: readonly CellState[];
  /** Records, by the offset of their address in the block. */
  readonly cells: Readonly<Record<string, Cell>>;
  readonly counts: Readonly<Partial<Record<CellState, number>>>;
}

const SIZE = 256n;

/** The block that holds the address. To be called right after `fresh()`. */
export function gridAt(mirror: Mirror, network: Network, at: Address): Grid | undefined {
  const pools = poolsOf(network);
  const home = pools.find(({ prefix }) => prefixContains(prefix, at));
  if (home === undefined) return undefined;
  const { family } = at;
  const base = at.value - at.value % SIZE;
  const prefix = `${escapeSegment(network.metadata.name)}/${family}/`;
  const states: CellState[] = [];
  const cells: Record<string, Cell> = {};
  const counts: Partial<Record<CellState, number>> = {};
  for (let offset = 0n; offset < SIZE; offset++) {
    const address = { family, value: base + offset };
    const key = prefix + addressToHex(address);
    const record = mirror.tables.addresses.get(key)?.value.record;
    const pool = pools.find((one) => prefixContains(one.prefix, address));
    const state = stateOf({ address, record, pool, pools, cooling: mirror.cooling.get(key) });
    states.push(state);
    counts[state] = (counts[state] ?? 0) + 1;
    if (record !== undefined) cells[String(offset)] = cellOf(address, record);
  }
  const first = home.prefix.base;
  const last = lastOf(home.prefix).value;
  const text = (value: bigint): string => formatAddress({ family, value });
  return {
    network: network.metadata.name,
    block: `${text(base)}/${family === 4 ? 24 : 120}`,
    ...(base > first ? { previous: text(base - SIZE) } : {}),
    ...(base + SIZE <= last ? { next: text(base + SIZE) } : {}),
    subnet: formatPrefix(home.prefix),
    states,
    cells,
    counts,
  };
}

function cellOf(address: Address, record: AddressRecord): Cell {
  const { owner, holder, mac, reason, since, id } = record;
  return {
    address: formatAddress(address),
    ...(owner === undefined ? {} : { owner }),
    ...(holder === undefined ? {} : { holder }),
    ...(mac === undefined ? {} : { mac }),
    ...(reason === undefined ? {} : { reason }),
    since,
    id,
  };
}

function holds(ranges: readonly Range[], address: Address): boolean {
  return ranges.some((range) => rangeContains(range, address));
}

function stateOf(input: {
  readonly address: Address;
  readonly record: AddressRecord | undefined;
  readonly pool: SubnetPool | undefined;
  readonly pools: readonly SubnetPool[];
  readonly cooling: true | undefined;
}): CellState {
  const { address, record, pool, pools, cooling } = input;
  const gateway = pools.some((one) =>
    one.gateway !== undefined && one.gateway.family === address.family &&
    one.gateway.value === address.value
  );
  const usable = pool !== undefined && holds(pool.usable, address);
  if (record !== undefined) {
    if (record.state === "reserved") return gateway ? "conflict" : "reserved";
    if (!usable) return "conflict";
    if (record.owner === undefined) return "used";
    return record.holder === undefined ? "waiting" : "fixed";
  }
  if (pool === undefined) return "outside";
  if (gateway) return "gateway";
  if (cooling === true) return "cooling";
  if (!usable) return isSpecial(pool.prefix, address) ? "special" : "excluded";
  return holds(pool.free, address) ? "free" : "unlisted";
}

function isSpecial(prefix: Prefix, address: Address): boolean {
  return address.value === prefix.base || address.value === lastOf(prefix).value;
}

/** A block that is not all free. */
export interface Block {
  readonly block: string;
  readonly subnet: string;
  readonly used: number;
  readonly fixed: number;
  readonly waiting: number;
  readonly reserved: number;
}

/** The blocks of the network that hold records, in order; at most `limit`. */
export function blocksOf(mirror: Mirror, network: Network, limit: number): readonly Block[] {
  const blocks = new Map<bigint, Block & { [count: string]: unknown }>();
  const found: Block[] = [];
  for (const pool of poolsOf(network)) {
    const { family } = pool.prefix;
    const prefix = `${escapeSegment(network.metadata.name)}/${family}/`;
    blocks.clear();
    for (const [key, row] of mirror.tables.addresses.walk({ prefix })) {
      const value = BigInt(`0x${key.slice(prefix.length)}`);
      if (!prefixContains(pool.prefix, { family, value })) continue;
      const base = value - value % SIZE;
      const before = blocks.get(base) ?? {
        block: `${formatAddress({ family, value: base })}/${family === 4 ? 24 : 120}`,
        subnet: formatPrefix(pool.prefix),
        used: 0,
        fixed: 0,
        waiting: 0,
        reserved: 0,
      };
      const { state, owner, holder } = row.value.record;
      const count = state === "reserved"
        ? "reserved"
        : owner === undefined
        ? "used"
        : holder === undefined
        ? "waiting"
        : "fixed";
      blocks.set(base, { ...before, [count]: before[count] + 1 });
    }
    found.push(...blocks.values());
    if (found.length >= limit) break;
  }
  return found.slice(0, limit);
}
