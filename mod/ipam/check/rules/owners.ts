/**
 * Owners and their addresses. The truth about an address is its own record: an owner's list follows
 * the addresses that name it.
 *
 * @module
 */

import { formatOwner } from "../../../model/identity.ts";
import type { AddressRecord, OwnerRecord } from "../../../model/records.ts";
import { historyKey, ownerKey } from "../../keys.ts";
import { ORDER } from "../../repair/action.ts";
import {
  endInterval,
  releaseAddress,
  remove,
  together,
  unoffer,
  writeOwner,
} from "../../repair/rebuild.ts";
import { ifUnchanged, type StoreChanges } from "../../repair/store_action.ts";
import { SCHEMA } from "../../stored.ts";
import type { Evidence, Kind } from "../finding.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { OWNER_KINDS } from "../kinds/owners.ts";
import { sameOwner } from "../same_owner.ts";
import { type AddressView, isSound, type OwnerView } from "../views.ts";
import { addressWords, ownerWords } from "../words.ts";
import { claimant } from "./holders.ts";

type SoundOwner = OwnerView & { readonly record: OwnerRecord };
type SoundAddress = AddressView & { readonly record: AddressRecord };

function isSoundAddress(view: AddressView): view is SoundAddress {
  return isSound(view);
}

/** Addresses of the network that name the owner of the key. */
function naming(judge: Judge, view: OwnerView): readonly SoundAddress[] {
  return [...judge.records.addresses.values()].filter(isSoundAddress).filter((
    { record, network },
  ) => record.owner !== undefined && ownerKey(network, record.owner) === view.key).sort((a, b) =>
    a.address.family - b.address.family || (a.key < b.key ? -1 : 1)
  );
}

export function checkOwners(judge: Judge): void {
  const isCounted = (view: OwnerView): view is SoundOwner => judge.counts(view);
  for (const view of judge.records.owners.values()) {
    if (isCounted(view)) checkKey(judge, view);
  }
  for (const view of judge.records.owners.values()) {
    if (judge.isMissing(view)) checkMissing(judge, view);
    else if (isCounted(view)) checkList(judge, view);
  }
}

/** The record of one slot under the key of another. */
function checkKey(judge: Judge, view: SoundOwner): void {
  const { record, ref } = view;
  const isRight = sameOwner(record.owner, ref) && record.network.name === view.network;
  if (isRight) return;
  const own = naming(judge, view);
  const owner: OwnerRecord = {
    ...record,
    owner: ref,
    network: {
      ...record.network,
      name: view.network,
      uid: judge.known(view.network)?.uid ?? record.network.uid,
    },
    addresses: own.map(({ text }) => ({ address: text })),
  };
  judge.report(OWNER_KINDS.otherKey, {
    object: ownerWords(view),
    detail: `its value names ${formatOwner(record.owner)} in network ${record.network.name}`,
    evidence: [seen(view, `names ${formatOwner(record.owner)}`)],
    repair: {
      ...(own.length === 0 ? remove(view) : writeOwner(judge, view, { owner })),
      steps: [
        own.length === 0
          ? "remove it: no address names the slot of its key"
          : "write the slot of its key into it, with the addresses that name that",
      ],
      order: ORDER.truth,
    },
    settles: [view.key],
  });
}

function checkMissing(judge: Judge, view: OwnerView): void {
  const own = naming(judge, view).filter((address) => !judge.settled.has(address.key));
  const [first] = own;
  if (first === undefined) return;
  const { mac, holder } = first.record;
  const owner: OwnerRecord = {
    v: SCHEMA,
    owner: view.ref,
    network: { name: view.network, uid: judge.known(view.network)?.uid ?? "" },
    addresses: own.map(({ text }) => ({ address: text })),
    ...(mac === undefined ? {} : { mac }),
    ...(holder === undefined ? {} : { holder }),
    since: first.record.since,
  };
  const texts = own.map(({ text }) => text).join(", ");
  judge.report(OWNER_KINDS.missing, {
    object: ownerWords(view),
    detail: `it has no record, and this is kept for it: ${texts}`,
    evidence: [seen(view, "missing"), ...own.map((address) => seen(address, "names it"))],
    repair: {
      ...writeOwner(judge, view, { owner }),
      steps: [`write the owner's record, with ${texts}`],
      order: ORDER.truth,
    },
    settles: [view.key],
  });
}

