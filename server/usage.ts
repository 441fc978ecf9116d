/**
 * How full networks are, counted from the mirror and kept until something of the network changes.
 *
 * @module
 */

import { addressToHex, type Family, formatAddress } from "../mod/ip/address.ts";
import { formatPrefix, lastOf } from "../mod/ip/prefix.ts";
import { type Range, totalSize } from "../mod/ip/range.ts";
import { escapeSegment } from "../mod/ipam/keys.ts";
import type { SubnetPool } from "../mod/ipam/pool.ts";
import type { Network } from "../mod/model/network.ts";
import type { Mirror } from "./mirror/mirror.ts";
import { poolsOf } from "./pools.ts";

/** Where the addresses of a subnet are. Capacities are text: an IPv6 subnet has more than 2^53. */
export interface SubnetUsage {
  readonly network: string;
  readonly subnet: string;
  readonly family: Family;
  /** Addresses that it hands out unasked. */
  readonly capacity: string;
  /** Without a record and not cooling, of the capacity. */
  readonly free: string;
  /** With a holder. */
  readonly used: number;
  /** Of an owner, with or without a holder. */
  readonly fixed: number;
  /** Of an owner, without a holder. */
  readonly waiting: number;
  readonly reserved: number;
  readonly cooling: number;
  /** Of the capacity, 0 to 1. */
  readonly utilisation: number;
}

/** What the network's addresses are, as keys of one width: compared as text. */
interface HexRange {
  readonly first: string;
  readonly last: string;
}

function hexRange({ family, first, last }: Range): HexRange {
  return {
    first: `${family}/${addressToHex({ family, value: first })}`,
    last: `${family}/${addressToHex({ family, value: last })}`,
  };
}

function inside({ first, last }: HexRange, key: string): boolean {
  return first <= key && key <= last && first.length === key.length;
}

/** Counts, and keeps what it counted. */
export class UsageCache {
  readonly #mirror: Mirror;
  readonly #known = new Map<string, Counted>();

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
    mirror.listen({
      onChanges: (changes) => {
        for (const { kind, key } of changes) {
          if (kind === "addresses") this.#known.delete(key.slice(0, key.indexOf("/")));
          else if (kind === "networks") this.#known.delete(key);
        }
      },
      onReset: () => this.#known.clear(),
    });
  }

  /** Of the network's subnets, in the order of its spec. To be called right after `fresh()`. */
  of(network: Network): readonly SubnetUsage[] {
    const key = escapeSegment(network.metadata.name);
    let counted = this.#known.get(key);
    if (counted === undefined) this.#known.set(key, counted = this.#count(key, network));
    return this.#withCooling(key, network, counted);
  }

  #count(key: string, network: Network): Counted {
    const pools = poolsOf(network);
    const parts = pools.map((pool) => ({ pool, ...rangesOf(pool), ...NOTHING }));
    const prefix = `${key}/`;
    for (const [name, row] of this.#mirror.tables.addresses.walk({ prefix })) {
      const hex = name.slice(prefix.length);
      const part = parts.find(({ whole }) => inside(whole, hex));
      if (part === undefined) continue;
      const { state, owner, holder } = row.value.record;
      if (state === "reserved") part.reserved++;
      else {
        if (holder !== undefined) part.used++;
        if (owner !== undefined) part.fixed++;
        if (holder === undefined && owner !== undefined) part.waiting++;
      }
      if (part.free.some((range) => inside(range, hex))) part.taken++;
    }
    return parts;
  }

  #withCooling(key: string, network: Network, parts: Counted): readonly SubnetUsage[] {
    const prefix = `${key}/`;
    const cooling = parts.map(() => ({ all: 0, free: 0 }));
    for (const [name] of this.#mirror.cooling.walk({ prefix })) {
      // An owner may have its own address back while it cools.
      if (this.#mirror.tables.addresses.get(name) !== undefined) continue;
      const hex = name.slice(prefix.length);
      const index = parts.findIndex(({ whole }) => inside(whole, hex));
      const count = cooling[index];
      if (count === undefined) continue;
      count.all++;
      if (parts[index]?.free.some((range) => inside(range, hex)) === true) count.free++;
    }
    return parts.map((part, index) => {
      const { pool, used, fixed, waiting, reserved, taken } = part;
      const capacity = totalSize(pool.free);
      const gone = BigInt(taken + (cooling[index]?.free ?? 0));
      const free = capacity > gone ? capacity - gone : 0n;
      return {
        network: network.metadata.name,
        subnet: formatPrefix(pool.prefix),
        family: pool.prefix.family,
        capacity: String(capacity),
        free: String(free),
        used,
        fixed,
        waiting,
        reserved,
        cooling: cooling[index]?.all ?? 0,
        utilisation: capacity === 0n ? 1 : Number((capacity - free) * 10_000n / capacity) / 10_000,
      };
    });
  }
}

const NOTHING = { used: 0, fixed: 0, waiting: 0, reserved: 0, taken: 0 };

type Counted = readonly {
  readonly pool: SubnetPool;
  readonly whole: HexRange;
  readonly free: readonly HexRange[];
  used: number;
  fixed: number;
  waiting: number;
  reserved: number;
  taken: number;
}[];

function rangesOf(pool: SubnetPool): { readonly whole: HexRange; readonly free: HexRange[] } {
  const { family, base } = pool.prefix;
  const whole = hexRange({ family, first: base, last: lastOf(pool.prefix).value });
  return { whole, free: pool.free.map(hexRange) };
}

/** A run of free addresses. */
export interface FreeRange {
  readonly first: string;
  readonly last: string;
  readonly size: string;
}

/** The runs of free addresses of the subnets, in their order, at most `limit`. */
export function freeRanges(
  mirror: Mirror,
  network: Network,
  options: { readonly limit: number; readonly family?: Family | undefined },
): readonly FreeRange[] {
  const prefix = `${escapeSegment(network.metadata.name)}/`;
  const found: FreeRange[] = [];
  for (const pool of poolsOf(network)) {
    const { family } = pool.prefix;
    if (options.family !== undefined && options.family !== family) continue;
    const taken = takenValues(mirror, `${prefix}${family}/`);
    for (const range of pool.free) {
      let start = range.first;
      const add = (last: bigint): void => {
        if (last < start || found.length >= options.limit) return;
        found.push({
          first: formatAddress({ family, value: start }),
          last: formatAddress({ family, value: last }),
          size: String(last - start + 1n),
        });
      };
      for (const value of taken) {
        if (value < range.first || value > range.last || value < start) continue;
        add(value - 1n);
        start = value + 1n;
      }
      add(range.last);
      if (found.length >= options.limit) return found;
    }
  }
  return found;
}

/** Addresses with a record or a cooling key, ascending. */
function takenValues(mirror: Mirror, prefix: string): readonly bigint[] {
  const values: bigint[] = [];
  for (const [key] of mirror.tables.addresses.walk({ prefix })) {
    values.push(BigInt(`0x${key.slice(prefix.length)}`));
  }
  const recorded = values.length;
  for (const [key] of mirror.cooling.walk({ prefix })) {
    values.push(BigInt(`0x${key.slice(prefix.length)}`));
  }
  return values.length === recorded ? values : values.sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
}
