/**
 * Addresses that things outside use (a load balancer, a printer): an Address record in state
 * `reserved`, and a marker that makes them countable without reading the network.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Compare, KeyValue, Operation } from "../etcd/store.ts";
import { type Address, formatAddress } from "../ip/address.ts";
import { firstOf, formatPrefix, lastOf } from "../ip/prefix.ts";
import { formatRange, type Range, rangeContains, rangeSize } from "../ip/range.ts";
import { type Network } from "../model/network.ts";
import { type AddressRecord, AddressRecordSchema } from "../model/records.ts";
import { keysOf } from "./allocate_state.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { putReleased, singleKey } from "./free.ts";
import { addressKey, META_ERA, networkKey, parseAddressKey, reservedKey } from "./keys.ts";
import { checkRecovered } from "./meta.ts";
import { isAllocatable, networkPools } from "./pool.ts";
import { decodeRecord, decodeResource, encodeRecord } from "./stored.ts";
import { describeUser } from "./taken.ts";

/** Addresses that one call may name: more is a matter of `exclude` in the network. */
export const MAX_RESERVATION = 4096n;
/** Addresses of one transaction: three operations each, and compares. */
const BATCH = 32;

export interface ReserveRequest {
  readonly network: string;
  readonly range: Range;
}

/** What was done, by address text. */
export interface ReserveOutcome {
  readonly changed: readonly string[];
  /** Reserved before (or, for unreserve, not reserved). */
  readonly unchanged: readonly string[];
}

/** A network that addresses are reserved in, as it was read. */
export interface Target {
  readonly network: Network;
  readonly revision: number;
  /** Revision of `meta/era`. */
  readonly era: number;
}

/** What every transaction compares: the store and the network are those that were read. */
export function heldBy({ network, revision, era }: Target): readonly Compare[] {
  return [
    { key: META_ERA, target: "mod", op: "=", revision: era },
    { key: networkKey(network.metadata.name), target: "mod", op: "=", revision },
  ];
}

async function readTarget(context: IpamContext, request: ReserveRequest): Promise<Target> {
  const target = await readReservable(context, request.network);
  checkRange(target.network, request.range);
  return target;
}

/**
 * The network, and the store that it is in.
 *
 * @throws {FabricError} `not-found`, `store-changed`.
 */
export async function readReservable(context: IpamContext, name: string): Promise<Target> {
  const read = await context.store.txn({
    success: [{ range: { key: networkKey(name) } }, { range: { key: META_ERA } }],
  });
  const kv = keysOf(read.results[0])[0];
  const era = keysOf(read.results[1])[0];
  if (era !== undefined) checkRecovered(era);
  if (kv === undefined) {
    throw new FabricError("not-found", `Network ${name} does not exist`, {
      field: "network",
      value: name,
    });
  }
  const network = decodeResource(kv, "Network");
  return { network, revision: kv.modRevision, era: era?.modRevision ?? 0 };
}

/**
 * Refuses a range that is not of one subnet, too large, or holds a gateway.
 *
 * @throws {FabricError} `invalid`.
 */
export function checkRange(network: Network, range: Range): void {
  const { name } = network.metadata;
  const pools = networkPools(network.spec);
  const inside = pools.find(({ prefix }) =>
    prefix.family === range.family && firstOf(prefix).value <= range.first &&
    range.last <= lastOf(prefix).value
  );
  if (inside === undefined) {
    throw new FabricError(
      "invalid",
      `Range ${formatRange(range)} is not inside one subnet of ${name}`,
      {
        field: "range",
        value: formatRange(range),
        remedy: `choose from ${pools.map((pool) => formatPrefix(pool.prefix)).join(", ")}`,
      },
    );
  }
  if (rangeSize(range) > MAX_RESERVATION) {
    throw new FabricError(
      "invalid",
      `Range ${formatRange(range)} holds more than ${MAX_RESERVATION} addresses`,
      {
        field: "range",
        value: formatRange(range),
        remedy: "put a range that is kept out for good into exclude of the subnet",
      },
    );
  }
  const gateway = pools.find((pool) =>
    pool.gateway !== undefined && rangeContains(range, pool.gateway)
  );
  if (gateway?.gateway !== undefined) {
    throw new FabricError(
      "invalid",
      `Range ${formatRange(range)} holds the gateway ${formatAddress(gateway.gateway)}`,
      { field: "range", value: formatRange(range), remedy: "leave the gateway out" },
    );
  }
}

function batches(range: Range): readonly (readonly Address[])[] {
  const all: Address[][] = [];
  for (let value = range.first; value <= range.last; value++) {
    const address = { family: range.family, value };
    const batch = all.at(-1);
    if (batch === undefined || batch.length === BATCH) all.push([address]);
    else batch.push(address);
  }
  return all;
}