/** One finding for an owner: what it lists, and what is recorded for it. */
function checkList(judge: Judge, view: SoundOwner): void {
  const own = naming(judge, view);
  const listed = view.listed.flatMap((key) => judge.records.addresses.get(key) ?? []);
  const missing = listed.filter((address) => judge.isMissing(address));
  const foreign = listed.filter((address): address is SoundAddress =>
    isSoundAddress(address) && judge.counts(address) && !own.includes(address)
  );
  const unlisted = own.filter(({ key }) =>
    judge.isOpen(judge.records.addresses.get(key)) &&
    !view.listed.includes(key)
  );
  if (missing.length > 0) return addressMissing(judge, view, missing);
  if (foreign.length > 0) return listsOther(judge, view, { foreign, own });
  if (unlisted.length > 0) return notListed(judge, view, { unlisted, own });
  if (listed.length === 0) return empty(judge, view);
  checkAgreement(judge, view, own);
}

interface OwnerReport {
  readonly kind: Kind;
  readonly detail: string;
  readonly evidence: readonly Evidence[];
  readonly changes: StoreChanges;
  readonly step: string;
  readonly settles?: readonly string[];
}

function report(judge: Judge, view: OwnerView, input: OwnerReport): void {
  const { kind, detail, evidence, changes, step, settles = [] } = input;
  judge.report(kind, {
    object: ownerWords(view),
    detail,
    evidence: [seen(view, "the owner"), ...evidence],
    repair: { ...changes, steps: [step], order: ORDER.truth },
    settles: [view.key, ...settles],
  });
}

function addressMissing(
  judge: Judge,
  view: SoundOwner,
  missing: readonly AddressView[],
): void {
  const texts = missing.map(({ text }) => text).join(", ");
  const { mac } = view.record;
  // Where an attachment names it, that is another rule's: so nobody holds these.
  const records = new Map(missing.map(({ key }): [string, AddressRecord] => [key, {
    v: SCHEMA,
    state: "owned",
    id: judge.ipam.newId(),
    owner: view.ref,
    ...(mac === undefined ? {} : { mac }),
    since: judge.now(),
  }]));
  report(judge, view, {
    kind: OWNER_KINDS.addressMissing,
    detail: `it lists what is recorded as nobody's: ${texts}`,
    evidence: missing.map((address) => seen(address, "missing")),
    changes: together(
      { compare: [], changes: missing.map(unoffer) },
      writeOwner(judge, view, { owner: view.record, records }),
    ),
    step: `record ${texts} again for the owner`,
    settles: missing.map(({ key }) => key),
  });
}

/** The owner with the addresses that name it, and no others. */
function withAddresses(view: SoundOwner, addresses: readonly AddressView[]): OwnerRecord {
  return {
    ...view.record,
    addresses: addresses.map(({ text }) => entryOf(view, text) ?? { address: text }),
  };
}

/** The address as the owner lists it. */
function entryOf(
  { record }: SoundOwner,
  text: string,
): OwnerRecord["addresses"][number] | undefined {
  return record.addresses.find(({ address }) => address === text);
}

function listsOther(
  judge: Judge,
  view: SoundOwner,
  { foreign, own }: {
    readonly foreign: readonly SoundAddress[];
    readonly own: readonly SoundAddress[];
  },
): void {
  const texts = foreign.map(({ text }) => text).join(", ");
  const isTwice = foreign.some((address) => {
    const { owner } = address.record;
    const other = owner === undefined
      ? undefined
      : judge.records.owners.get(ownerKey(address.network, owner));
    return other?.listed.includes(address.key) === true;
  });
  const isEmpty = own.length === 0 && view.record.holder === undefined;
  report(judge, view, {
    kind: isTwice ? OWNER_KINDS.twoOwners : OWNER_KINDS.listsOther,
    detail: `it lists what is recorded for ${isTwice ? "another owner" : "another"}: ${texts}`,
    evidence: foreign.map((address) => seen(address, "recorded for another")),
    changes: together(
      { compare: foreign.map(ifUnchanged), changes: [] },
      isEmpty ? remove(view) : writeOwner(judge, view, { owner: withAddresses(view, own) }),
    ),
    step: isEmpty
      ? "remove the owner, for which nothing is recorded"
      : `list only what is recorded for the owner: ${own.map(({ text }) => text).join(", ")}`,
  });
}

