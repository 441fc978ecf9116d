/**
 * Keys that name nothing, values that cannot be read, and values about something else.
 *
 * @module
 */

import { parseMac } from "../../../ip/mac.ts";
import type { AddressRecord, HistoryRecord, MacRecord } from "../../../model/records.ts";
import { historyByOwnerKey, macKey, ownerKey, reservedKey } from "../../keys.ts";
import { historyIdentity } from "../../history_identity.ts";
import { ORDER } from "../../repair/action.ts";
import {
  addressesOf,
  attachmentFromAddresses,
  historyFromAddress,
  pointerOf,
  releaseAddress,
  remove,
  restoreClaim,
  rewrite,
  together,
  writeOwner,
} from "../../repair/rebuild.ts";
import { ifUnchanged, type StoreChanges } from "../../repair/store_action.ts";
import { SCHEMA } from "../../stored.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { STORE_KINDS } from "../kinds/store.ts";
import {
  type AddressView,
  type AttachmentView,
  type HistoryView,
  isSound,
  type MacView,
  type OwnerView,
  type PointerView,
  type Slot,
  type View,
  viewAttachment,
  viewHistory,
} from "../views.ts";
import { addressWords, attachmentWords, historyWords, macWords, ownerWords } from "../words.ts";

/** How a record is made anew. */
interface Mended {
  readonly changes: StoreChanges;
  readonly step: string;
}

export async function checkReadable(judge: Judge): Promise<void> {
  const { records } = judge;
  for (const slot of records.broken.values()) checkKey(judge, slot);
  for (const view of records.attachments.values()) {
    await checkValue(judge, { view, object: attachmentWords(view), mend: mendAttachment });
  }
  for (const view of records.owners.values()) {
    await checkValue(judge, { view, object: ownerWords(view), mend: mendOwner });
  }
  for (const view of records.addresses.values()) {
    await checkValue(judge, { view, object: addressWords(view), mend: mendAddress });
  }
  for (const view of records.macs.values()) {
    await checkValue(judge, { view, object: macWords(view), mend: mendMac });
  }
  for (const view of records.histories.values()) {
    await checkValue(judge, { view, object: historyWords(view), mend: mendHistory });
  }
  for (const view of records.pointers.values()) {
    await checkValue(judge, { view, object: `entry ${view.key}`, mend: mendPointer });
  }
}

function checkKey(judge: Judge, slot: Slot): void {
  if (slot.kv === undefined) return;
  // A key that is no UTF-8 cannot be named in a request of ours.
  const repair = slot.key.includes("\ufffd")
    ? {}
    : { repair: { ...remove(slot), steps: [`remove ${slot.key}`], order: ORDER.truth } };
  judge.report(STORE_KINDS.brokenKey, {
    object: `key ${slot.key}`,
    detail: "its parts are not those of its part of the layout",
    evidence: [seen(slot, "nobody can read this key")],
    ...repair,
    settles: [slot.key],
  });
}

async function checkValue<V extends View<unknown>>(
  judge: Judge,
  input: {
    readonly view: V;
    readonly object: string;
    readonly mend: (judge: Judge, view: V) => Promise<Mended> | Mended;
  },
): Promise<void> {
  const { view, object, mend } = input;
  const { fault } = view;
  if (fault === undefined) return;
  const report = { object, detail: fault.why, evidence: [seen(view, fault.why)] };
  if (fault.kind === "schema") {
    return judge.report(STORE_KINDS.otherSchema, { ...report, settles: [view.key] });
  }
  const { changes, step } = await mend(judge, view);
  judge.report(fault.kind === "misnamed" ? STORE_KINDS.misnamed : STORE_KINDS.malformed, {
    ...report,
    repair: { ...changes, steps: [step], order: ORDER.truth },
    settles: [view.key],
  });
}

