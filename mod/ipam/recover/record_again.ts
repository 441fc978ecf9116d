/**
 * Records an attachment that a node holds and the store does not have: address, attachment, MAC,
 * owner and history in one transaction, as its ADD once did. What runs is the truth: a record that
 * says otherwise gives way, unless it may run as well.
 *
 * @module
 */

import type { Compare, KeyValue, Operation } from "../../etcd/store.ts";
import { type Address, formatAddress, parseAddress } from "../../ip/address.ts";
import { parseInterfaceAddress } from "../../ip/prefix.ts";
import {
  formatHolder,
  type Holder,
  LOCAL_CLUSTER,
  sameAttachment,
  sameOwner,
} from "../../model/identity.ts";
import type { Network } from "../../model/network.ts";
import {
  type AddressRecord,
  AddressRecordSchema,
  type AttachmentRecord,
  type HistoryRecord,
  HistoryRecordSchema,
  type MacRecord,
  MacRecordSchema,
  type OwnedAddress,
  type OwnerRecord,
  OwnerRecordSchema,
} from "../../model/records.ts";
import { tombstoneNotNewer } from "../allocate_commit.ts";
import { keysOf } from "../allocate_state.ts";
import type { IpamContext } from "../context.ts";
import { unfixAddresses } from "../fix.ts";
import { singleKey } from "../free.ts";
import { historyIdentity } from "../history_identity.ts";
import { whyEnded } from "../holder.ts";
import {
  addressKey,
  attachmentKey,
  historyByOwnerKey,
  historyKey,
  macKey,
  networkKey,
  ownerKey,
  recoverNodeKey,
  recoverPendingKey,
  reservedKey,
  tombstoneKey,
} from "../keys.ts";
import { letGo } from "../owned.ts";
import { networkPools } from "../pool.ts";
import { usesOf } from "../quota.ts";
import { release } from "../release.ts";
import { decodeRecord, decodeResource, SCHEMA } from "../stored.ts";
import { type Comparing, ifEra } from "./state.ts";

/** What became of it. `ended`: its DEL came meanwhile. */
export type Recorded =
  | { readonly outcome: "kept" | "recorded" | "ended" }
  | { readonly outcome: "waits"; readonly why: string };

export interface RecordInput {
  readonly record: AttachmentRecord;
  readonly comparing: Comparing;
  /** Revision of the store before the node was looked at: a newer tombstone ends it. */
  readonly seenAt: number;
}

const MAX_ATTEMPTS = 16;
const waits = (why: string): Recorded => ({ outcome: "waits", why });

/**
 * Records the attachment, or says what it waits for. Said again it changes nothing.
 *
 * @throws {FabricError} `unavailable`, `unknown-outcome`.
 */
export async function recordAgain(context: IpamContext, input: RecordInput): Promise<Recorded> {
  let seenAt = input.seenAt;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const around = await readAround(context, input.record);
    const found = around.attachment;
    if (found !== undefined) {
      if (sameIds(decodeIds(found), input.record)) return { outcome: "kept" };
      // An earlier life of the same container id.
      const { header } = await release(context, input.record, { endedBy: "recover" });
      seenAt = header.revision;
      continue;
    }
    if (around.tombstone > seenAt) return { outcome: "ended" };
    if (around.network === undefined) {
      const { name } = input.record.network;
      return waits(`network ${name} does not exist: apply it`);
    }
    const way = await clearTheWay(context, input.record, around);
    if (way === "again") continue;
    if (way !== "clear") return way;
    const draft = { ...input, seenAt, around, network: around.network };
    const response = await context.store.txn(transactionOf(context, draft));
    if (response.succeeded) return { outcome: "recorded" };
  }
  return waits("others were faster all the time: run it again");
}

