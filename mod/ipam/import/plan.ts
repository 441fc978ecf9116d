/**
 * Lines that name addresses, held against each other and against the store: every line that cannot
 * be is told of, and nothing is written.
 *
 * @module
 */

import { FabricError, isKind } from "../../error.ts";
import { type Address, formatAddress } from "../../ip/address.ts";
import { rangeContains } from "../../ip/range.ts";
import { formatOwner, type OwnerRef, sameOwner } from "../../model/identity.ts";
import { type AddressRecord, AddressRecordSchema, OwnerRecordSchema } from "../../model/records.ts";
import { keysOf } from "../allocate_state.ts";
import type { IpamContext } from "../context.ts";
import { addressKey, ownerKey } from "../keys.ts";
import { keptAddresses } from "../owned.ts";
import { networkPools } from "../pool.ts";
import { checkRange, readReservable, type Target } from "../reserve.ts";
import { decodeRecord } from "../stored.ts";
import { describeUser } from "../taken.ts";
import type { FixStep, ImportStep, ReserveStep } from "./journal.ts";
import { atPlace, type InputRow, parseWish, type Wish } from "./row.ts";

/** Reservations of one step: one transaction. */
const BATCH = 32;
/** Keys that are read at a time. */
const READ = 120;
/** Addresses of one import. */
const MAX_ADDRESSES = 200_000;

export interface ImportPlan {
  readonly steps: readonly ImportStep[];
  /** Of all lines, in their order; then there are no steps. */
  readonly faults: readonly FabricError[];
  /** Addresses that are as they should be. */
  readonly unchanged: number;
}

interface OneAddress {
  readonly wish: Wish;
  readonly address: Address;
  readonly key: string;
}

