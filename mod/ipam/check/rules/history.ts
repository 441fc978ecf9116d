/**
 * The history against the addresses as they are, and its two halves against each other.
 *
 * @module
 */

import { formatHolder } from "../../../model/identity.ts";
import { addressKey, attachmentKey, historyByOwnerKey, historyKey } from "../../keys.ts";
import { historyIdentity } from "../../history_identity.ts";
import { ORDER } from "../../repair/action.ts";
import {
  endInterval,
  historyFromAddress,
  pointerOf,
  remove,
  restoreInterval,
  rewrite,
  together,
} from "../../repair/rebuild.ts";
import { ifUnchanged } from "../../repair/store_action.ts";
import type { AddressRecord, HistoryRecord } from "../../../model/records.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { HISTORY_KINDS } from "../kinds/history.ts";
import { sameOwner } from "../same_owner.ts";
import type { AddressView, HistoryView, PointerView } from "../views.ts";
import { addressWords } from "../words.ts";

export function checkHistory(judge: Judge): void {
  for (const view of judge.records.addresses.values()) {
    if (judge.counts(view) && view.record.state === "used") checkUsed(judge, view, view.record);
  }
  for (const view of judge.records.histories.values()) {
    if (judge.counts(view) && view.record.end === undefined) checkOpen(judge, view, view.record);
  }
  checkPointers(judge);
}

function checkUsed(judge: Judge, view: AddressView, record: AddressRecord): void {
  const interval = judge.records.histories.get(historyKey(view.address, record.id));
  if (interval === undefined || !judge.isOpen(interval)) return;
  const { record: past } = interval;
  const { holder } = record;
  if (holder === undefined) return;
  const who = formatHolder(holder);
  if (past === undefined) {
    return judge.report(HISTORY_KINDS.missing, {
      object: addressWords(view),
      detail: `${who} has it, and its interval is not in the history`,
      evidence: [seen(view, `allocation ${record.id}`), seen(interval, "missing")],
      repair: {
        ...together(
          { compare: [ifUnchanged(view)], changes: [] },
          restoreInterval(judge, view, record),
        ),
        steps: [`write the interval that began ${record.since}`],
        order: ORDER.derived,
      },
      settles: [interval.key, pointerKeyOf(view, record)],
    });
  }
  if (past.end !== undefined) {
    return judge.report(HISTORY_KINDS.endedWhileUsed, {
      object: addressWords(view),
      detail: `${who} has it, and its interval ended ${past.end}`,
      evidence: [seen(view, `allocation ${record.id}`), seen(interval, `ended ${past.end}`)],
      repair: {
        ...together(
          { compare: [ifUnchanged(view)], changes: [] },
          restoreInterval(judge, view, record),
        ),
        steps: ["open the interval again"],
        order: ORDER.derived,
      },
      settles: [interval.key],
    });
  }
  if (!agrees(judge, view, { record, past })) disagree(judge, { view, record, interval, past });
}

function pointerKeyOf({ address }: AddressView, record: AddressRecord): string {
  if (record.holder === undefined) return historyKey(address, record.id);
  return historyByOwnerKey(historyIdentity(record.holder, record.owner), record.id);
}

function agrees(
  judge: Judge,
  view: AddressView,
  { record, past }: { readonly record: AddressRecord; readonly past: HistoryRecord },
): boolean {
  const { holder } = record;
  const known = judge.known(view.network);
  return holder !== undefined && attachmentKey(holder) === attachmentKey(past.holder) &&
    record.mac === past.mac && sameOwner(record.owner, past.owner) &&
    past.network.name === view.network &&
    (known === undefined || known.uid === past.network.uid);
}

function disagree(
  judge: Judge,
  { view, record, interval, past }: {
    readonly view: AddressView;
    readonly record: AddressRecord;
    readonly interval: HistoryView;
    readonly past: HistoryRecord;
  },
): void {
  const made = historyFromAddress(view, record, judge.known(view.network));
  if (made === undefined) return;
  const before = historyByOwnerKey(historyIdentity(past.holder, past.owner), past.id);
  const pointer = judge.records.pointers.get(before);
  const after = pointerOf(made);
  const moved = "put" in after && after.put !== before;
  judge.report(HISTORY_KINDS.disagree, {
    object: addressWords(view),
    detail: "its open interval names another holder, owner, MAC or network",
    evidence: [seen(view, formatHolder(made.holder)), seen(interval, formatHolder(past.holder))],
    repair: {
      ...together(
        { compare: [ifUnchanged(view)], changes: [after] },
        rewrite(interval, { ...past, ...made, start: past.start }),
        ...moved && pointer?.kv !== undefined ? [remove(pointer)] : [],
      ),
      steps: ["write into the interval what the address says"],
      order: ORDER.derived,
    },
    settles: [interval.key, before, "put" in after ? after.put : before],
  });
}