interface Around {
  readonly network: { readonly object: Network; readonly modRevision: number } | undefined;
  readonly attachment: KeyValue | undefined;
  /** Mod revision of the tombstone; 0: none. */
  readonly tombstone: number;
  readonly mac: KeyValue | undefined;
  readonly owner: { readonly record: OwnerRecord; readonly modRevision: number } | undefined;
  readonly addresses: readonly {
    readonly address: Address;
    readonly id: string;
    readonly kv: KeyValue | undefined;
    readonly record: AddressRecord | undefined;
    readonly history: KeyValue | undefined;
  }[];
  /** The MAC that the owner had, where it has another one by now. */
  readonly oldMac: KeyValue | undefined;
  /** What else the owner has, by address text. */
  readonly others: ReadonlyMap<string, KeyValue>;
}

async function readAround(context: IpamContext, record: AttachmentRecord): Promise<Around> {
  const { name } = record.network;
  const parsed = record.addresses.map(({ address, id }) => ({
    address: parseInterfaceAddress(address).address,
    id,
  }));
  const { owner } = record;
  const keys = [
    networkKey(name),
    attachmentKey(record),
    tombstoneKey(record),
    macKey(record.physicalNetwork, record.vlan, record.mac),
    ...parsed.flatMap(({ address, id }) => [addressKey(name, address), historyKey(address, id)]),
    ...owner === undefined ? [] : [ownerKey(name, owner)],
  ];
  const { results } = await context.store.txn({
    success: keys.map((key) => ({ range: { key } })),
  });
  const at = (index: number): KeyValue | undefined => keysOf(results[index])[0];
  const [network, ownerKv] = [at(0), owner === undefined ? undefined : at(keys.length - 1)];
  const ownerRecord = ownerKv === undefined ? undefined : decodeRecord(OwnerRecordSchema, ownerKv);
  const own = new Set(parsed.map(({ address }) => formatAddress(address)));
  return {
    network: network === undefined ? undefined : {
      object: decodeResource(network, "Network"),
      modRevision: network.modRevision,
    },
    attachment: at(1),
    tombstone: at(2)?.modRevision ?? 0,
    mac: at(3),
    owner: ownerRecord === undefined || ownerKv === undefined
      ? undefined
      : { record: ownerRecord, modRevision: ownerKv.modRevision },
    addresses: parsed.map((one, index) => {
      const kv = at(4 + 2 * index);
      return {
        ...one,
        kv,
        record: kv === undefined ? undefined : decodeRecord(AddressRecordSchema, kv),
        history: at(5 + 2 * index),
      };
    }),
    oldMac: await readOldMac(context, record, ownerRecord?.mac),
    others: await readOthers(context, { name, own, owner: ownerRecord }),
  };
}

async function readOldMac(
  context: IpamContext,
  { physicalNetwork, vlan, mac }: AttachmentRecord,
  old: string | undefined,
): Promise<KeyValue | undefined> {
  if (old === undefined || old === mac) return undefined;
  return (await context.store.range({ key: macKey(physicalNetwork, vlan, old) })).kvs[0];
}

async function readOthers(
  context: IpamContext,
  { name, own, owner }: {
    readonly name: string;
    readonly own: ReadonlySet<string>;
    readonly owner: OwnerRecord | undefined;
  },
): Promise<ReadonlyMap<string, KeyValue>> {
  const texts = (owner?.addresses ?? []).map(({ address }) => address).filter((t) => !own.has(t));
  if (texts.length === 0) return new Map();
  const { results } = await context.store.txn({
    success: texts.map((text): Operation => ({
      range: { key: addressKey(name, parseAddress(text)) },
    })),
  });
  return new Map(texts.flatMap((text, index) => {
    const kv = keysOf(results[index])[0];
    return kv === undefined ? [] : [[text, kv] as const];
  }));
}

function decodeIds(kv: KeyValue): readonly string[] {
  const { addresses }: { readonly addresses?: unknown } = Object(JSON.parse(kv.value));
  return Array.isArray(addresses)
    ? addresses.map((one: unknown) => String(Object(one)["id"])).sort()
    : [];
}

function sameIds(ids: readonly string[], record: AttachmentRecord): boolean {
  return ids.join() === record.addresses.map(({ id }) => id).sort().join();
}