async function mendAttachment(judge: Judge, view: AttachmentView): Promise<Mended> {
  const { record, entries } = view;
  if (record !== undefined) {
    const held = entries.map(({ key }) => judge.records.addresses.get(key)?.record?.holder);
    const others = held.every((holder) =>
      holder !== undefined && holder.containerId !== view.ref.containerId
    );
    return others && entries.length > 0
      ? { changes: remove(view), step: `remove ${view.key}, a copy of another attachment` }
      : { changes: rewrite(view, { ...record, ...view.ref }), step: `correct ${view.key}` };
  }
  const past = view.kv === undefined
    ? undefined
    : await judge.past(view.key, view.kv.modRevision - 1);
  const before = past === undefined ? undefined : viewAttachment({ key: view.key, kv: past });
  const addresses = addressesOf(judge, view.key);
  if (isSound(before)) {
    const ids = new Set(addresses.map(({ record: address }) => address?.id));
    if (before.entries.every(({ id }) => ids.has(id))) {
      const step = `write ${view.key} as it was at revision ${past?.modRevision}`;
      return { changes: rewrite(view, before.record), step };
    }
  }
  const known = judge.known(addresses[0]?.network ?? "");
  const made = known === undefined
    ? undefined
    : attachmentFromAddresses(judge, { known, addresses });
  return made === undefined
    ? { changes: remove(view), step: `remove ${view.key}, which no address names` }
    : { changes: rewrite(view, made), step: `write ${view.key} as its addresses tell of it` };
}

function mendOwner(judge: Judge, view: OwnerView): Mended {
  const known = judge.known(view.network);
  const named = [...judge.records.addresses.values()].filter(({ record, network }) =>
    record?.owner !== undefined && ownerKey(network, record.owner) === view.key
  );
  const first = named[0]?.record;
  if (first === undefined) {
    return { changes: remove(view), step: `remove ${view.key}, which no address names` };
  }
  const { mac, holder, since } = first;
  const owner = {
    v: SCHEMA,
    owner: view.ref,
    network: { name: view.network, uid: known?.uid ?? "" },
    addresses: named.map(({ text }) => ({ address: text })),
    ...(mac === undefined ? {} : { mac }),
    ...(holder === undefined ? {} : { holder }),
    since,
  };
  return {
    changes: writeOwner(judge, view, { owner }),
    step: `write ${view.key} as its addresses tell of it`,
  };
}

async function mendAddress(judge: Judge, view: AddressView): Promise<Mended> {
  for (const attachment of judge.records.attachments.values()) {
    const entry = attachment.entries.find(({ key }) => key === view.key);
    if (entry === undefined || !isSound(attachment)) continue;
    const step = `write ${view.key} as its attachment has it`;
    return { changes: restoreClaim(judge, attachment, entry), step };
  }
  for (const owner of judge.records.owners.values()) {
    if (!owner.listed.includes(view.key) || !isSound(owner)) continue;
    const record: AddressRecord = {
      v: SCHEMA,
      state: "owned",
      id: judge.ipam.newId(),
      owner: owner.ref,
      ...(owner.record.mac === undefined ? {} : { mac: owner.record.mac }),
      since: judge.now(),
    };
    const { holder: _, ...rest } = owner.record;
    const records = new Map([[view.key, record]]);
    return {
      changes: writeOwner(judge, owner, { owner: rest, records }),
      step: `write ${view.key} as its owner has it`,
    };
  }
  const mark = judge.records.reserved.get(reservedKey(view.network, view.address));
  if (mark?.kv !== undefined) {
    const record = await reservation(judge, view);
    return { changes: rewrite(view, record), step: `write ${view.key} as a reservation` };
  }
  return { changes: releaseAddress(judge, view), step: `remove ${view.key}, which nobody has` };
}