function checkOpen(judge: Judge, view: HistoryView, record: HistoryRecord): void {
  const address = judge.records.addresses.get(addressKey(record.network.name, view.address));
  if (address === undefined || judge.settled.has(address.key) || address.fault !== undefined) {
    return;
  }
  const { record: now } = address;
  if (now !== undefined && now.id === record.id && now.state === "used") return;
  // What its attachment says of the address is told elsewhere.
  const attachment = judge.records.attachments.get(attachmentKey(record.holder));
  if (attachment?.fault !== undefined) return;
  const claims = attachment?.entries.some(({ key, id }) => key === address.key && id === record.id);
  if (claims === true) return;
  const next = [...judge.records.histories.values()].find(({ id, kv, address: other }) =>
    id === now?.id && other.value === view.address.value &&
    (kv?.createRevision ?? 0) > (view.kv?.createRevision ?? 0)
  )?.record;
  const end = next === undefined ? undefined : next.start;
  judge.report(HISTORY_KINDS.openWithoutAddress, {
    object: `interval of ${record.address} and ${formatHolder(record.holder)}`,
    detail: now === undefined
      ? "it has no end, and nobody has the address"
      : "it has no end, and somebody else has the address",
    evidence: [
      seen(view, `open since ${record.start}`),
      seen(address, now === undefined ? "missing" : `allocation ${now.id}`),
    ],
    repair: {
      ...together(
        { compare: [ifUnchanged(address)], changes: [] },
        end === undefined
          ? endInterval(judge, view)
          : rewrite(view, { ...record, end, endedBy: "repair", disputed: [] }),
      ),
      steps: [end === undefined ? "end the interval now" : `end the interval at ${end}`],
      order: ORDER.derived,
    },
    settles: [view.key],
  });
}

function checkPointers(judge: Judge): void {
  for (const view of judge.records.histories.values()) {
    const { record } = view;
    if (!judge.isOpen(view) && !judge.settled.has(view.key)) continue;
    if (record === undefined || judge.settled.has(view.key)) continue;
    const key = historyByOwnerKey(historyIdentity(record.holder, record.owner), record.id);
    const pointer = judge.records.pointers.get(key);
    if (pointer === undefined || !judge.isOpen(pointer)) continue;
    if (pointer.record === undefined) pointerMissing(judge, { view, record, pointer });
    else if (pointer.record.address !== record.address) {
      pointerWrong(judge, { view, record, pointer });
    }
  }
  for (const pointer of judge.records.pointers.values()) {
    if (judge.counts(pointer)) checkOrphan(judge, pointer);
  }
}

interface PointerInput {
  readonly view: HistoryView;
  readonly record: HistoryRecord;
  readonly pointer: PointerView;
}

function pointerMissing(judge: Judge, { view, record, pointer }: PointerInput): void {
  judge.report(HISTORY_KINDS.pointerMissing, {
    object: `interval of ${record.address} and ${formatHolder(record.holder)}`,
    detail: "it has no entry by owner",
    evidence: [seen(view, `allocation ${record.id}`), seen(pointer, "missing")],
    repair: {
      compare: [ifUnchanged(view), ifUnchanged(pointer)],
      changes: [pointerOf(record)],
      steps: ["write the entry by owner"],
      order: ORDER.derived,
    },
    settles: [pointer.key],
  });
}

function pointerWrong(judge: Judge, { view, record, pointer }: PointerInput): void {
  judge.report(HISTORY_KINDS.pointerWrong, {
    object: `entry by owner of ${record.address}`,
    detail: `it names ${pointer.record?.address ?? "nothing"}`,
    evidence: [seen(pointer, `names ${pointer.record?.address}`), seen(view, record.address)],
    repair: {
      compare: [ifUnchanged(view), ifUnchanged(pointer)],
      changes: [pointerOf(record)],
      steps: ["write the address of its interval into the entry"],
      order: ORDER.derived,
    },
    settles: [pointer.key],
  });
}

function checkOrphan(judge: Judge, pointer: PointerView): void {
  if (pointer.address === undefined || judge.settled.has(pointer.key)) return;
  // An entry whose address is wrong was told of by its interval.
  for (const view of judge.records.histories.values()) {
    if (view.id !== pointer.id) continue;
    const { record } = view;
    if (view.fault !== undefined || judge.settled.has(view.key)) return;
    if (record === undefined) continue;
    const key = historyByOwnerKey(historyIdentity(record.holder, record.owner), record.id);
    if (key === pointer.key) return;
  }
  judge.report(HISTORY_KINDS.pointerOrphan, {
    object: `entry by owner ${pointer.key}`,
    detail: "the interval that it names does not exist, or is another's",
    evidence: [seen(pointer, `names ${pointer.record?.address}`)],
    repair: {
      ...remove(pointer),
      steps: ["remove the entry"],
      order: ORDER.derived,
    },
  });
}
