/**
 * ADD for an interface whose addresses belong to a workload: which slot it takes, which addresses
 * that slot shall have, and then the allocation as for every owner.
 *
 * All choices here are hints, read before the commit: should somebody else take the slot meanwhile,
 * the commit fails, and the choice is made again.
 *
 * @module
 */

import { FabricError, isKind } from "../error.ts";
import { type Address, compareAddresses } from "../ip/address.ts";
import { formatHolder, formatWorkload, type OwnerRef } from "../model/identity.ts";
import { pause } from "../timer.ts";
import { admitMachine } from "./admit.ts";
import { allocate } from "./allocate.ts";
import { reachableNetwork, readState } from "./allocate_state.ts";
import type { AllocateRequest, Allocation } from "./allocation.ts";
import { endEarlierBoots } from "./boot.ts";
import type { IpamContext } from "./context.ts";
import { changeOwner } from "./owner_addresses.ts";
import { slotCount } from "./slot_addresses.ts";
import { leaveFormer } from "./workload_leave.ts";
import { chooseSlot, readSlots, type Slot } from "./workload_slots.ts";
import type { WorkloadWish } from "./workload_wish.ts";

/** How often it is looked whether a slot became free. */
const POLL_MS = 200;
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
  const { allocation, slots = [] } = await allocateSlot(context, request, wish);
  await leaveFormer(context, { allocation, wish, slots });
  return allocation;
}

async function allocateSlot(
  context: IpamContext,
  request: AllocateRequest,
  wish: WorkloadWish,
): Promise<{
  readonly allocation: Allocation;
  /** The workload's slots in the network beside the one that was given, where they were read. */
  readonly slots?: readonly Slot[];
}> {
  const { slot, list } = wish;
  if (slot.kind === "own" && list === undefined) {
    const owner = refOf(request, wish, slot.slot);
    return { allocation: await allocate(context, { ...request, owner }) };
  }
  const deadline = context.now() + (request.waitForHolderMs ?? 0);
  for (let race = 0; race < MAX_RACES;) {
    const network = await findNetwork(context, request);
    if (network === "recorded") return { allocation: await allocate(context, request) };
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
      if (wish.onExhausted === "borrow") return { allocation: await allocate(context, request) };
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
      return { allocation, slots: slots.filter((one) => one.slot !== chosen.slot) };
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
