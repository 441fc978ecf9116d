/**
 * Which of its workload's slots a Pod takes, and with which addresses.
 *
 * @module
 */

import { underPrefix } from "../etcd/store.ts";
import { readPages } from "../etcd/pages.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import { type OwnerRecord, OwnerRecordSchema } from "../model/records.ts";
import type { AllocateRequest } from "./allocation.ts";
import type { IpamContext } from "./context.ts";
import { whyEnded } from "./holder.ts";
import { workloadOwnersPrefix } from "./keys.ts";
import { keptAddresses } from "./owned.ts";
import { addressesAt, type AddressesOfSlots, isListed, slotCount } from "./slot_addresses.ts";
import { decodeRecord } from "./stored.ts";
import type { WorkloadWish } from "./workload_wish.ts";

/** A slot that exists. */
export interface Slot {
  readonly slot: string;
  readonly record: OwnerRecord;
  /** What its next ADD would get. */
  readonly addresses: readonly Address[];
}

/** The slots that the workload has in the network, for the interface. */
export async function readSlots(
  context: IpamContext,
  { network, request, wish }: {
    readonly network: string;
    readonly request: AllocateRequest;
    readonly wish: WorkloadWish;
  },
): Promise<readonly Slot[]> {
  const slots: Slot[] = [];
  const range = underPrefix(workloadOwnersPrefix(network, wish.workload));
  for await (const page of readPages(context.store, range)) {
    for (const kv of page) {
      const record = decodeRecord(OwnerRecordSchema, kv);
      if (record.owner.ifname !== request.attachment.ifname) continue;
      const addresses = keptAddresses(record).map(({ address }) => parseAddress(address));
      slots.push({ slot: record.owner.slot, record, addresses });
    }
  }
  return slots.toSorted((a, b) => Number(a.slot) - Number(b.slot));
}

/** What a Pod takes. */
export interface Chosen {
  readonly slot: string;
  /** Undefined: what the slot has, or any. */
  readonly addresses: readonly Address[] | undefined;
  /** Its holder has to end first. */
  readonly waits?: boolean;
}

/** Undefined while there is no place for the Pod. */
export async function chooseSlot(
  context: IpamContext,
  input: {
    readonly request: AllocateRequest;
    readonly wish: WorkloadWish;
    readonly slots: readonly Slot[];
  },
): Promise<Chosen | undefined> {
  const { request, wish, slots } = input;
  const { list } = wish;
  if (wish.slot.kind === "own") {
    const { slot, index } = wish.slot;
    if (list === undefined) return { slot, addresses: undefined };
    if (index !== undefined) {
      return index < 0 || index >= slotCount(list)
        ? undefined
        : { slot, addresses: addressesAt(list, index) };
    }
    const own = slots.find((one) => one.slot === slot);
    if (own !== undefined && isListed(list, own.addresses)) return { slot, addresses: undefined };
    const addresses = unusedOf(list, slots);
    return addresses === undefined ? undefined : { slot, addresses };
  }
  const usable = (one: Slot): Chosen | undefined => {
    if (list === undefined || isListed(list, one.addresses)) {
      return { slot: one.slot, addresses: undefined };
    }
    const addresses = unusedOf(list, slots);
    return addresses === undefined ? undefined : { slot: one.slot, addresses };
  };
  const uid = request.pod?.uid;
  const { cluster, node } = request.attachment;
  // A Pod has one sandbox at a time: what it had before is about to end, or was never told of.
  const again = slots.find(({ record: { holder } }) =>
    uid !== undefined && holder?.pod?.uid === uid && holder.cluster === cluster &&
    holder.node === node
  );
  if (again !== undefined) {
    const isLeaving = list !== undefined && again.addresses.length === 0;
    const addresses = isLeaving ? unusedOf(list, slots) : undefined;
    return isLeaving && addresses === undefined
      ? undefined
      : { slot: again.slot, addresses, waits: true };
  }
  const free = slots.filter(({ record }) => record.holder === undefined);
  const mine = free.find(({ record }) => uid !== undefined && record.last?.uid === uid);
  // What is listed goes first: a slot whose address left the list is changed only if it must be.
  const byList = list === undefined
    ? free
    : free.toSorted((a, b) =>
      Number(!isListed(list, a.addresses)) - Number(!isListed(list, b.addresses))
    );
  for (const one of [...mine === undefined ? [] : [mine], ...byList]) {
    const chosen = usable(one);
    if (chosen !== undefined) return chosen;
  }
  const slot = newSlot(slots);
  if (list === undefined) {
    if (wish.most === undefined || slots.length < wish.most) return { slot, addresses: undefined };
  } else {
    const addresses = unusedOf(list, slots);
    if (addresses !== undefined) return { slot, addresses };
  }
  // All that it may have belongs to slots that are held: some of these may be held by the dead.
  for (const one of slots.filter(({ record }) => record.holder !== undefined)) {
    const { holder } = one.record;
    if (holder === undefined || (list !== undefined && !isListed(list, one.addresses))) continue;
    if (await whyEnded(context, holder, request) !== undefined) {
      return { slot: one.slot, addresses: undefined };
    }
  }
  return undefined;
}

/** The lowest number that no slot has. */
function newSlot(slots: readonly Slot[]): string {
  const taken = new Set(slots.map(({ slot }) => slot));
  let number = 0;
  while (taken.has(String(number))) number++;
  return String(number);
}

/** The first place of the list none of whose addresses belongs to a slot. */
function unusedOf(
  list: AddressesOfSlots,
  slots: readonly Slot[],
): readonly Address[] | undefined {
  const used = new Set(slots.flatMap(({ record }) => record.addresses.map((a) => a.address)));
  for (let index = 0; index < slotCount(list); index++) {
    const addresses = addressesAt(list, index);
    if (!addresses.some((address) => used.has(formatAddress(address)))) return addresses;
  }
  return undefined;
}