async function readRecords(
  context: IpamContext,
  network: string,
  addresses: readonly Address[],
): Promise<readonly { readonly address: Address; readonly kv: KeyValue | undefined }[]> {
  const read = await context.store.txn({
    success: addresses.map((address) => ({ range: { key: addressKey(network, address) } })),
  });
  return addresses.map((address, index) => ({ address, kv: keysOf(read.results[index])[0] }));
}

/**
 * Reserves every address of the range. Addresses that are reserved already stay as they are.
 *
 * @throws {FabricError} `in-use`, naming who has the first five of them; then nothing of the range
 * was reserved. `invalid`, `not-found`: range or network.
 */
export async function reserve(
  context: IpamContext,
  request: ReserveRequest & { readonly reason: string },
): Promise<ReserveOutcome> {
  const target = await readTarget(context, request);
  const name = request.network;
  const parts = batches(request.range);
  const holders: string[] = [];
  for (const part of parts) {
    for (const { kv } of await readRecords(context, name, part)) {
      if (kv !== undefined) holders.push(...taken(kv));
    }
  }
  if (holders.length > 0) throw inUse(request, holders);
  const changed: string[] = [];
  const unchanged: string[] = [];
  for (const part of parts) {
    const records = await readRecords(context, name, part);
    const free = records.filter(({ kv }) => kv === undefined).map(({ address }) => address);
    unchanged.push(
      ...records.filter(({ kv }) => kv !== undefined).map(({ address }) => formatAddress(address)),
    );
    const response = await context.store.txn({
      compare: [
        ...heldBy(target),
        ...free.map((address): Compare => ({
          key: addressKey(name, address),
          target: "create",
          op: "=",
          revision: 0,
        })),
      ],
      success: free.flatMap((address) =>
        reserveOne({ ...request, address, id: context.newId(), since: timestamp(context) })
      ),
    });
    if (!response.succeeded) throw crossed(request, changed);
    changed.push(...free.map(formatAddress));
  }
  return { changed, unchanged };
}

/** One address to be reserved. */
export interface Reservation {
  readonly network: string;
  readonly address: Address;
  readonly reason: string;
  /** A new ULID. */
  readonly id: string;
  /** RFC 3339. */
  readonly since: string;
}

/** What reserves an address that nobody has; three operations. */
export function reserveOne(input: Reservation): readonly Operation[] {
  const { network, address, reason, id, since } = input;
  const record = {
    state: "reserved",
    id,
    reason,
    since,
  } satisfies Omit<AddressRecord, "v">;
  return [
    { put: addressKey(network, address), value: encodeRecord(record) },
    { put: reservedKey(network, address), value: "{}" },
    { delete: { key: singleKey(network, address) } },
  ];
}

function taken(kv: KeyValue): readonly string[] {
  const record = decodeRecord(AddressRecordSchema, kv);
  if (record.state === "reserved") return [];
  const who = describeUser(record);
  return [`${formatAddress(parseAddressKey(kv.key).address)} (${who})`];
}

function inUse(request: ReserveRequest, holders: readonly string[]): FabricError {
  const shown = holders.slice(0, 5).join(", ");
  const more = holders.length > 5 ? ` and ${holders.length - 5} more` : "";
  return new FabricError(
    "in-use",
    `Range ${formatRange(request.range)} of network ${request.network} is in use: ${shown}${more}`,
    {
      field: "range",
      value: formatRange(request.range),
      remedy: "choose addresses that are free, or release these first",
      details: { holders },
    },
  );
}

function crossed(request: ReserveRequest, done: readonly string[]): FabricError {
  return new FabricError(
    "conflict",
    `Network ${request.network} or an address of ${formatRange(request.range)} changed meanwhile`,
    { remedy: "run it again", details: { done } },
  );
}

/** Gives reserved addresses of the range back; what is not reserved stays as it is. */
export async function unreserve(
  context: IpamContext,
  request: ReserveRequest,
): Promise<ReserveOutcome> {
  const target = await readTarget(context, request);
  const pools = networkPools(target.network.spec);
  const changed: string[] = [];
  const unchanged: string[] = [];
  for (const part of batches(request.range)) {
    const records = await readRecords(context, request.network, part);
    const compare: Compare[] = [...heldBy(target)];
    const success: Operation[] = [];
    const names: string[] = [];
    for (const { address, kv } of records) {
      const reserved = kv !== undefined &&
        decodeRecord(AddressRecordSchema, kv).state === "reserved";
      if (!reserved) {
        unchanged.push(formatAddress(address));
        continue;
      }
      names.push(formatAddress(address));
      compare.push({ key: kv.key, target: "mod", op: "=", revision: kv.modRevision });
      success.push(
        { delete: { key: kv.key } },
        { delete: { key: reservedKey(request.network, address) } },
      );
      if (isAllocatable(pools, address)) {
        success.push(putReleased(request.network, address, context.now()));
      }
    }
    if (success.length === 0) continue;
    const response = await context.store.txn({ compare, success });
    if (!response.succeeded) throw crossed(request, changed);
    changed.push(...names);
  }
  return { changed, unchanged };
}
