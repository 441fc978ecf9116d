/**
 * What attachments say of their addresses, and what the addresses say.
 *
 * @module
 */

import type { AddressRecord, AttachmentRecord } from "../../../model/records.ts";
import { attachmentKey, historyKey, ownerKey, reservedKey } from "../../keys.ts";
import { ORDER } from "../../repair/action.ts";
import {
  addressesOf,
  addressFromAttachment,
  allocated,
  endInterval,
  releaseAddress,
  remove,
  restoreClaim,
  restoreInterval,
  rewrite,
  together,
} from "../../repair/rebuild.ts";
import { ifUnchanged, type StoreChanges } from "../../repair/store_action.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { ADDRESS_KINDS, ATTACHMENT_KINDS } from "../kinds/addresses.ts";
import { type AddressView, type AttachmentView, type Entry, isSound, type View } from "../views.ts";
import { addressWords, attachmentWords } from "../words.ts";
import { sameOwner } from "../same_owner.ts";
import { writeAddress } from "./holders.ts";

type SoundAttachment = AttachmentView & { readonly record: AttachmentRecord };
type SoundAddress = AddressView & { readonly record: AddressRecord };

function soundAttachments(judge: Judge): readonly SoundAttachment[] {
  const isCounted = (view: AttachmentView): view is SoundAttachment => judge.counts(view);
  return [...judge.records.attachments.values()].filter(isCounted);
}

function isSoundAddress(view: View<AddressRecord> | undefined): view is SoundAddress {
  return isSound(view);
}

/** Why the attachment is known to have ended. */
function endedAttachment(judge: Judge, view: SoundAttachment) {
  return judge.ended(view.ref, { since: view.kv?.modRevision ?? 0, machine: view.record });
}

function isHolder(record: AddressRecord, view: AttachmentView): boolean {
  return record.holder !== undefined && attachmentKey(record.holder) === view.key;
}

/** An attachment that has ended goes, and its MAC and intervals with it; its addresses stay. */
function dropAttachment(judge: Judge, view: SoundAttachment): StoreChanges {
  const macs = [...judge.records.macs.values()].filter(({ record }) =>
    record?.holder !== undefined && attachmentKey(record.holder) === view.key
  );
  const intervals = [...judge.records.histories.values()].filter(({ record }) =>
    record !== undefined && record.end === undefined && attachmentKey(record.holder) === view.key
  );
  return together(
    remove(view),
    ...macs.map(remove),
    ...intervals.map((interval) => endInterval(judge, interval)),
  );
}

/** Two attachments with one address. */
export function checkTwice(judge: Judge): void {
  const named = new Map<string, SoundAttachment[]>();
  for (const view of soundAttachments(judge)) {
    for (const { key } of view.entries) named.set(key, [...named.get(key) ?? [], view]);
  }
  const done = new Set<string>();
  for (const [key, views] of named) {
    const address = judge.records.addresses.get(key);
    if (views.length < 2 || address === undefined || !judge.isOpen(address)) continue;
    const { record } = address;
    const right = views.find((view) => record !== undefined && isHolder(record, view)) ?? views[0];
    for (const wrong of views) {
      if (wrong === right || right === undefined || done.has(wrong.key)) continue;
      done.add(wrong.key);
      twice(judge, { address, right, wrong });
    }
  }
}

function twice(
  judge: Judge,
  { address, right, wrong }: {
    readonly address: AddressView;
    readonly right: SoundAttachment;
    readonly wrong: SoundAttachment;
  },
): void {
  const ended = endedAttachment(judge, wrong);
  const shared = wrong.entries.filter(({ key, id }) =>
    judge.records.addresses.get(key)?.record?.id === id
  );
  const repair = ended !== undefined
    ? {
      ...together(
        { compare: [...ended.compare], changes: [] },
        dropAttachment(judge, wrong),
      ),
      steps: [`remove the ${attachmentWords(wrong)}: ${ended.why}`],
      order: ORDER.truth,
    }
    : shared.length > 0
    ? {
      ...rewrite(wrong, withOwnIds(judge, wrong, shared)),
      steps: [
        `give the ${
          attachmentWords(wrong)
        } an allocation id of its own, so that its DEL frees nothing`,
      ],
      order: ORDER.truth,
    }
    : undefined;
  judge.report(ATTACHMENT_KINDS.twice, {
    object: addressWords(address),
    detail: `the ${attachmentWords(right)} and the ${attachmentWords(wrong)} both name it`,
    evidence: [
      seen(address, `recorded for the ${attachmentWords(right)}`),
      seen(right, `names ${address.text}`),
      seen(wrong, `names ${address.text}`),
    ],
    ...(repair === undefined ? {} : { repair }),
    ...(ended === undefined
      ? {
        remedy: `By hand: delete the pod of the ${attachmentWords(wrong)}, or fence its node.`,
      }
      : {}),
    settles: [wrong.key],
  });
}

