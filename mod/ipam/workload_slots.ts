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

interface Choice {
  readonly request: AllocateRequest;
  readonly wish: WorkloadWish;
  readonly slots: readonly Slot[];
}

/** Undefined while there is no place for the Pod. */
export async function chooseSlot(
  context: IpamContext,
  choice: Choice,
): Promise<Chosen | undefined> {
  const { slot } = choice.wish;
  if (slot.kind === "own") return ownSlot(slot, choice);
  return slotOfPod(choice) ?? freeSlot(choice) ?? newSlot(choice) ??
    await slotOfDead(context, choice);
}

/** The slot that the Pod's name or node says, with its place of the list, or any where it has none. */
function ownSlot(
  { slot, index }: Extract<WorkloadWish["slot"], { readonly kind: "own" }>,
  { wish: { list }, slots }: Choice,
): Chosen | undefined {
  if (list === undefined) return { slot, addresses: undefined };
  if (index !== undefined) {
    const hasPlace = index >= 0 && index < slotCount(list);
    return hasPlace ? { slot, addresses: addressesAt(list, index) } : undefined;
  }
  const own = slots.find((one) => one.slot === slot);
  if (own !== undefined && isListed(list, own.addresses)) return { slot, addresses: undefined };
  const addresses = unusedOf(list, slots);
  return addresses === undefined ? undefined : { slot, addresses };
}

/** A Pod has one sandbox at a time: what it had before is about to end, or was never told of. */
function slotOfPod({ request, wish: { list }, slots }: Choice): Chosen | undefined {
  const { pod, attachment: { cluster, node } } = request;
  const again = slots.find(({ record: { holder } }) =>
    pod?.uid !== undefined && holder?.pod?.uid === pod.uid && holder.cluster === cluster &&
    holder.node === node
  );
  const hasLeft = list !== undefined && again?.addresses.length === 0;
  if (again === undefined || hasLeft) return undefined;
  return { slot: again.slot, addresses: undefined, waits: true };
}

/** One that nobody holds: what the Pod had last, then what is listed, then what can be changed. */
function freeSlot({ request, wish: { list, isCurrent }, slots }: Choice): Chosen | undefined {
  const uid = request.pod?.uid;
  const free = slots.filter(({ record }) => record.holder === undefined);
  const mine = free.filter(({ record }) => uid !== undefined && record.last?.uid === uid);
  const isFit = ({ addresses }: Slot) => list === undefined || isListed(list, addresses);
  const [fit] = [...mine, ...free].filter(isFit);
  if (fit !== undefined) return { slot: fit.slot, addresses: undefined };
  // A Pod of an older template leaves what the present one has.
  if (list === undefined || !isCurrent) return undefined;
  const [changed] = [...mine, ...free];
  const addresses = unusedOf(list, slots);
  if (changed === undefined || addresses === undefined) return undefined;
  return { slot: changed.slot, addresses };
}

/** One more, with the lowest number that none has, where the workload may have it. */
function newSlot({ wish: { list, most }, slots }: Choice): Chosen | undefined {
  if (list === undefined && most !== undefined && slots.length >= most) return undefined;
  const addresses = list === undefined ? undefined : unusedOf(list, slots);
  if (list !== undefined && addresses === undefined) return undefined;
  const taken = new Set(slots.map(({ slot }) => slot));
  let number = 0;
  while (taken.has(String(number))) number++;
  return { slot: String(number), addresses };
}

/** All that it may have belongs to slots that are held: some of these may be held by the dead. */
async function slotOfDead(
  context: IpamContext,
  { request, wish: { list }, slots }: Choice,
): Promise<Chosen | undefined> {
  for (const { slot, record: { holder }, addresses } of slots) {
    if (holder === undefined || (list !== undefined && !isListed(list, addresses))) continue;
    if (await whyEnded(context, holder, request) !== undefined) {
      return { slot, addresses: undefined };
    }
  }
  return undefined;
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