/** A reservation as it last was, else one that says where it comes from. */
export async function reservation(
  judge: Judge,
  view: Pick<AddressView, "key" | "kv">,
  revision: number = (view.kv?.modRevision ?? 0) - 1,
): Promise<unknown> {
  const past = await judge.past(view.key, revision);
  const before: unknown = past === undefined ? undefined : parse(past.value);
  if (
    typeof before === "object" && before !== null && "state" in before &&
    before.state === "reserved"
  ) return before;
  return {
    v: SCHEMA,
    state: "reserved",
    id: judge.ipam.newId(),
    reason: "its record was lost; found by its mark",
    since: judge.now(),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function mendMac(judge: Judge, view: MacView): Mended {
  const record = macRecord(judge, view);
  return record === undefined
    ? { changes: remove(view), step: `remove ${view.key}, a MAC of nobody` }
    : { changes: rewrite(view, record), step: `write into ${view.key} who has it` };
}

/** Who has the MAC of the key, by attachments and owners. */
export function macRecord(judge: Judge, view: MacView): MacRecord | undefined {
  for (const attachment of judge.records.attachments.values()) {
    const { record } = attachment;
    if (!isSound(attachment) || record === undefined) continue;
    if (macKey(record.physicalNetwork, record.vlan, parseMacOr(record.mac)) !== view.key) continue;
    const { owner, network } = record;
    return {
      v: SCHEMA,
      network: network.name,
      ...(owner === undefined ? { holder: attachment.ref } : { owner }),
    };
  }
  for (const owner of judge.records.owners.values()) {
    const spec = judge.known(owner.network)?.network.spec;
    const { record } = owner;
    if (!isSound(owner) || spec === undefined || record?.mac === undefined) continue;
    if (macKey(spec.physicalNetwork, spec.vlan, record.mac) !== view.key) continue;
    return { v: SCHEMA, network: owner.network, owner: owner.ref };
  }
  return undefined;
}

function parseMacOr(text: string): string {
  try {
    return parseMac(text);
  } catch {
    return text;
  }
}

async function mendHistory(judge: Judge, view: HistoryView): Promise<Mended> {
  const { record } = view;
  for (const address of judge.records.addresses.values()) {
    const isIts = address.address.family === view.address.family &&
      address.address.value === view.address.value && address.record?.id === view.id;
    if (!isIts || !isSound(address) || address.record?.state !== "used") continue;
    const made = historyFromAddress(address, address.record, judge.known(address.network));
    if (made === undefined) continue;
    return { changes: rewrite(view, made), step: `write ${view.key} as its address has it` };
  }
  if (record !== undefined) {
    const address = [...judge.records.addresses.values()].find(({ address }) =>
      address.family === view.address.family && address.value === view.address.value
    )?.text ?? record.address;
    return {
      changes: rewrite(view, settledPast({ ...record, id: view.id, address })),
      step: `write the key's address and id into ${view.key}`,
    };
  }
  const past = view.kv === undefined
    ? undefined
    : await judge.past(view.key, view.kv.modRevision - 1);
  const before = past === undefined ? undefined : viewHistory({ key: view.key, kv: past });
  if (isSound(before)) {
    const step = `write ${view.key} as it was at revision ${past?.modRevision}`;
    return { changes: rewrite(view, settledPast(before.record)), step };
  }
  const pointers = [...judge.records.pointers.values()].filter(({ id, kv }) =>
    id === view.id && kv !== undefined
  );
  return {
    changes: together(remove(view), ...pointers.map(remove)),
    step: `remove ${view.key} and its entry by owner`,
  };
}

/** An ended interval that is written again: the revision of its end is lost by that. */
function settledPast(record: HistoryRecord): HistoryRecord {
  return record.end === undefined || record.disputed !== undefined
    ? record
    : { ...record, disputed: [] };
}

function mendPointer(judge: Judge, view: PointerView): Mended {
  for (const history of judge.records.histories.values()) {
    const { record } = history;
    if (!isSound(history) || record === undefined) continue;
    if (historyByOwnerKey(historyIdentity(record.holder, record.owner), record.id) !== view.key) {
      continue;
    }
    const changes = { compare: [ifUnchanged(view)], changes: [pointerOf(record)] };
    return { changes, step: `write ${view.key} as its interval has it` };
  }
  return { changes: remove(view), step: `remove ${view.key}, an entry of no interval` };
}