function withOwnIds(
  judge: Judge,
  { record }: SoundAttachment,
  shared: readonly Entry[],
): AttachmentRecord {
  const ids = new Set(shared.map(({ id }) => id));
  return {
    ...record,
    addresses: record.addresses.map((one) =>
      ids.has(one.id) ? { ...one, id: judge.ipam.newId() } : one
    ),
  };
}

/** Every address that an attachment names. */
export function checkClaims(judge: Judge): void {
  for (const view of soundAttachments(judge)) {
    const missing = view.entries.filter(({ key }) =>
      judge.isMissing(judge.records.addresses.get(key))
    );
    if (missing.length > 0) addressMissing(judge, view, missing);
    const foreign = view.entries.flatMap((entry) => {
      const address = judge.records.addresses.get(entry.key);
      if (!isSoundAddress(address) || !judge.counts(address)) return [];
      return checkClaim(judge, { view, entry, address }) ? [] : [address];
    });
    if (foreign.length > 0) ofAnother(judge, view, foreign);
  }
  checkUnlisted(judge);
}

function addressMissing(
  judge: Judge,
  view: SoundAttachment,
  missing: readonly Entry[],
): void {
  const views = missing.flatMap(({ key }) => judge.records.addresses.get(key) ?? []);
  const texts = views.map(({ text }) => text).join(", ");
  const ended = endedAttachment(judge, view);
  const report = {
    object: attachmentWords(view),
    evidence: [seen(view, `names ${texts}`), ...views.map((one) => seen(one, "missing"))],
    settles: missing.map(({ key }) => key),
  };
  if (ended !== undefined && missing.length === view.entries.length) {
    return judge.report(ATTACHMENT_KINDS.addressMissing, {
      ...report,
      detail: `it names what is recorded as nobody's: ${texts}; ${ended.why}`,
      repair: {
        ...together(
          { compare: [...ended.compare], changes: [] },
          dropAttachment(judge, view),
          ...views.map((one) => releaseAddress(judge, one)),
        ),
        steps: [`remove the attachment: ${ended.why}`],
        order: ORDER.truth,
      },
      settles: [...report.settles, view.key],
    });
  }
  judge.report(ATTACHMENT_KINDS.addressMissing, {
    ...report,
    detail: `it names what is recorded as nobody's: ${texts}`,
    repair: {
      ...together(...missing.map((entry) => restoreClaim(judge, view, entry))),
      steps: [`record ${texts} again as the attachment has it`],
      order: ORDER.truth,
    },
  });
}

interface Claim {
  readonly view: SoundAttachment;
  readonly entry: Entry;
  readonly address: SoundAddress;
}

/** False where the address is somebody else's. */
function checkClaim(judge: Judge, claim: Claim): boolean {
  const { view, entry, address } = claim;
  const { record } = address;
  if (record.state === "reserved") {
    reservedInUse(judge, claim);
    return true;
  }
  const own = isHolder(record, view);
  const sameId = record.id === entry.id;
  if (!own && (record.holder !== undefined || !sameId)) return false;
  const { owner, mac } = view.record;
  const agree = own && sameId && sameOwner(record.owner, owner) && record.mac === mac;
  if (!agree) disagree(judge, claim);
  return true;
}

function reservedInUse(judge: Judge, { view, entry, address }: Claim): void {
  const mark = judge.records.reserved.get(reservedKey(address.network, address.address));
  judge.report(ADDRESS_KINDS.reservedInUse, {
    object: addressWords(address),
    detail: `it is reserved (${address.record.reason ?? "no reason given"}), and the ${
      attachmentWords(view)
    } has it`,
    evidence: [seen(address, "reserved"), seen(view, `names ${address.text}`)],
    repair: {
      ...together(
        restoreClaim(judge, view, entry),
        ...mark?.kv === undefined ? [] : [remove(mark)],
      ),
      steps: [`record ${address.text} as used by its attachment, and remove the reservation`],
      order: ORDER.truth,
    },
    settles: [address.key, ...mark === undefined ? [] : [mark.key]],
  });
}