function notListed(
  judge: Judge,
  view: SoundOwner,
  { unlisted, own }: {
    readonly unlisted: readonly SoundAddress[];
    readonly own: readonly SoundAddress[];
  },
): void {
  const listed = own.filter(({ key }) => view.listed.includes(key));
  const surplus = unlisted.filter(({ address }) =>
    listed.some((other) => other.address.family === address.family)
  );
  // What an attachment has is in use, whatever the owner says.
  const idle = surplus.filter((address) =>
    claimant(judge, address) === undefined && address.record.holder === undefined
  );
  const kept = own.filter((address) => !idle.includes(address));
  const texts = unlisted.map(({ text }) => text).join(", ");
  const freed = idle.map(({ text }) => text).join(", ");
  report(judge, view, {
    kind: surplus.length > 0 ? OWNER_KINDS.slotTwice : OWNER_KINDS.notListed,
    detail: surplus.length > 0
      ? `it lists ${
        listed.map(({ text }) => text).join(", ")
      }, and this is recorded for it too: ${texts}`
      : `it does not list what is recorded for it: ${texts}`,
    evidence: unlisted.map((address) => seen(address, "names it")),
    changes: together(
      writeOwner(judge, view, { owner: withAddresses(view, kept) }),
      ...idle.map((address) => releaseAddress(judge, address)),
    ),
    step: idle.length > 0 ? `free ${freed}, which the owner does not list` : `list ${texts} too`,
    settles: idle.map(({ key }) => key),
  });
}

function empty(judge: Judge, view: SoundOwner): void {
  report(judge, view, {
    kind: OWNER_KINDS.empty,
    detail: "it lists no address, and none is recorded for it",
    evidence: [],
    changes: remove(view),
    step: "remove the owner",
  });
}

/** All that it lists is its own: do both sides say the same, at one revision. */
function checkAgreement(judge: Judge, view: SoundOwner, own: readonly SoundAddress[]): void {
  const open = own.filter((address) => !judge.settled.has(address.key));
  const nameOf = (holder: AddressRecord["holder"]): string =>
    holder === undefined
      ? ""
      : [holder.cluster, holder.node, holder.containerId, holder.ifname].join("\n");
  const holder = nameOf(view.record.holder);
  const differing = open.filter(({ record, text }) =>
    nameOf(record.holder) !== (entryOf(view, text)?.stage === "next" ? "" : holder) ||
    record.mac !== view.record.mac
  );
  if (differing.length > 0) return disagree(judge, view, { differing, own: open });
  const revision = view.kv?.modRevision;
  const apart = open.filter(({ kv }) => kv?.modRevision !== revision);
  if (apart.length === 0) return;
  const texts = apart.map(({ text }) => text).join(", ");
  report(judge, view, {
    kind: OWNER_KINDS.revisions,
    detail: `it was last written at revision ${revision}, and at another: ${texts}`,
    evidence: apart.map((address) => seen(address, "written at another revision")),
    changes: writeOwner(judge, view, { owner: view.record }),
    step: `write the owner and ${texts} again, in one transaction`,
  });
}

function disagree(
  judge: Judge,
  view: SoundOwner,
  { differing, own }: {
    readonly differing: readonly SoundAddress[];
    readonly own: readonly SoundAddress[];
  },
): void {
  const attachment = own.map((address) => claimant(judge, address)).find((one) =>
    one !== undefined
  );
  const { record } = view;
  const { holder: _, ...rest } = record;
  const truth = attachment?.record;
  const mac = truth?.mac ?? record.mac;
  const holder = truth === undefined
    ? undefined
    : own.map((a) => a.record.holder).find((one) => one !== undefined) ?? record.holder;
  const records = new Map(own.map((address): [string, AddressRecord] => {
    const { holder: __, ...plain } = address.record;
    const isHeld = holder !== undefined && entryOf(view, address.text)?.stage !== "next";
    return [address.key, {
      ...plain,
      state: isHeld ? "used" : "owned",
      ...(isHeld ? { holder } : {}),
      ...(mac === undefined ? {} : { mac }),
    }];
  }));
  const ended = holder === undefined
    ? own.map(({ address, record }) =>
      endInterval(judge, judge.records.histories.get(historyKey(address, record.id)))
    )
    : [];
  const texts = differing.map(({ text }) => text).join(", ");
  report(judge, view, {
    kind: OWNER_KINDS.disagree,
    detail: `it and ${texts} name different holders or MACs`,
    evidence: differing.map((address) => seen(address, addressWords(address))),
    changes: together(
      writeOwner(judge, view, {
        owner: {
          ...rest,
          ...(holder === undefined ? {} : { holder }),
          ...(mac === undefined ? {} : { mac }),
        },
        records,
      }),
      ...ended,
    ),
    step: holder === undefined
      ? "write both without a holder: no attachment has the address"
      : "write into both what the attachment says",
    settles: own.map(({ key }) => key),
  });
}
