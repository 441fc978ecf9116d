/**
 * ADD for an interface whose addresses belong to a workload: which slot it takes, which addresses
 * that slot shall have, and then the allocation as for every owner.
 *
 * All choices here are hints, read before the commit: should somebody else take the slot meanwhile,
 * the commit fails, and the choice is made again.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError, isKind } from "../error.ts";
import { underPrefix } from "../etcd/store.ts";
import { readPages } from "../etcd/pages.ts";
import { type Address, compareAddresses, formatAddress, parseAddress } from "../ip/address.ts";
import {
  formatHolder,
  formatWorkload,
  type OwnerRef,
  sameOwner,
  type WorkloadRef,
} from "../model/identity.ts";
import { type OwnerRecord, OwnerRecordSchema } from "../model/records.ts";
import { pause } from "../timer.ts";
import { admitMachine } from "./admit.ts";
import { allocate } from "./allocate.ts";
import { reachableNetwork, readState } from "./allocate_state.ts";
import type { AllocateRequest, Allocation } from "./allocation.ts";
import { endEarlierBoots } from "./boot.ts";
import type { IpamContext } from "./context.ts";
import { unfixAddresses } from "./fix.ts";
import { whyEnded } from "./holder.ts";
import { historyByOwnerPrefix, workloadOwnersPrefix } from "./keys.ts";
import { keptAddresses } from "./owned.ts";
import { changeOwner } from "./owner_addresses.ts";
import { addressesAt, type AddressesOfSlots, isListed, slotCount } from "./slot_addresses.ts";
import { decodeRecord } from "./stored.ts";

/** The workload whose Pod is attached, and what it asks for. */
export interface WorkloadWish {
  /** Whose slot. */
  readonly workload: WorkloadRef;
  /** `any`: its Pods are alike; else the slot, and its place in the list where it has one. */
  readonly slot:
    | { readonly kind: "any" }
    | { readonly kind: "own"; readonly slot: string; readonly index: number | undefined };
  /** Addresses that are named, in the order of the slots; undefined: they are chosen. */
  readonly list: AddressesOfSlots | undefined;
  /**
   * The list is what the workload says now, and not only what the template said that this Pod was made
   * of: then what its slots have beside the list goes with their holders.
   */
  readonly listIsCurrent: boolean;
  /**
   * How many slots the workload may have where its Pods are alike and no addresses are named: as many
   * as it has Pods at once. One more Pod comes where another is about to end, and waits for that one's
   * slot. Undefined: any number.
   */
  readonly most: number | undefined;
  /** What to do while all slots are held. */
  readonly onExhausted: "wait" | "borrow";
  /** For the error: what the workload says of its numbers, e.g. `3 replicas + surge 1`. */
  readonly numbers: string | undefined;
}

/** How often it is looked whether a slot became free. */
const POLL_MS = 200;
/** Intervals of a slot's history that are looked through, two for an ADD with both families. */
const RECENT = 16;
/** Slots that are lost to others before an ADD answers `try-again`. */
const MAX_RACES = 64;

/**
 * Allocates for a slot of the workload.
 *
 * @throws {FabricError} As `allocate()`; `try-again` with `details.reason` `list` when all addresses
 * of the list are held, `slots` when all slots are that it may have.
 */
export async function allocateForWorkload(
  context: IpamContext,
  request: AllocateRequest,
  wish: WorkloadWish,
): Promise<Allocation> {
  const allocation = await allocateSlot(context, request, wish);
  if (allocation.firstOfOwner) await leaveFormerNetwork(context, allocation, wish);
  return allocation;
}

