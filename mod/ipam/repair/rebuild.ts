/**
 * Records made from the records around them, and the changes that hang together: an owned address
 * is never written without its owner, and a released one goes as DEL lets it go.
 *
 * @module
 */

import type { Compare } from "../../etcd/store.ts";
import { formatAddress } from "../../ip/address.ts";
import { formatInterfaceAddress } from "../../ip/prefix.ts";
import type { Holder } from "../../model/identity.ts";
import { coolingSeconds } from "../../model/network.ts";
import type {
  AddressRecord,
  AttachmentRecord,
  HistoryRecord,
  OwnerRecord,
} from "../../model/records.ts";
import type { AddressView, AttachmentView, Entry, HistoryView, OwnerView } from "../check/views.ts";
import type { Judge } from "../check/judge.ts";
import type { KnownNetwork } from "../check/world.ts";
import { putReleased, singleKey } from "../free.ts";
import { historyIdentity } from "../history_identity.ts";
import {
  attachmentKey,
  coolingKey,
  historyByOwnerKey,
  historyKey,
  networkKey,
  ownerKey,
} from "../keys.ts";
import { keptAddresses } from "../owned.ts";
import { isAllocatable, poolOf } from "../pool.ts";
import { SCHEMA } from "../stored.ts";
import { type Change, ifAt, ifUnchanged, type StoreChanges } from "./store_action.ts";

/** Both together. */
export function together(...parts: readonly StoreChanges[]): StoreChanges {
  return {
    compare: parts.flatMap(({ compare }) => compare),
    changes: parts.flatMap(({ changes }) => changes),
  };
}

/** A record written over what was seen under its key. */
export function rewrite(
  view: { readonly key: string; readonly kv: AddressView["kv"] },
  record: unknown,
): StoreChanges {
  return {
    compare: [ifUnchanged(view)],
    changes: [{ put: view.key, value: JSON.stringify(record) }],
  };
}

/** What was seen is removed. */
export function remove(
  view: { readonly key: string; readonly kv: AddressView["kv"] },
): StoreChanges {
  return { compare: [ifUnchanged(view)], changes: [{ delete: view.key }] };
}

/** What an attachment says of who holds. */
export function holderOf(record: AttachmentRecord): Holder {
  const { cluster, node, containerId, ifname, pod } = record;
  return { cluster, node, containerId, ifname, ...(pod === undefined ? {} : { pod }) };
}

/** The record of an address as its attachment has it. */
export function addressFromAttachment(record: AttachmentRecord, id: string): AddressRecord {
  const { owner, mac, since } = record;
  return {
    v: SCHEMA,
    state: "used",
    id,
    ...(owner === undefined ? {} : { owner }),
    holder: holderOf(record),
    mac,
    since,
  };
}

/** The open interval of a used address. */
export function historyFromAddress(
  view: Pick<AddressView, "address" | "network">,
  record: AddressRecord,
  known: KnownNetwork | undefined,
): HistoryRecord | undefined {
  const { holder, owner, id, mac, since } = record;
  if (holder === undefined) return undefined;
  return {
    v: SCHEMA,
    id,
    address: formatAddress(view.address),
    network: { name: view.network, uid: known?.uid ?? "" },
    ...(known === undefined ? {} : { vlan: known.network.spec.vlan }),
    ...(owner === undefined ? {} : { owner }),
    holder,
    ...(mac === undefined ? {} : { mac }),
    start: since,
  };
}

/** The entry by owner of an interval. */
export function pointerOf(record: HistoryRecord): Change {
  const { holder, owner, id, address, network } = record;
  return {
    put: historyByOwnerKey(historyIdentity(holder, owner), id),
    value: JSON.stringify({ v: SCHEMA, address, network }),
  };
}

