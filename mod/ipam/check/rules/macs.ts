/**
 * MAC addresses: one key for each that somebody has in a segment, and nobody with another's.
 *
 * @module
 */

import { attachmentKey, macKey, ownerKey } from "../../keys.ts";
import { ORDER } from "../../repair/action.ts";
import { remove, rewrite } from "../../repair/rebuild.ts";
import type { MacRecord } from "../../../model/records.ts";
import { SCHEMA } from "../../stored.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { MAC_KINDS } from "../kinds/owners.ts";
import type { MacView, Slot } from "../views.ts";
import { attachmentWords, macWords, ownerWords } from "../words.ts";

/** Somebody who has a MAC in a segment. */
interface Bearer {
  readonly slot: Slot;
  readonly words: string;
  /** Key of the MAC. */
  readonly key: string;
  /** What the key should say. */
  readonly record: MacRecord;
}

function bearers(judge: Judge): readonly Bearer[] {
  const all: Bearer[] = [];
  for (const view of judge.records.attachments.values()) {
    if (!judge.counts(view) || view.record.owner !== undefined) continue;
    const { physicalNetwork, vlan, mac, network } = view.record;
    all.push({
      slot: view,
      words: attachmentWords(view),
      key: macKey(physicalNetwork, vlan, mac),
      record: { v: SCHEMA, network: network.name, holder: view.ref },
    });
  }
  for (const view of judge.records.owners.values()) {
    const spec = judge.known(view.network)?.network.spec;
    if (!judge.counts(view) || spec === undefined || view.record.mac === undefined) continue;
    all.push({
      slot: view,
      words: ownerWords(view),
      key: macKey(spec.physicalNetwork, spec.vlan, view.record.mac),
      record: { v: SCHEMA, network: view.network, owner: view.ref },
    });
  }
  return all;
}

/** The key of the attachment or owner that the record names. */
function namedKey({ holder, owner, network }: MacRecord): string | undefined {
  if (owner !== undefined) return ownerKey(network, owner);
  return holder === undefined ? undefined : attachmentKey(holder);
}

export function checkMacs(judge: Judge): void {
  const all = bearers(judge);
  for (const view of judge.records.macs.values()) {
    if (judge.settled.has(view.key) || view.fault !== undefined) continue;
    checkMac(judge, view, all.filter(({ key }) => key === view.key));
  }
}

function checkMac(judge: Judge, view: MacView, having: readonly Bearer[]): void {
  const { record } = view;
  const [first, second] = having;
  const named = record === undefined ? undefined : namedKey(record);
  if (first === undefined) {
    if (record !== undefined && !isDealtWith(judge, record)) orphan(judge, view);
    return;
  }
  if (second !== undefined) return duplicate(judge, view, having);
  if (record === undefined) return missing(judge, view, first);
  if (named !== first.slot.key || record.network !== first.record.network) {
    // Who is named is there, and others say what is wrong with it.
    if (isDealtWith(judge, record)) return;
    ofAnother(judge, view, first);
  }
}

/** The one that it names is damaged, or its network is, and that is told elsewhere. */
function isDealtWith(judge: Judge, record: MacRecord): boolean {
  const key = namedKey(record);
  if (key === undefined) return false;
  const { attachments, owners } = judge.records;
  const view = attachments.get(key) ?? owners.get(key);
  // In which segment an owner has its MAC is known by the network alone.
  const unknown = record.owner !== undefined && judge.known(record.network) === undefined;
  return judge.settled.has(key) || view?.fault !== undefined ||
    (unknown && view?.kv !== undefined);
}

function orphan(judge: Judge, view: MacView): void {
  judge.report(MAC_KINDS.orphan, {
    object: macWords(view),
    detail: "the one that its key names does not have it",
    evidence: [seen(view, "names one that does not have it")],
    repair: { ...remove(view), steps: [`remove ${view.key}`], order: ORDER.derived },
  });
}

function missing(judge: Judge, view: MacView, { words, record, slot }: Bearer): void {
  judge.report(MAC_KINDS.missing, {
    object: macWords(view),
    detail: `the ${words} has it, and no key names it`,
    evidence: [seen(view, "missing"), seen(slot, "has the MAC")],
    repair: {
      ...rewrite(view, record),
      steps: [`record that the ${words} has ${view.mac}`],
      order: ORDER.derived,
    },
  });
}

function ofAnother(judge: Judge, view: MacView, { words, record, slot }: Bearer): void {
  judge.report(MAC_KINDS.ofAnother, {
    object: macWords(view),
    detail: `the ${words} has it, and its key names somebody else`,
    evidence: [seen(view, "names somebody else"), seen(slot, "has the MAC")],
    repair: {
      ...rewrite(view, record),
      steps: [`write into ${view.key} that the ${words} has it`],
      order: ORDER.derived,
    },
  });
}

function duplicate(judge: Judge, view: MacView, having: readonly Bearer[]): void {
  const { record } = view;
  const named = record === undefined ? undefined : namedKey(record);
  const others = having.filter(({ slot }) => slot.key !== named);
  const words = having.map((one) => `the ${one.words}`).join(" and ");
  const ended = others.map((one) => {
    const attachment = judge.records.attachments.get(one.slot.key);
    return attachment?.record === undefined ? undefined : judge.ended(attachment.ref, {
      since: attachment.kv?.modRevision ?? 0,
      machine: attachment.record,
    });
  }).find((one) => one !== undefined);
  judge.report(MAC_KINDS.duplicate, {
    object: macWords(view),
    detail: `${words} have it`,
    evidence: [seen(view, "one key"), ...having.map(({ slot }) => seen(slot, "has the MAC"))],
    remedy: ended === undefined
      ? `By hand: delete the pod of ${others.map((one) => `the ${one.words}`).join(" or ")}.`
      : `By hand: ${ended.why}; let its node clean up, or release it with fabric-admin.`,
  });
}