function disagree(judge: Judge, { view, entry, address }: Claim): void {
  const { record } = address;
  const wanted = agreed(judge, { view, entry, address });
  const what = [
    ...record.id === entry.id ? [] : ["allocation ids"],
    ...record.mac === view.record.mac ? [] : ["MACs"],
    ...record.holder === undefined ? ["holders"] : [],
    ...sameOwner(record.owner, view.record.owner) ? [] : ["owners"],
  ].join(" and ");
  judge.report(ADDRESS_KINDS.disagree, {
    object: addressWords(address),
    detail: `it and the ${attachmentWords(view)} have different ${what}`,
    evidence: [
      seen(address, `id ${record.id}, MAC ${record.mac ?? "none"}`),
      seen(view, `id ${entry.id}, MAC ${view.record.mac}`),
    ],
    repair: {
      ...wanted,
      steps: [`write ${address.text} and its attachment as they were given`],
      order: ORDER.truth,
    },
    settles: [address.key],
  });
}

/**
 * The attachment is right, for by it the sandbox was set up; but the id is the one whose interval
 * is open, and the owner the one that lists the address.
 */
function agreed(judge: Judge, { view, entry, address }: Claim): StoreChanges {
  const { record } = address;
  const isOpen = (id: string): boolean => {
    const interval = judge.records.histories.get(historyKey(address.address, id))?.record;
    return interval !== undefined && interval.end === undefined;
  };
  const id = !isOpen(entry.id) && isOpen(record.id) ? record.id : entry.id;
  const lists = (owner: AddressRecord["owner"]): boolean =>
    owner !== undefined &&
    judge.records.owners.get(ownerKey(address.network, owner))?.listed.includes(address.key) ===
      true;
  const owner = lists(record.owner)
    ? record.owner
    : lists(view.record.owner)
    ? view.record.owner
    : view.record.owner ?? record.owner;
  const { owner: _, ...rest } = view.record;
  const attachment: AttachmentRecord = {
    ...rest,
    ...(owner === undefined ? {} : { owner }),
    addresses: view.record.addresses.map((one) => one.id === entry.id ? { ...one, id } : one),
  };
  const wanted = addressFromAttachment(attachment, id);
  const isRight = id === entry.id && sameOwner(owner, view.record.owner);
  return together(
    isRight ? { compare: [ifUnchanged(view)], changes: [] } : rewrite(view, attachment),
    writeAddress(judge, address, { ...wanted, since: record.since }),
    restoreInterval(judge, address, wanted),
  );
}

function ofAnother(
  judge: Judge,
  view: SoundAttachment,
  foreign: readonly SoundAddress[],
): void {
  const ended = endedAttachment(judge, view);
  const texts = foreign.map(({ text }) => text).join(", ");
  judge.report(ATTACHMENT_KINDS.ofAnother, {
    object: attachmentWords(view),
    detail: `it names what is recorded for somebody else: ${texts}`,
    evidence: [
      seen(view, `names ${texts}`),
      ...foreign.map((address) => seen(address, "recorded for another owner or holder")),
    ],
    ...(ended === undefined
      ? { remedy: `By hand: delete the pod of the ${attachmentWords(view)}, or fence its node.` }
      : {
        repair: {
          ...together({ compare: [...ended.compare], changes: [] }, dropAttachment(judge, view)),
          steps: [`remove the ${attachmentWords(view)}: ${ended.why}`],
          order: ORDER.truth,
        },
      }),
    settles: [view.key],
  });
}

/** Addresses that name an attachment, which does not list them. */
function checkUnlisted(judge: Judge): void {
  for (const view of soundAttachments(judge)) {
    const lacking = addressesOf(judge, view.key).filter((address) =>
      judge.counts(address) && address.network === view.record.network.name &&
      !view.entries.some(({ key }) => key === address.key)
    );
    const known = judge.known(view.record.network.name);
    if (lacking.length === 0 || known === undefined) continue;
    const texts = lacking.map(({ text }) => text).join(", ");
    const addresses = [
      ...view.record.addresses,
      ...lacking.flatMap(({ address, record }) =>
        record === undefined ? [] : [allocated(known, { address, id: record.id })]
      ),
    ];
    judge.report(ATTACHMENT_KINDS.lacksAddress, {
      object: attachmentWords(view),
      detail: `it does not list what names it as its holder: ${texts}`,
      evidence: [
        seen(view, `does not list ${texts}`),
        ...lacking.map((address) => seen(address, "names it as its holder")),
      ],
      repair: {
        ...together(
          { compare: lacking.map(ifUnchanged), changes: [] },
          rewrite(view, { ...view.record, addresses }),
        ),
        steps: [`add ${texts} to the attachment`],
        order: ORDER.truth,
      },
      settles: [view.key],
    });
  }
}