/** An attachment as its addresses tell of it; what they do not know stays empty. */
export function attachmentFromAddresses(
  judge: Judge,
  input: { readonly known: KnownNetwork; readonly addresses: readonly AddressView[] },
): AttachmentRecord | undefined {
  const { known, addresses } = input;
  const first = addresses[0]?.record;
  const holder = first?.holder;
  if (first === undefined || holder === undefined) return undefined;
  const status = judge.node(holder)?.status;
  const { physicalNetwork, vlan } = known.network.spec;
  const { owner } = first;
  return {
    v: SCHEMA,
    ...holder,
    confName: "",
    netns: "",
    machineId: status?.machineId ?? "",
    bootId: status?.bootId ?? "",
    network: { name: known.name, uid: known.uid },
    physicalNetwork,
    vlan,
    mac: first.mac ?? "",
    ...(owner === undefined ? {} : { owner }),
    addresses: addresses.flatMap(({ address, record }) =>
      record === undefined ? [] : [allocated(known, { address, id: record.id })]
    ),
    since: first.since,
  };
}

/** An address as an attachment lists it. */
export function allocated(
  known: KnownNetwork,
  { address, id }: Pick<Entry, "address" | "id">,
): AttachmentRecord["addresses"][number] {
  const pool = poolOf(known.name, known.pools, address);
  return {
    address: formatInterfaceAddress({ address, length: pool.prefix.length }),
    id,
    ...(pool.gateway === undefined ? {} : { gateway: formatAddress(pool.gateway) }),
  };
}

/** Nobody is offered the address any more. */
export function unoffer(view: Pick<AddressView, "network" | "address">): Change {
  return { delete: singleKey(view.network, view.address) };
}

/**
 * Writes an owner and all addresses that it lists in one transaction, so that they have one
 * revision again. `records` are those of its addresses that change; the others are written as they
 * are.
 */
export function writeOwner(
  judge: Judge,
  view: Pick<OwnerView, "key" | "kv" | "network">,
  input: {
    readonly owner: OwnerRecord;
    readonly records?: ReadonlyMap<string, AddressRecord>;
  },
): StoreChanges {
  const { owner, records = new Map<string, AddressRecord>() } = input;
  const parts: StoreChanges[] = [rewrite(view, owner)];
  const keys = new Set(
    [...judge.records.addresses.values()].flatMap(({ key, network, text }) =>
      network === view.network && owner.addresses.some(({ address }) => address === text)
        ? [key]
        : []
    ),
  );
  for (const key of [...keys, ...records.keys()]) {
    const address = judge.records.addresses.get(key);
    const record = records.get(key) ?? address?.record;
    if (address !== undefined && record !== undefined) parts.push(rewrite(address, record));
  }
  return together(...parts);
}

/** Ends an interval that is open. */
export function endInterval(judge: Judge, view: HistoryView | undefined): StoreChanges {
  const record = view?.record;
  if (view === undefined || record === undefined || record.end !== undefined) {
    return { compare: [], changes: [] };
  }
  return rewrite(view, { ...record, end: judge.now(), endedBy: "repair" });
}

/** What becomes of an address that nobody holds any more, as DEL does it. */
export function releaseAddress(judge: Judge, view: AddressView): StoreChanges {
  const { record, network, address } = view;
  const known = judge.known(network);
  const history = record === undefined
    ? undefined
    : judge.records.histories.get(historyKey(address, record.id));
  const changes: Change[] = [{ delete: view.key }];
  const compare: Compare[] = [ifUnchanged(view)];
  if (known !== undefined) {
    // What the network hands out decides whether the address is offered again.
    compare.push(ifAt(networkKey(network), known.modRevision));
    if (isAllocatable(known.pools, address)) {
      const put = putReleased(network, address, judge.ipam.now());
      if ("put" in put) changes.push({ put: put.put, value: put.value });
    }
    const seconds = coolingSeconds(known.network.spec);
    if (seconds > 0) {
      changes.push({ put: coolingKey(network, address), value: "{}", leaseSeconds: seconds });
    }
  }
  return together({ compare, changes }, endInterval(judge, history));
}

/** The owner when its holder has ended: what the holder only kept is not the owner's any more. */
export function withoutHolder(record: OwnerRecord): OwnerRecord {
  const { holder: _, ...rest } = record;
  return { ...rest, addresses: keptAddresses(record) };
}

/** The addresses of a holder, all of one network. */
export function addressesOf(judge: Judge, holder: string): readonly AddressView[] {
  return [...judge.records.addresses.values()].filter(({ record, fault }) =>
    fault === undefined && record?.holder !== undefined && attachmentKey(record.holder) === holder
  ).sort((a, b) => a.address.family - b.address.family);
}

