/**
 * Who holds an address: records that contradict themselves, addresses of nobody, and holders whose
 * attachment is missing.
 *
 * @module
 */

import { formatHolder } from "../../../model/identity.ts";
import type { AddressRecord, AttachmentRecord } from "../../../model/records.ts";
import { ownerKey, reservedKey } from "../../keys.ts";
import { ORDER } from "../../repair/action.ts";
import {
  addressesOf,
  addressFromAttachment,
  attachmentFromAddresses,
  endHolder,
  releaseAddress,
  rewrite,
  together,
  writeOwner,
} from "../../repair/rebuild.ts";
import { ifAt, type StoreChanges } from "../../repair/store_action.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { ADDRESS_KINDS } from "../kinds/addresses.ts";
import { type AddressView, type AttachmentView, isSound, viewAttachment } from "../views.ts";
import { addressWords } from "../words.ts";

/** The attachment that names this very allocation of the address. */
export function claimant(judge: Judge, view: AddressView): AttachmentView | undefined {
  return [...judge.records.attachments.values()].find((attachment) =>
    isSound(attachment) &&
    attachment.entries.some(({ key, id }) => key === view.key && id === view.record?.id)
  );
}

/** Writes an address, and its owner with it where it has one. */
export function writeAddress(
  judge: Judge,
  view: AddressView,
  record: AddressRecord,
): StoreChanges {
  const owner = record.owner === undefined
    ? undefined
    : judge.records.owners.get(ownerKey(view.network, record.owner));
  if (!isSound(owner)) return rewrite(view, record);
  const { holder: _, ...rest } = owner.record;
  const { holder } = record;
  return writeOwner(judge, owner, {
    owner: holder === undefined ? rest : { ...rest, holder },
    records: new Map([[view.key, record]]),
  });
}

export function checkStates(judge: Judge): void {
  for (const view of judge.records.addresses.values()) {
    if (!judge.counts(view)) continue;
    const { record } = view;
    const { state, owner, holder } = record;
    if (state === "used" && holder === undefined && owner === undefined) ofNobody(judge, view);
    else if (state === "used" && holder === undefined) contradiction(judge, view);
    else if (state === "owned" && (owner === undefined || holder !== undefined)) {
      contradiction(judge, view);
    } else if (state === "reserved" && (owner !== undefined || holder !== undefined)) {
      contradiction(judge, view);
    }
  }
}

function ofNobody(judge: Judge, view: AddressView): void {
  if (claimant(judge, view) !== undefined) return contradiction(judge, view);
  judge.report(ADDRESS_KINDS.ofNobody, {
    object: addressWords(view),
    detail: "it is used, but neither owner nor holder nor any attachment has it",
    evidence: [seen(view, "used, without owner and holder")],
    repair: {
      ...releaseAddress(judge, view),
      steps: [`free ${view.text} after its cooling time, and end its history`],
      order: ORDER.truth,
    },
    settles: [view.key],
  });
}

function contradiction(judge: Judge, view: AddressView): void {
  const { record } = view;
  if (record === undefined) return;
  const { state, owner, holder } = record;
  const has = [
    owner === undefined ? "no owner" : "an owner",
    holder === undefined ? "no holder" : "a holder",
  ].join(" and ");
  const { changes, step } = consistent(judge, view);
  judge.report(ADDRESS_KINDS.contradiction, {
    object: addressWords(view),
    detail: `it is ${state}, with ${has}`,
    evidence: [seen(view, `state ${state}, with ${has}`)],
    repair: { ...changes, steps: [step], order: ORDER.truth },
    settles: [view.key],
  });
}