/** Ends what stands in the way and cannot live; says so where it may live. */
async function clearTheWay(
  context: IpamContext,
  record: AttachmentRecord,
  around: Around,
): Promise<"clear" | "again" | Recorded> {
  const network = record.network.name;
  const { owner } = record;
  for (const { address, record: held } of around.addresses) {
    if (held === undefined || held.state === "reserved") continue;
    if (held.holder !== undefined && !sameAttachment(held.holder, record)) {
      return await endOther(context, held.holder, formatAddress(address));
    }
    const isOther = held.owner !== undefined &&
      (owner === undefined || !sameOwner(held.owner, owner));
    if (isOther && held.owner !== undefined && held.holder === undefined) {
      // It was given to somebody else before it was given to who runs.
      const addresses = [address];
      await unfixAddresses(context, { network, owner: held.owner, addresses, recovering: true });
      return "again";
    }
  }
  const holder = around.owner?.record.holder;
  if (holder !== undefined && !sameAttachment(holder, record)) {
    return await endOther(context, holder, "the owner's addresses");
  }
  if (around.mac !== undefined) {
    const mac = decodeRecord(MacRecordSchema, around.mac);
    const isOwn = owner === undefined
      ? mac.holder !== undefined && sameAttachment(mac.holder, record)
      : mac.owner !== undefined && sameOwner(mac.owner, owner);
    if (!isOwn && await exists(context, network, mac)) {
      const who = mac.holder === undefined ? "another owner" : formatHolder(mac.holder);
      return waits(`MAC address ${record.mac} is recorded for ${who}`);
    }
  }
  return "clear";
}

async function exists(context: IpamContext, network: string, mac: MacRecord): Promise<boolean> {
  const key = mac.holder !== undefined
    ? attachmentKey(mac.holder)
    : mac.owner === undefined
    ? undefined
    : ownerKey(network, mac.owner);
  if (key === undefined) return false;
  return (await context.store.range({ key, keysOnly: true })).kvs.length > 0;
}

/** A holder that the store has, and that is not the one that runs. */
async function endOther(
  context: IpamContext,
  holder: Holder,
  what: string,
): Promise<"again" | Recorded> {
  const ended = await whyEnded(context, holder);
  if (ended !== undefined) {
    await release(context, holder, { endedBy: "recover" });
    return "again";
  }
  const key = recoverNodeKey("answered", holder);
  const answered = (await context.store.range({ key, keysOnly: true })).kvs.length > 0;
  const who = formatHolder(holder);
  return answered
    ? waits(`${what} is used by ${who} too: end one of the two`)
    : waits(`${what} is recorded for ${who}, whose node has not answered`);
}

interface Draft extends RecordInput {
  readonly around: Around;
  readonly network: NonNullable<Around["network"]>;
}