/** Ends a holder that is known to have ended: an owner keeps its addresses, others become free. */
export function endHolder(judge: Judge, holder: string): StoreChanges {
  const parts: StoreChanges[] = [];
  const owners = new Map<string, Map<string, AddressRecord>>();
  for (const view of addressesOf(judge, holder)) {
    const { record, network, address } = view;
    if (record === undefined) continue;
    const owner = record.owner === undefined ? undefined : ownerKey(network, record.owner);
    const listing = owner === undefined ? undefined : judge.records.owners.get(owner)?.record;
    const isLeaving = listing?.addresses.some(({ address, stage }) =>
      address === view.text && stage === "leaving"
    );
    if (owner !== undefined && listing !== undefined && isLeaving !== true) {
      const { holder: _, ...rest } = record;
      const kept = owners.get(owner) ?? new Map<string, AddressRecord>();
      owners.set(owner, kept.set(view.key, { ...rest, state: "owned" }));
      const history = judge.records.histories.get(historyKey(address, record.id));
      parts.push(endInterval(judge, history));
    } else parts.push(releaseAddress(judge, view));
  }
  for (const view of judge.records.owners.values()) {
    const { record } = view;
    const kept = owners.get(view.key);
    const held = record?.holder !== undefined && attachmentKey(record.holder) === holder;
    if (record === undefined || (kept === undefined && !held)) continue;
    const owner = held ? withoutHolder(record) : record;
    parts.push(
      owner.addresses.length === 0
        ? remove(view)
        : writeOwner(judge, view, { owner, ...(kept === undefined ? {} : { records: kept }) }),
    );
  }
  for (const view of judge.records.macs.values()) {
    const { record } = view;
    if (record?.holder !== undefined && attachmentKey(record.holder) === holder) {
      parts.push(remove(view));
    }
  }
  return together(...parts);
}

/**
 * What an attachment claims of one of its addresses, written where it is missing: the address
 * itself, its interval and the entry by owner. The address must be nobody's.
 */
export function restoreClaim(
  judge: Judge,
  attachment: AttachmentView,
  entry: Entry,
): StoreChanges {
  const { record } = attachment;
  const view = judge.records.addresses.get(entry.key);
  if (record === undefined || view === undefined) return { compare: [], changes: [] };
  const address = addressFromAttachment(record, entry.id);
  const claim = together(
    { compare: [ifUnchanged(attachment)], changes: [unoffer(view)] },
    rewrite(view, address),
    restoreInterval(judge, view, address),
  );
  const owner = record.owner === undefined
    ? undefined
    : judge.records.owners.get(ownerKey(view.network, record.owner));
  if (owner?.record === undefined || owner.fault !== undefined) return claim;
  const listed = owner.record.addresses.some((one) => one.address === view.text);
  return together(
    claim,
    writeOwner(judge, owner, {
      owner: {
        ...owner.record,
        addresses: listed ? owner.record.addresses : [
          ...owner.record.addresses,
          { address: view.text },
        ],
        holder: holderOf(record),
        mac: record.mac,
      },
      records: new Map([[view.key, address]]),
    }),
  );
}

/** The open interval of a used address, where it is missing or has ended. */
export function restoreInterval(
  judge: Judge,
  view: AddressView,
  record: AddressRecord,
): StoreChanges {
  const history = judge.records.histories.get(historyKey(view.address, record.id));
  const key = historyKey(view.address, record.id);
  const now = history?.record;
  if (now !== undefined && now.end === undefined) return { compare: [], changes: [] };
  const made = historyFromAddress(view, record, judge.known(view.network));
  if (made === undefined) return { compare: [], changes: [] };
  if (now === undefined) {
    const compare: readonly Compare[] = [ifAt(key, history?.kv?.modRevision ?? 0)];
    return { compare, changes: [{ put: key, value: JSON.stringify(made) }, pointerOf(made)] };
  }
  const { end: _, endedBy: __, ...open } = now;
  return rewrite({ key, kv: history?.kv }, open);
}