/** What the record should say, by those who name it. */
function consistent(
  judge: Judge,
  view: AddressView,
): { readonly changes: StoreChanges; readonly step: string } {
  const { record, text } = view;
  const attachment = claimant(judge, view);
  if (record === undefined) return { changes: { compare: [], changes: [] }, step: "" };
  if (attachment?.record !== undefined) {
    const wanted = addressFromAttachment(attachment.record, record.id);
    return {
      changes: writeAddress(judge, view, wanted),
      step: `record ${text} as used by its attachment`,
    };
  }
  const { holder: _, owner, ...rest } = record;
  const mark = judge.records.reserved.get(reservedKey(view.network, view.address));
  if (owner === undefined || record.state === "reserved") {
    const { mac: __, ...plain } = rest;
    return mark?.kv === undefined && record.state !== "reserved"
      ? { changes: releaseAddress(judge, view), step: `free ${text}, which nobody has` }
      : {
        changes: rewrite(view, { ...plain, state: "reserved" }),
        step: `record ${text} as reserved, without owner and holder`,
      };
  }
  return {
    changes: writeAddress(judge, view, { ...rest, owner, state: "owned" }),
    step: `record ${text} as its owner's, without a holder`,
  };
}

/** Holders that addresses or owners name, and that have no attachment. */
export async function checkHolders(judge: Judge): Promise<void> {
  for (const view of judge.records.attachments.values()) {
    if (!judge.isMissing(view)) continue;
    const addresses = addressesOf(judge, view.key).filter((address) => judge.counts(address));
    if (addresses.length > 0) await holderGone(judge, view, addresses);
  }
}

async function holderGone(
  judge: Judge,
  view: AttachmentView,
  addresses: readonly AddressView[],
): Promise<void> {
  const since = Math.max(...addresses.map(({ kv }) => kv?.modRevision ?? 0));
  const ended = judge.ended(view.ref, { since });
  const texts = addresses.map(({ text }) => text).join(", ");
  const [first] = addresses;
  const holder = first?.record?.holder;
  const report = {
    object: `attachment of ${formatHolder(holder ?? view.ref)}`,
    evidence: [
      seen(view, "missing"),
      ...addresses.map((address) => seen(address, "names it as its holder")),
    ],
    settles: [view.key],
  };
  if (ended !== undefined) {
    const step = `release ${texts}: ${ended.why}`;
    return judge.report(ADDRESS_KINDS.holderGone, {
      ...report,
      detail: `it holds ${texts}, and has no attachment; ${ended.why}`,
      repair: {
        ...together({ compare: [...ended.compare], changes: [] }, endHolder(judge, view.key)),
        steps: [step],
        order: ORDER.truth,
      },
      settles: [view.key, ...addresses.map(({ key }) => key)],
    });
  }
  const made = await recordAgain(judge, view, addresses);
  const detail = `it holds ${texts}, and has no attachment`;
  if (made === undefined || holder === undefined) {
    return judge.report(ADDRESS_KINDS.holderGone, {
      ...report,
      detail,
      remedy: "By hand: put the network back first, then run repair again.",
    });
  }
  judge.report(ADDRESS_KINDS.holderGone, {
    ...report,
    detail,
    repair: {
      compare: [
        ifAt(view.key, 0),
        ...addresses.map(({ key, kv }) => ifAt(key, kv?.modRevision ?? 0)),
      ],
      changes: [{ put: view.key, value: JSON.stringify(made) }],
      steps: [`record the attachment again, with ${texts}; its node decides what becomes of it`],
      order: ORDER.truth,
    },
  });
}

/** As it was when the addresses were given, as long as etcd knows; else as they tell of it. */
async function recordAgain(
  judge: Judge,
  view: AttachmentView,
  addresses: readonly AddressView[],
): Promise<AttachmentRecord | undefined> {
  const ids = new Set(addresses.map(({ record }) => record?.id));
  const revision = Math.max(...addresses.map(({ kv }) => kv?.modRevision ?? 0));
  const past = await judge.past(view.key, revision);
  const before = past === undefined ? undefined : viewAttachment({ key: view.key, kv: past });
  if (
    isSound(before) && before.entries.every(({ id }) => ids.has(id)) &&
    before.entries.length === ids.size
  ) return before.record;
  const known = judge.known(addresses[0]?.network ?? "");
  return known === undefined ? undefined : attachmentFromAddresses(judge, { known, addresses });
}