async function allocateSlot(
  context: IpamContext,
  request: AllocateRequest,
  wish: WorkloadWish,
): Promise<Allocation> {
  const { slot, list } = wish;
  if (slot.kind === "own" && list === undefined) {
    return await allocate(context, { ...request, owner: refOf(request, wish, slot.slot) });
  }
  const deadline = context.now() + (request.waitForHolderMs ?? 0);
  for (let race = 0; race < MAX_RACES;) {
    const network = await findNetwork(context, request);
    if (network === "recorded") return await allocate(context, request);
    const slots = await readSlots(context, { network, request, wish });
    const chosen = await chooseSlot(context, { request, wish, slots });
    const left = deadline - context.now();
    if (chosen === undefined) {
      // A list that has nothing for an ordinal will not grow by waiting.
      const comes = slot.kind === "any" || slot.index === undefined;
      if (comes && left > 0) {
        await pause(Math.min(POLL_MS, left));
        continue;
      }
      if (wish.onExhausted === "borrow") return await allocate(context, request);
      throw allHeld({ network, wish, slots });
    }
    race++;
    const owner = refOf(request, wish, chosen.slot);
    try {
      await changeInPlace(context, { network, owner, slots, wanted: chosen.addresses });
      const allocation = await allocate(context, {
        ...request,
        networks: [network],
        owner,
        ...(chosen.addresses === undefined ? {} : { addresses: chosen.addresses }),
        waitForHolderMs: slot.kind === "own" || chosen.waits === true ? Math.max(0, left) : 0,
      });
      const others = slots.filter((one) => one.slot !== chosen.slot);
      await leaveUnlisted(context, { network, wish, slots: others });
      return allocation;
    } catch (error) {
      // Another Pod was faster: with a free slot, or with an address of the list.
      const lost = slot.kind === "any" && isKind(error, "try-again", "conflict", "in-use") &&
        (error.details["reason"] === "holder" || error.field === "ips" || error.field === "ip");
      if (!lost || context.now() >= deadline) throw error;
      await pause(Math.min(POLL_MS, Math.max(1, deadline - context.now())) * context.random());
    }
  }
  throw new FabricError("try-again", `Lost ${MAX_RACES} races for a slot of the workload`, {
    remedy: "the runtime tries again",
  });
}

/**
 * The list was edited: a slot that has something else, and that no Pod was given the new addresses in,
 * would keep it for ever. Running Pods keep theirs until they end, and nobody after them.
 */
async function leaveUnlisted(
  context: IpamContext,
  { network, wish, slots }: {
    readonly network: string;
    readonly wish: WorkloadWish;
    readonly slots: readonly Slot[];
  },
): Promise<void> {
  const { list, listIsCurrent, slot } = wish;
  if (slot.kind !== "any" || list === undefined || !listIsCurrent) return;
  for (const { record: { owner }, addresses } of slots) {
    if (addresses.length === 0 || isListed(list, addresses)) continue;
    // Another Pod may have been given the slot meanwhile, with what is listed.
    const decide = (current: readonly Address[]) => isListed(list, current) ? current : [];
    await changeOwner(context, { network, owner, decide });
  }
}

/**
 * The workload was given another network: what it has in the one before, running Pods keep until
 * they end, and nobody after them.
 */
async function leaveFormerNetwork(
  context: IpamContext,
  { network, owner }: Allocation,
  wish: WorkloadWish,
): Promise<void> {
  if (owner === undefined) return;
  const { kvs } = await context.store.range({
    ...underPrefix(historyByOwnerPrefix(owner)),
    sort: { by: "key", order: "descend" },
    limit: RECENT,
  });
  const former = kvs.map(({ value }) => parsePointer(value))
    .find((name) => name !== undefined && name !== network.metadata.name);
  if (former === undefined) return;
  const range = underPrefix(workloadOwnersPrefix(former, wish.workload));
  for await (const page of readPages(context.store, range)) {
    for (const kv of page) {
      const { owner: slot } = decodeRecord(OwnerRecordSchema, kv);
      const concerned = wish.slot.kind === "any"
        ? slot.ifname === owner.ifname
        : sameOwner(slot, owner);
      if (concerned) await unfixAddresses(context, { network: former, owner: slot });
    }
  }
}

const Pointer = v.looseObject({ network: v.looseObject({ name: v.string() }) });

function parsePointer(text: string): string | undefined {
  const parsed = v.safeParse(Pointer, JSON.parse(text));
  return parsed.success ? parsed.output.network.name : undefined;
}

