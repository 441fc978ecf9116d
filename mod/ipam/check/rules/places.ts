/**
 * Addresses where no record may be, and marks of reservations.
 *
 * @module
 */

import { addressKey, attachmentKey, ownerKey, reservedKey } from "../../keys.ts";
import { ORDER } from "../../repair/action.ts";
import {
  endHolder,
  releaseAddress,
  remove,
  rewrite,
  together,
  unoffer,
  writeOwner,
} from "../../repair/rebuild.ts";
import type { StoreChanges } from "../../repair/store_action.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { ADDRESS_KINDS } from "../kinds/addresses.ts";
import { RESERVATION_KINDS } from "../kinds/free_index.ts";
import { misplacement } from "../place.ts";
import { type AddressView, isSound, type Slot, viewAddress } from "../views.ts";
import { addressWords } from "../words.ts";
import { reservation } from "./unreadable.ts";

const WORDS = {
  outside: "it lies in no subnet of the network",
  ofSubnet: "it is the subnet's own address",
  gateway: "it is the address of a gateway",
  excluded: "an exclusion of its subnet holds it",
} as const;

export function checkPlaces(judge: Judge): void {
  for (const view of judge.records.addresses.values()) {
    const known = judge.known(view.network);
    if (!judge.counts(view) || known === undefined) continue;
    const place = misplacement(known, view.address, view.record.state);
    if (place === undefined) continue;
    const given = giveUp(judge, view);
    judge.report(ADDRESS_KINDS[place], {
      object: addressWords(view),
      detail: WORDS[place],
      evidence: [seen(view, `state ${view.record.state}`)],
      ...(given === undefined ? {} : { repair: { ...given, order: ORDER.truth } }),
      settles: [view.key],
    });
  }
}

/** What nobody uses is given up; undefined while somebody may. */
function giveUp(
  judge: Judge,
  view: AddressView,
): StoreChanges & { readonly steps: readonly string[] } | undefined {
  const { record, network, text, kv } = view;
  if (record === undefined) return undefined;
  const mark = judge.records.reserved.get(reservedKey(network, view.address));
  if (record.state === "reserved") {
    const marks = mark?.kv === undefined ? [] : [remove(mark)];
    return { ...together(remove(view), ...marks), steps: [`remove the reservation of ${text}`] };
  }
  if (record.holder === undefined) return fromOwner(judge, view);
  const key = attachmentKey(record.holder);
  const attachment = judge.records.attachments.get(key);
  const ended = judge.ended(record.holder, {
    since: Math.max(attachment?.kv?.modRevision ?? 0, kv?.modRevision ?? 0),
    ...(attachment?.record === undefined ? {} : { machine: attachment.record }),
  });
  // An owner's address is given up when it has no holder any more: one step at a time.
  if (ended === undefined) return undefined;
  return {
    ...together(
      { compare: [...ended.compare], changes: [] },
      endHolder(judge, key),
      ...attachment?.kv === undefined ? [] : [remove(attachment)],
    ),
    steps: [`end its holder: ${ended.why}`],
  };
}

/** The owner loses the address; its next ADD gets another. */
function fromOwner(
  judge: Judge,
  view: AddressView,
): StoreChanges & { readonly steps: readonly string[] } {
  const { record, text, network } = view;
  const owner = record?.owner === undefined
    ? undefined
    : judge.records.owners.get(ownerKey(network, record.owner));
  const released = releaseAddress(judge, view);
  if (!isSound(owner)) return { ...released, steps: [`free ${text}`] };
  const rest = owner.record.addresses.filter(({ address }) => address !== text);
  const changed = rest.length === 0
    ? together(remove(owner), ...macsOf(judge, owner.key).map(remove))
    : writeOwner(judge, owner, { owner: { ...owner.record, addresses: rest } });
  return {
    ...together(changed, released),
    steps: [`take ${text} from its owner, whose next ADD gets another address`],
  };
}

function macsOf(judge: Judge, owner: string): readonly Slot[] {
  return [...judge.records.macs.values()].filter(({ record }) =>
    record?.owner !== undefined && ownerKey(record.network, record.owner) === owner
  );
}

export async function checkMarks(judge: Judge): Promise<void> {
  for (const mark of judge.records.reserved.values()) {
    const named = viewAddress({
      key: mark.key.replace(/^reserved\//, "addresses/"),
      kv: undefined,
    });
    if (named === undefined || judge.settled.has(mark.key)) continue;
    const view = judge.records.addresses.get(addressKey(named.network, named.address));
    if (view === undefined || !judge.isOpen(view)) continue;
    await checkMark(judge, mark, view);
  }
}

async function checkMark(judge: Judge, mark: Slot, view: AddressView): Promise<void> {
  const { record } = view;
  if (record === undefined) {
    if (mark.kv === undefined) return;
    const restored = await reservation(judge, view, mark.kv.modRevision);
    return judge.report(RESERVATION_KINDS.markOnly, {
      object: addressWords(view),
      detail: "it is marked as reserved, and recorded as nobody's",
      evidence: [seen(mark, "the mark"), seen(view, "missing")],
      repair: {
        ...together(
          {
            compare: [{ key: mark.key, target: "mod", op: "=", revision: mark.kv.modRevision }],
            changes: [unoffer(view)],
          },
          rewrite(view, restored),
        ),
        steps: [`reserve ${view.text} again`],
        order: ORDER.truth,
      },
      settles: [view.key],
    });
  }
  if (record.state === "reserved" && mark.kv === undefined) {
    return judge.report(RESERVATION_KINDS.unmarked, {
      object: addressWords(view),
      detail: "it is reserved, and has no mark",
      evidence: [seen(view, "reserved"), seen(mark, "missing")],
      repair: {
        ...together(
          {
            compare: [{
              key: view.key,
              target: "mod",
              op: "=",
              revision: view.kv?.modRevision ?? 0,
            }],
            changes: [],
          },
          {
            compare: [{ key: mark.key, target: "create", op: "=", revision: 0 }],
            changes: [{ put: mark.key, value: "{}" }],
          },
        ),
        steps: [`mark ${view.text} as reserved`],
        order: ORDER.derived,
      },
    });
  }
  if (record.state !== "reserved" && mark.kv !== undefined) {
    judge.report(RESERVATION_KINDS.markOfUsed, {
      object: addressWords(view),
      detail: `it is marked as reserved, and recorded as ${record.state}`,
      evidence: [seen(mark, "the mark"), seen(view, `state ${record.state}`)],
      repair: { ...remove(mark), steps: [`remove the mark of ${view.text}`], order: ORDER.derived },
    });
  }
}
