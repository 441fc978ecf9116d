/**
 * What a workload no longer asks for: another network, or addresses that left its list. Running Pods
 * keep theirs until they end, and nobody has them after that.
 *
 * This follows an ADD that has its addresses, so it never fails one: whatever it could not do, the
 * workload's next ADD does.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../error.ts";
import { readPages } from "../etcd/pages.ts";
import { underPrefix } from "../etcd/store.ts";
import type { Address } from "../ip/address.ts";
import { sameOwner } from "../model/identity.ts";
import { OwnerRecordSchema } from "../model/records.ts";
import type { Allocation } from "./allocation.ts";
import type { IpamContext } from "./context.ts";
import { historyByOwnerPrefix, workloadOwnersPrefix } from "./keys.ts";
import { keptAddresses } from "./owned.ts";
import { changeOwner, type OwnerChange } from "./owner_addresses.ts";
import { isListed } from "./slot_addresses.ts";
import { decodeRecord } from "./stored.ts";
import type { Slot } from "./workload_slots.ts";
import type { WorkloadWish } from "./workload_wish.ts";

/** Slots that one ADD changes at most: a large workload shares the work among its Pods. */
const SLOTS_AT_ONCE = 32;
/** Intervals of a slot's history that are looked through, two for an ADD with both families. */
const RECENT = 16;

/** Leaves what the workload no longer asks for, after the ADD of one of its Pods. */
export async function leaveFormer(
  context: IpamContext,
  { allocation, wish, slots }: {
    readonly allocation: Allocation;
    readonly wish: WorkloadWish;
    /** Slots of the network beside the one that was given; none where they do not matter. */
    readonly slots: readonly Slot[];
  },
): Promise<void> {
  // Pods that are alike may be of an older template, which must not undo what the present one says.
  if (wish.slot.kind === "any" && !wish.isCurrent) return;
  try {
    const changes = [
      ...unlisted(allocation.network.metadata.name, { wish, slots }),
      ...allocation.youngOwner ? await formerSlots(context, { allocation, wish }) : [],
    ];
    for (const change of changes.slice(0, SLOTS_AT_ONCE)) await changeOwner(context, change);
  } catch (error) {
    if (!(error instanceof FabricError)) throw error;
  }
}

/** A slot that has something else than is listed, and that no Pod was given the new addresses in. */
function unlisted(
  network: string,
  { wish: { list, slot }, slots }: {
    readonly wish: WorkloadWish;
    readonly slots: readonly Slot[];
  },
): readonly OwnerChange[] {
  if (slot.kind !== "any" || list === undefined) return [];
  // Another Pod may have been given the slot meanwhile, with what is listed.
  const decide = (current: readonly Address[]) => isListed(list, current) ? current : [];
  return slots
    .filter(({ addresses }) => addresses.length > 0 && !isListed(list, addresses))
    .map(({ record: { owner } }) => ({ network, owner, decide }));
}

/** What the workload has in the network that the slot's Pods were in before. */
async function formerSlots(
  context: IpamContext,
  { allocation: { network, owner }, wish }: {
    readonly allocation: Allocation;
    readonly wish: WorkloadWish;
  },
): Promise<readonly OwnerChange[]> {
  if (owner === undefined) return [];
  const { kvs } = await context.store.range({
    ...underPrefix(historyByOwnerPrefix(owner)),
    sort: { by: "key", order: "descend" },
    limit: RECENT,
  });
  const former = kvs.map(({ value }) => parsePointer(value))
    .find((name) => name !== undefined && name !== network.metadata.name);
  if (former === undefined) return [];
  const changes: OwnerChange[] = [];
  for await (
    const page of readPages(
      context.store,
      underPrefix(workloadOwnersPrefix(former, wish.workload)),
    )
  ) {
    for (const kv of page) {
      const record = decodeRecord(OwnerRecordSchema, kv);
      const { owner: slot } = record;
      const concerned = wish.slot.kind === "any"
        ? slot.ifname === owner.ifname
        : sameOwner(slot, owner);
      if (!concerned || keptAddresses(record).length === 0) continue;
      changes.push({ network: former, owner: slot, decide: () => [] });
    }
  }
  return changes;
}

const Pointer = v.looseObject({ network: v.looseObject({ name: v.string() }) });

function parsePointer(text: string): string | undefined {
  const parsed = v.safeParse(Pointer, JSON.parse(text));
  return parsed.success ? parsed.output.network.name : undefined;
}