function refOf(request: AllocateRequest, wish: WorkloadWish, slot: string): OwnerRef {
  const { cluster, group, kind, namespace, name } = wish.workload;
  return { cluster, group, kind, namespace, name, slot, ifname: request.attachment.ifname };
}

/** The first network that reaches the zone; `recorded` where the attachment stands already. */
async function findNetwork(
  context: IpamContext,
  request: AllocateRequest,
): Promise<string> {
  let fault: unknown;
  for (const network of request.networks) {
    const { zone, attachment } = request;
    const stateRequest = { network, zone, attachment, owner: undefined };
    const state = await readState(context.store, stateRequest, context.random);
    if (state.attachment.value !== undefined) return "recorded";
    try {
      reachableNetwork(stateRequest, state);
      admitMachine(attachment, request.machineId, state.node.value);
      // Its slots are free as soon as their holders are known to have ended.
      await endEarlierBoots(context, request, state);
      return network;
    } catch (error) {
      fault ??= error;
    }
  }
  if (fault === undefined) return "recorded";
  throw fault;
}

/** A slot that exists. */
interface Slot {
  readonly slot: string;
  readonly record: OwnerRecord;
  /** What its next ADD would get. */
  readonly addresses: readonly Address[];
}

async function readSlots(
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
interface Chosen {
  readonly slot: string;
  /** Undefined: what the slot has, or any. */
  readonly addresses: readonly Address[] | undefined;
  /** Its holder has to end first. */
  readonly waits?: boolean;
}

/** Undefined while there is no place for the Pod. */
async function chooseSlot(
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

/** An owner that has other addresses than it shall have gets those, before its next ADD. */
async function changeInPlace(
  context: IpamContext,
  { network, owner, slots, wanted }: {
    readonly network: string;
    readonly owner: OwnerRef;
    readonly slots: readonly Slot[];
    readonly wanted: readonly Address[] | undefined;
  },
): Promise<void> {
  const has = slots.find(({ slot }) => slot === owner.slot)?.addresses;
  if (wanted === undefined || has === undefined) return;
  const families = new Set(wanted.map(({ family }) => family));
  const same = wanted.every((address) => has.some((one) => compareAddresses(one, address) === 0)) &&
    has.filter(({ family }) => families.has(family)).length === wanted.length;
  if (same) return;
  await changeOwner(context, {
    network,
    owner,
    decide: (current) => [...current.filter(({ family }) => !families.has(family)), ...wanted],
  });
}

function allHeld(
  { network, wish, slots }: {
    readonly network: string;
    readonly wish: WorkloadWish;
    readonly slots: readonly Slot[];
  },
): FabricError {
  const { list, workload, numbers } = wish;
  const held = slots.flatMap(({ record: { holder, addresses } }) =>
    holder === undefined
      ? []
      : [`${addresses.map(({ address }) => address).join(" ")} by ${formatHolder(holder)}`]
  );
  const shown = held.length > 4 ? [...held.slice(0, 4), `${held.length - 4} more`] : held;
  const why = wish.slot.kind === "own" && wish.slot.index !== undefined
    ? `none is for slot ${wish.slot.slot}`
    : `all are in use: ${shown.join(", ")}`;
  const wants = numbers === undefined ? "" : `; it wants ${numbers}`;
  if (list === undefined) {
    return new FabricError(
      "try-again",
      `${
        formatWorkload(workload)
      } has ${slots.length} slots in network ${network}, and ${why}${wants}`,
      {
        remedy:
          "the Pod waits until another one has ended (on-exhausted: wait); fence the node of " +
          "one that is dead, or let the Pod have another address meanwhile (on-exhausted: borrow)",
        details: { reason: "slots", network, held: held.length },
      },
    );
  }
  const count = slotCount(list);
  return new FabricError(
    "try-again",
    `${
      formatWorkload(workload)
    } lists ${count} addresses of network ${network}, and ${why}${wants}`,
    {
      field: "ips",
      value: String(count),
      remedy: "list more addresses or set maxSurge to 0 (on-exhausted: wait, the Pod waits for " +
        "one), or let it have another address meanwhile (on-exhausted: borrow)",
      details: { reason: "list", network, listed: count, held: held.length },
    },
  );
}
