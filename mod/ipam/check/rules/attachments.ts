/**
 * Attachments and owners against the network that they are of.
 *
 * @module
 */

import { ORDER } from "../../repair/action.ts";
import { rewrite, together, writeOwner } from "../../repair/rebuild.ts";
import type { Judge } from "../judge.ts";
import { seen } from "../judge.ts";
import { ATTACHMENT_KINDS } from "../kinds/addresses.ts";
import type { AttachmentView, OwnerView } from "../views.ts";
import { attachmentWords, ownerWords } from "../words.ts";
import type { KnownNetwork } from "../world.ts";

export function checkSegments(judge: Judge): void {
  for (const view of judge.records.attachments.values()) {
    if (!judge.counts(view)) continue;
    const known = judge.known(view.record.network.name);
    if (known === undefined) continue;
    const { physicalNetwork, vlan } = view.record;
    const { spec } = known.network;
    if (physicalNetwork !== spec.physicalNetwork || vlan !== spec.vlan) {
      judge.report(ATTACHMENT_KINDS.otherSegment, {
        object: attachmentWords(view),
        detail: `it is in VLAN ${vlan} of ${physicalNetwork}, network ${known.name} in VLAN ` +
          `${spec.vlan} of ${spec.physicalNetwork}`,
        evidence: [seen(view, `VLAN ${vlan} of ${physicalNetwork}`)],
        settles: [view.key],
      });
      continue;
    }
    if (view.record.network.uid !== known.uid) otherUid(judge, view, known);
    else checkFamilies(judge, view, known);
  }
  for (const view of judge.records.owners.values()) {
    const known = judge.known(view.network);
    if (!judge.counts(view) || known === undefined) continue;
    if (view.record.network.uid !== known.uid) otherOwnerUid(judge, view, known);
  }
}

function otherUid(judge: Judge, view: AttachmentView, known: KnownNetwork): void {
  const { record } = view;
  if (record === undefined) return;
  const { uid } = known;
  const ids = new Set(view.entries.map(({ id }) => id));
  const intervals = [...judge.records.histories.values()].flatMap((interval) => {
    const { record: past } = interval;
    if (past === undefined || past.end !== undefined || !ids.has(interval.id)) return [];
    return [rewrite(interval, { ...past, network: { ...past.network, uid } })];
  });
  judge.report(ATTACHMENT_KINDS.otherUid, {
    object: attachmentWords(view),
    detail: `it names uid ${record.network.uid} of network ${known.name}, which has ${uid}`,
    evidence: [seen(view, `network uid ${record.network.uid}`)],
    repair: {
      ...together(
        rewrite(view, { ...record, network: { ...record.network, uid } }),
        ...intervals,
      ),
      steps: [`write uid ${uid} into the attachment and its open history`],
      order: ORDER.truth,
    },
    // Its intervals say the same, and are written with it.
    settles: [
      view.key,
      ...[...judge.records.histories.values()].flatMap(({ id, key }) => ids.has(id) ? [key] : []),
    ],
  });
}

function otherOwnerUid(judge: Judge, view: OwnerView, known: KnownNetwork): void {
  const { record } = view;
  if (record === undefined) return;
  const { uid } = known;
  judge.report(ATTACHMENT_KINDS.otherUid, {
    object: ownerWords(view),
    detail: `it names uid ${record.network.uid} of network ${known.name}, which has ${uid}`,
    evidence: [seen(view, `network uid ${record.network.uid}`)],
    repair: {
      ...writeOwner(judge, view, {
        owner: { ...record, network: { ...record.network, uid } },
      }),
      steps: [`write uid ${uid} into the owner`],
      order: ORDER.truth,
    },
    settles: [view.key],
  });
}

/** The network has had both families since before the attachment was made. */
function checkFamilies(judge: Judge, view: AttachmentView, known: KnownNetwork): void {
  const created = view.kv?.createRevision ?? 0;
  if (created <= known.modRevision) return;
  const lacking = known.families.filter((family) =>
    !view.entries.some(({ address }) => address.family === family)
  );
  if (lacking.length === 0) return;
  const families = lacking.map((family) => `IPv${family}`).join(" and ");
  judge.report(ATTACHMENT_KINDS.oneFamily, {
    object: attachmentWords(view),
    detail: `it has no ${families} address, which network ${known.name} has had all its life`,
    evidence: [seen(view, `no ${families} address`)],
    settles: [],
  });
}