function transactionOf(context: IpamContext, draft: Draft): {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
} {
  const { record, comparing, seenAt, around, network } = draft;
  const { name } = record.network;
  const mod = (key: string, revision: number): Compare => ({
    key,
    target: "mod",
    op: "=",
    revision,
  });
  const compare: Compare[] = [
    ifEra(comparing),
    mod(networkKey(name), network.modRevision),
    mod(attachmentKey(record), 0),
    tombstoneNotNewer(record, seenAt),
  ];
  const success: Operation[] = [{ delete: { key: recoverPendingKey(record) } }];
  const put = (key: string, value: unknown): void =>
    void success.push({ put: key, value: JSON.stringify(value) });
  const { cluster, node, containerId, ifname, pod, owner, mac, since } = record;
  const holder: Holder = {
    cluster,
    node,
    containerId,
    ifname,
    ...(pod === undefined ? {} : { pod }),
  };
  const ref = { name, uid: network.object.metadata.uid ?? "" };
  put(attachmentKey(record), { ...record, v: SCHEMA, network: ref });
  for (const [index, one] of around.addresses.entries()) {
    const { address, id, kv, record: held, history } = one;
    const key = addressKey(name, address);
    // As its ADD counted it; what a tenant has is counted again by its next ADDs.
    const uses = pod === undefined || cluster === LOCAL_CLUSTER || index > 0 ? [] : usesOf(name, {
      cluster,
      namespace: pod.namespace,
      labels: {},
      tenant: undefined,
    }, address);
    for (const use of uses) put(use, {});
    compare.push(mod(key, kv?.modRevision ?? 0));
    put(key, {
      v: SCHEMA,
      state: "used",
      id,
      ...(owner === undefined ? {} : { owner }),
      holder,
      mac,
      ...(uses.length === 0 ? {} : { uses: [...uses] }),
      since,
    });
    success.push({ delete: { key: singleKey(name, address) } });
    if (held?.state === "reserved") success.push({ delete: { key: reservedKey(name, address) } });
    const interval: HistoryRecord = {
      v: SCHEMA,
      id,
      address: formatAddress(address),
      network: ref,
      vlan: record.vlan,
      ...(owner === undefined ? {} : { owner }),
      holder,
      mac,
      start: since,
    };
    const known = history === undefined ? undefined : decodeRecord(HistoryRecordSchema, history);
    if (known === undefined || known.end !== undefined) put(historyKey(address, id), interval);
    put(historyByOwnerKey(historyIdentity(holder, owner), id), {
      v: SCHEMA,
      address: formatAddress(address),
      network: ref,
    });
  }
  const { physicalNetwork, vlan } = record;
  compare.push(mod(macKey(physicalNetwork, vlan, mac), around.mac?.modRevision ?? 0));
  const bearer = owner === undefined
    ? { holder: { cluster, node, containerId, ifname } }
    : { owner };
  put(macKey(physicalNetwork, vlan, mac), { v: SCHEMA, network: name, ...bearer });
  if (owner !== undefined) {
    const key = ownerKey(name, owner);
    compare.push(mod(key, around.owner?.modRevision ?? 0));
    const { oldMac } = around;
    const oldOwner = oldMac === undefined ? undefined : decodeRecord(MacRecordSchema, oldMac).owner;
    if (oldMac !== undefined && oldOwner !== undefined && sameOwner(oldOwner, owner)) {
      compare.push(mod(oldMac.key, oldMac.modRevision));
      success.push({ delete: { key: oldMac.key } });
    }
    const rest = othersOf(context, draft);
    compare.push(...rest.compare);
    success.push(...rest.success);
    put(key, {
      ...around.owner?.record,
      v: SCHEMA,
      owner,
      network: ref,
      addresses: [
        ...around.addresses.map(({ address }) => ({ address: formatAddress(address) })),
        ...rest.kept,
      ],
      mac,
      holder,
      since: around.owner?.record.since ?? since,
    });
  }
  return { compare, success };
}

/** Other addresses of the owner: of a family that runs they are free, of another they stay. */
function othersOf(
  context: IpamContext,
  { record, around, network }: Draft,
): {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly kept: readonly OwnedAddress[];
} {
  const { name } = record.network;
  const families = new Set(around.addresses.map(({ address }) => address.family));
  const compare: Compare[] = [];
  const success: Operation[] = [];
  const kept: OwnedAddress[] = [];
  for (const [text, kv] of around.others) {
    const address = parseAddress(text);
    const { owner: of, uses } = decodeRecord(AddressRecordSchema, kv);
    if (of === undefined || record.owner === undefined || !sameOwner(of, record.owner)) continue;
    if (families.has(address.family)) {
      const gone = letGo({
        network: {
          name,
          revision: network.modRevision,
          pools: networkPools(network.object.spec),
        },
        address,
        modRevision: kv.modRevision,
        releasedAt: context.now(),
        lease: undefined,
        uses,
      });
      compare.push(...gone.compare);
      success.push(...gone.success);
    } else {
      compare.push({ key: kv.key, target: "mod", op: "=", revision: kv.modRevision });
      success.push({ put: kv.key, value: kv.value });
      kept.push({ address: text, stage: "next" });
    }
  }
  return { compare, success, kept };
}
