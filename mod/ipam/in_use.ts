/**
 * Who stands in the way of an edit: the first five by name, and how many there are.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { readPages } from "../etcd/pages.ts";
import {
  type Compare,
  type KeyRange,
  type KeyValue,
  type Operation,
  type Store,
  underPrefix,
} from "../etcd/store.ts";
import { formatAddress } from "../ip/address.ts";
import { mergeRanges, type Range } from "../ip/range.ts";
import { type AddressRecord, AddressRecordSchema } from "../model/records.ts";
import { addressPrefix, keysOfRange, networkAddressPrefix, parseAddressKey } from "./keys.ts";
import { decodeRecord } from "./stored.ts";
import { describeUser } from "./taken.ts";

/** Those who use something. */
export interface Users {
  readonly count: number;
  /** The first of them, described for people. */
  readonly first: readonly string[];
}

/** How many are named. */
const SHOWN = 5;
/** Ranges that a commit compares one by one. */
const MAX_COMPARES = 64;

export const NOBODY: Users = { count: 0, first: [] };

/** Both together. */
export function joinUsers(a: Users, b: Users): Users {
  return { count: a.count + b.count, first: [...a.first, ...b.first].slice(0, SHOWN) };
}

/** `a, b, c, d, e and 7 more`. */
export function describeUsers({ count, first }: Users): string {
  const rest = count - first.length;
  return rest > 0 ? `${first.join(", ")} and ${rest} more` : first.join(", ");
}

/** The error that refuses a change because of those who use what it would change. */
export function inUse(
  what: string,
  users: Users,
  options: { readonly field?: string; readonly value?: string; readonly remedy: string },
): FabricError {
  return new FabricError("in-use", `${what}: ${describeUsers(users)}`, {
    ...options,
    details: { users: users.first, count: users.count },
  });
}

function addressRange(network: string, range: Range): Required<KeyRange> {
  return keysOfRange(addressPrefix(network, range.family), range);
}

function describeKey(kv: KeyValue): string {
  const { address } = parseAddressKey(kv.key);
  const record = decodeRecord(AddressRecordSchema, kv);
  return `${formatAddress(address)} (${describeUser(record)})`;
}

/** Who has a record (used, owned or reserved) in the ranges. */
export async function usersOfRanges(
  store: Store,
  network: string,
  ranges: readonly Range[],
): Promise<Users> {
  let users = NOBODY;
  const all = mergeRanges(ranges);
  for (let i = 0; i < all.length; i += MAX_COMPARES) {
    const success = all.slice(i, i + MAX_COMPARES).map((range): Operation => ({
      range: { ...addressRange(network, range), limit: SHOWN },
    }));
    const read = await store.txn({ success });
    for (const result of read.results) {
      if (result.kind !== "range") continue;
      const { count, kvs } = result.response;
      const first = users.first.length < SHOWN ? kvs.map(describeKey) : [];
      users = joinUsers(users, { count, first });
    }
  }
  return users;
}

/**
 * Holds while nobody has a record in the ranges, which were empty at `revision` or later. Very many
 * ranges are compared in groups, each with what lies between; there, nothing may have changed.
 */
export function rangesUnused(
  network: string,
  ranges: readonly Range[],
  revision: number,
): readonly Compare[] {
  const all = mergeRanges(ranges);
  if (all.length <= MAX_COMPARES) {
    return all.map((range): Compare => ({
      ...addressRange(network, range),
      target: "create",
      op: "=",
      revision: 0,
    }));
  }
  const size = Math.ceil(all.length / (MAX_COMPARES - 1));
  const compares: Compare[] = [];
  for (const family of [4, 6] as const) {
    const own = all.filter((range) => range.family === family);
    for (let i = 0; i < own.length; i += size) {
      const group = own.slice(i, i + size);
      const [first, last] = [group[0], group.at(-1)];
      if (first === undefined || last === undefined) continue;
      const span = addressRange(network, { family, first: first.first, last: last.last });
      compares.push(unchanged(span, revision));
    }
  }
  return compares;
}

/** Holds while no key of the range was written after the revision. */
export function unchanged(range: KeyRange, revision: number): Compare {
  return { ...range, target: "mod", op: "<", revision: revision + 1 };
}

/** Holds while no address of the network was written after the revision. */
export function addressesUnchanged(network: string, revision: number): Compare {
  return unchanged(underPrefix(networkAddressPrefix(network)), revision);
}

/** Who has an address of the network that satisfies the predicate; reads all of them, in pages. */
export async function usersOfNetwork(
  store: Store,
  network: string,
  predicate: (record: AddressRecord) => boolean,
): Promise<Users> {
  let count = 0;
  const first: string[] = [];
  for await (const page of readPages(store, underPrefix(networkAddressPrefix(network)))) {
    for (const kv of page) {
      if (!predicate(decodeRecord(AddressRecordSchema, kv))) continue;
      count++;
      if (first.length < SHOWN) first.push(describeKey(kv));
    }
  }
  return { count, first };
}

/** The names as users: `Network a, Network b`. */
export function namedUsers(kind: string, names: readonly string[]): Users {
  return { count: names.length, first: names.slice(0, SHOWN).map((name) => `${kind} ${name}`) };
}