/** Makes the plan. */
export async function planAddresses(
  context: IpamContext,
  rows: readonly InputRow[],
  options: { readonly cluster: string; readonly onProgress?: (read: number) => void },
): Promise<ImportPlan> {
  const faults = new Map<string, FabricError[]>();
  const blame = (place: string, fault: FabricError): void => {
    faults.set(place, [...faults.get(place) ?? [], atPlace(place, fault)]);
  };
  const wishes = rows.flatMap((row): Wish[] => {
    try {
      return [parseWish(row, options.cluster)];
    } catch (error) {
      if (!(error instanceof FabricError)) throw error;
      blame(row.place, error);
      return [];
    }
  });
  const targets = await readTargets(context, wishes, blame);
  const sound = wishes.filter((wish) => {
    const target = targets.get(wish.network);
    return target !== undefined && fits(wish, target, blame);
  });
  const all = expand(sound, blame);
  checkFamilies(sound, blame);
  const records = new Map<string, AddressRecord>();
  for (let i = 0; i < all.length; i += READ) {
    const part = all.slice(i, i + READ);
    const read = await context.store.txn({
      success: part.map(({ key }) => ({ range: { key } })),
    });
    for (const kv of read.results.flatMap(keysOf)) {
      records.set(kv.key, decodeRecord(AddressRecordSchema, kv));
    }
    options.onProgress?.(i + part.length);
  }
  const open = all.filter((one) => isOpen(one, records.get(one.key), blame));
  const order = new Map(rows.map(({ place }, index) => [place, index]));
  const told = [...faults].sort(([a], [b]) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
  if (told.length > 0) {
    return { steps: [], faults: told.flatMap(([, list]) => list), unchanged: 0 };
  }
  const fixes = await planFixes(context, open);
  const steps = [...planReservations(context, open), ...fixes];
  const changed = steps.reduce(
    (sum, step) => sum + (step.kind === "reserve" ? step.items.length : step.addresses.length),
    0,
  );
  return { steps, faults: [], unchanged: all.length - changed };
}

type Blame = (place: string, fault: FabricError) => void;

async function readTargets(
  context: IpamContext,
  wishes: readonly Wish[],
  blame: Blame,
): Promise<ReadonlyMap<string, Target>> {
  const targets = new Map<string, Target>();
  const missing = new Map<string, FabricError>();
  for (const { network, place } of wishes) {
    if (targets.has(network)) continue;
    try {
      const known = missing.get(network);
      if (known !== undefined) throw known;
      targets.set(network, await readReservable(context, network));
    } catch (error) {
      if (!isKind(error, "not-found")) throw error;
      missing.set(network, error);
      blame(place, error);
    }
  }
  return targets;
}

function fits(wish: Wish, { network }: Target, blame: Blame): boolean {
  try {
    checkRange(network, wish.range);
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
    blame(wish.place, error);
    return false;
  }
  if (wish.kind === "reserve") return true;
  const address = { family: wish.range.family, value: wish.range.first };
  const usable = networkPools(network.spec).flatMap((pool) => pool.usable);
  if (usable.some((range) => rangeContains(range, address))) return true;
  const text = formatAddress(address);
  blame(
    wish.place,
    new FabricError("invalid", `${text} is excluded, or the subnet's own`, {
      field: "address",
      value: text,
      remedy: "choose an address that a host may have",
    }),
  );
  return false;
}

/** Every address once; a line that names one again is at fault. */
function expand(wishes: readonly Wish[], blame: Blame): readonly OneAddress[] {
  const seen = new Map<string, string>();
  const all: OneAddress[] = [];
  for (const wish of wishes) {
    const { family, first, last } = wish.range;
    let isTold = false;
    for (let value = first; value <= last; value++) {
      const address = { family, value };
      const key = addressKey(wish.network, address);
      const before = seen.get(key);
      if (before === undefined) {
        seen.set(key, wish.place);
        all.push({ wish, address, key });
      } else if (!isTold) {
        isTold = true;
        const text = formatAddress(address);
        blame(
          wish.place,
          new FabricError("invalid", `${text} of network ${wish.network} is at ${before} already`, {
            field: "address",
            value: text,
            remedy: "leave one of the two out",
          }),
        );
      }
      if (all.length > MAX_ADDRESSES) {
        throw new FabricError("invalid", `More than ${MAX_ADDRESSES} addresses in one import`, {
          remedy: "cut the file in several",
        });
      }
    }
  }
  return all;
}

/** A slot that is given two addresses of one family on two lines. */
function checkFamilies(wishes: readonly Wish[], blame: Blame): void {
  const seen = new Map<string, string>();
  for (const wish of wishes) {
    if (wish.kind !== "fix") continue;
    const key = `${ownerKey(wish.network, wish.owner)} ${wish.range.family}`;
    const before = seen.get(key);
    if (before === undefined) seen.set(key, wish.place);
    else {
      blame(
        wish.place,
        new FabricError(
          "invalid",
          `${formatOwner(wish.owner)} has an IPv${wish.range.family} address at ${before} already`,
          { field: "workload", remedy: "name another slot, or leave one of the two out" },
        ),
      );
    }
  }
}

/** True where something is to be done. */
function isOpen(
  { wish, address }: OneAddress,
  record: AddressRecord | undefined,
  blame: Blame,
): boolean {
  if (record === undefined) return true;
  if (
    wish.kind === "reserve" && record.state === "reserved" && record.reason === wish.reason
  ) return false;
  if (wish.kind === "fix" && record.owner !== undefined && sameOwner(record.owner, wish.owner)) {
    return true;
  }
  const text = formatAddress(address);
  blame(
    wish.place,
    new FabricError(
      "in-use",
      `${text} of network ${wish.network} is taken (${describeUser(record)})`,
      {
        field: "address",
        value: text,
        remedy: record.state === "reserved"
          ? "give it the same reason, or unreserve it first"
          : "leave the line out, or release the address first",
      },
    ),
  );
  return false;
}

function planReservations(
  context: IpamContext,
  open: readonly OneAddress[],
): readonly ReserveStep[] {
  const steps: ReserveStep[] = [];
  const byNetwork = Map.groupBy(
    open.filter(({ wish }) => wish.kind === "reserve"),
    ({ wish }) => wish.network,
  );
  for (const [network, all] of byNetwork) {
    for (let i = 0; i < all.length; i += BATCH) {
      const items = all.slice(i, i + BATCH).map(({ wish, address }) => ({
        address: formatAddress(address),
        id: context.newId(),
        reason: wish.kind === "reserve" ? wish.reason : "",
        place: wish.place,
      }));
      steps.push({ kind: "reserve", network, items });
    }
  }
  return steps;
}

/** One step per owner, also where its families are on two lines. */
async function planFixes(
  context: IpamContext,
  open: readonly OneAddress[],
): Promise<readonly FixStep[]> {
  const byOwner = new Map<string, { readonly owner: OwnerRef; readonly all: OneAddress[] }>();
  for (const one of open) {
    if (one.wish.kind !== "fix") continue;
    const key = ownerKey(one.wish.network, one.wish.owner);
    const group = byOwner.get(key) ?? { owner: one.wish.owner, all: [] };
    group.all.push(one);
    byOwner.set(key, group);
  }
  const steps: FixStep[] = [];
  for (const [key, { owner, all }] of byOwner) {
    const [first] = all;
    if (first === undefined || first.wish.kind !== "fix") continue;
    const [kv] = (await context.store.range({ key })).kvs;
    const has = kv === undefined
      ? []
      : keptAddresses(decodeRecord(OwnerRecordSchema, kv)).map(({ address }) => address);
    const families = new Set(all.map(({ address }) => address.family));
    const before = has.filter((text) => families.has(text.includes(":") ? 6 : 4));
    const addresses = all.map(({ address }) => formatAddress(address));
    if ([...before].sort().join() === [...addresses].sort().join()) continue;
    const { network, place, tenant } = first.wish;
    steps.push({
      kind: "fix",
      network,
      owner,
      ...(tenant === undefined ? {} : { tenant }),
      addresses,
      before,
      place,
    });
  }
  return steps;
}
