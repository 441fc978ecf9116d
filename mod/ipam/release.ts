/**
 * DEL's half of IPAM. A release ends the attachment that it names and nothing else: every address
 * is released only under the allocation id that the attachment recorded, so the late DEL of a
 * superseded holder finds nothing to take.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Compare, Header, KeyValue, Operation, Store } from "../etcd/store.ts";
import { underPrefix } from "../etcd/store.ts";
import { type Address, parseAddress } from "../ip/address.ts";
import { parseInterfaceAddress } from "../ip/prefix.ts";
import { type AttachmentRef, type OwnerRef, sameAttachment, sameOwner } from "../model/identity.ts";
import { coolingSeconds, DEFAULT_COOLING_SECONDS, type Network } from "../model/network.ts";
import {
  type AddressRecord,
  AddressRecordSchema,
  type AttachmentRecord,
  AttachmentRecordSchema,
  HistoryRecordSchema,
  MacRecordSchema,
  type OwnerRecord,
  OwnerRecordSchema,
} from "../model/records.ts";
import { keysOf } from "./allocate_state.ts";
import { type IpamContext, timestamp } from "./context.ts";
import {
  addressKey,
  attachmentKey,
  historyKey,
  macKey,
  networkKey,
  nodeAttachmentPrefix,
  ownerKey,
  tombstoneKey,
} from "./keys.ts";
import { TOMBSTONE_SECONDS, withLeases } from "./lease.ts";
import { findOwned, keptAddresses, letGo } from "./owned.ts";
import { networkPools } from "./pool.ts";
import { type DecodeOptions, decodeRecord, decodeResource, encodeRecord } from "./stored.ts";

export interface ReleaseOptions {
  /** For the history: what ended the attachment. */
  readonly endedBy: "del" | "gc" | "undo" | "admin" | "repair" | "recover" | "boot";
  /** False for an ADD that was undone before its port existed: nobody ever saw the address. */
  readonly cool?: boolean;
  /** What {@linkcode prepareRelease} read meanwhile; should it have changed, all is read again. */
  readonly prepared?: Promise<Prepared>;
}

/** What a release reads before it commits. */
export interface Prepared {
  /** Undefined: there is no such attachment. */
  readonly found: (FoundAttachment & { readonly around: Surroundings }) | undefined;
}

export interface Released {
  readonly existed: boolean;
  readonly record: AttachmentRecord | undefined;
  readonly header: Header;
}

const MAX_ATTEMPTS = 16;

/** DEL and GC never refuse on schema (rule 12). */
const ANY: DecodeOptions = { anySchema: true };

/**
 * Ends the attachment: an ephemeral address becomes free after its cooling time, an owner's stays
 * the owner's. The tombstone is written in any case, so that an ADD still under way cannot commit.
 * What is missing is no error.
 *
 * @throws {FabricError} `unavailable`, `unknown-outcome`: the caller spools and says it again.
 */
export async function release(
  context: IpamContext,
  ref: AttachmentRef,
  options: ReleaseOptions,
): Promise<Released> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const ahead = attempt === 0 ? options.prepared : undefined;
    const { found } = await (ahead ?? prepareRelease(context, ref));
    const done = found === undefined
      ? await buryOnly(context, ref)
      : await endAttachment(context, { ref, found, around: found.around, options });
    if (done !== undefined) return done;
  }
  throw new FabricError(
    "try-again",
    `Lost ${MAX_ATTEMPTS} races releasing container ${ref.containerId}`,
    { remedy: "the runtime calls DEL again" },
  );
}

/** The reading half of {@linkcode release}, for those who have other work to do meanwhile. */
export async function prepareRelease(context: IpamContext, ref: AttachmentRef): Promise<Prepared> {
  const found = await readAttachment(context.store, ref);
  if (found === undefined) return { found };
  return { found: { ...found, around: await readSurroundings(context.store, found.record) } };
}

/** An attachment's record with the revision that a commit compares. */
export interface FoundAttachment {
  readonly record: AttachmentRecord;
  readonly modRevision: number;
}

export async function readAttachment(
  store: Store,
  ref: AttachmentRef,
): Promise<FoundAttachment | undefined> {
  const { kvs } = await store.range({ key: attachmentKey(ref) });
  const kv = kvs[0];
  if (kv === undefined) return undefined;
  return { record: decodeRecord(AttachmentRecordSchema, kv, ANY), modRevision: kv.modRevision };
}

/** All attachments recorded for the node, a page at a time. */
export async function* listNodeAttachments(
  store: Store,
  cluster: string,
  node: string,
): AsyncGenerator<AttachmentRecord> {
  const range = underPrefix(nodeAttachmentPrefix(cluster, node));
  let key = range.key;
  while (true) {
    const page = await store.range({ key, end: range.end, limit: 256 });
    for (const kv of page.kvs) yield decodeRecord(AttachmentRecordSchema, kv, ANY);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    key = `${last.key}\0`;
  }
}

/** No attachment: the tombstone alone. Undefined when one appeared meanwhile. */
async function buryOnly(context: IpamContext, ref: AttachmentRef): Promise<Released | undefined> {
  const key = attachmentKey(ref);
  const response = await withLeases(context, [TOMBSTONE_SECONDS], ([lease]) =>
    context.store.txn({
      compare: [{ key, target: "create", op: "=", revision: 0 }],
      success: [bury(context, ref, lease)],
    }));
  if (!response.succeeded) return undefined;
  return { existed: false, record: undefined, header: response.header };
}

function bury(context: IpamContext, ref: AttachmentRef, lease: string | undefined): Operation {
  return {
    put: tombstoneKey(ref),
    value: encodeRecord({ at: timestamp(context) }),
    ...(lease === undefined ? {} : { lease }),
  };
}

interface EndInput {
  readonly ref: AttachmentRef;
  readonly found: FoundAttachment;
  readonly around: Surroundings;
  readonly options: ReleaseOptions;
}

/** What the second read of a release found. */
interface Surroundings {
  readonly network: Network | undefined;
  readonly networkRevision: number;
  readonly owner: { readonly record: OwnerRecord; readonly modRevision: number } | undefined;
  readonly mac: KeyValue | undefined;
  readonly addresses: readonly {
    readonly address: Address;
    readonly id: string;
    readonly kv: KeyValue | undefined;
    readonly history: KeyValue | undefined;
  }[];
  /** Addresses of the owner that the attachment does not have: they wait for the next ADD. */
  readonly next: readonly KeyValue[];
}

async function readSurroundings(store: Store, record: AttachmentRecord): Promise<Surroundings> {
  const name = record.network.name;
  const parsed = record.addresses.map(({ address, id }) => ({
    address: parseInterfaceAddress(address).address,
    id,
  }));
  const keys = [
    networkKey(name),
    record.owner === undefined ? networkKey(name) : ownerKey(name, record.owner),
    macKey(record.physicalNetwork, record.vlan, record.mac),
    ...parsed.flatMap(({ address, id }) => [addressKey(name, address), historyKey(address, id)]),
  ];
  const response = await store.txn({ success: keys.map((key) => ({ range: { key } })) });
  const kv = (index: number): KeyValue | undefined => keysOf(response.results[index])[0];
  const network = kv(0);
  const found = record.owner === undefined ? undefined : kv(1);
  const owner = found === undefined ? undefined : {
    record: decodeRecord(OwnerRecordSchema, found, ANY),
    modRevision: found.modRevision,
  };
  return {
    network: network === undefined ? undefined : decodeResource(network, "Network", ANY),
    networkRevision: network?.modRevision ?? 0,
    owner,
    next: owner === undefined ? [] : await readNext(store, name, owner.record),
    mac: kv(2),
    addresses: parsed.map((entry, index) => ({
      ...entry,
      kv: kv(3 + 2 * index),
      history: kv(4 + 2 * index),
    })),
  };
}

async function readNext(
  store: Store,
  network: string,
  owner: OwnerRecord,
): Promise<readonly KeyValue[]> {
  const next = owner.addresses.filter(({ stage }) => stage === "next");
  if (next.length === 0) return [];
  const { results } = await store.txn({
    success: next.map(({ address }): Operation => ({
      range: { key: addressKey(network, parseAddress(address)) },
    })),
  });
  return results.flatMap(keysOf);
}

/** Undefined when something changed between reading and committing. */
async function endAttachment(context: IpamContext, input: EndInput): Promise<Released | undefined> {
  const { ref, found, around, options } = input;
  const sameNetwork = around.network?.metadata.uid === found.record.network.uid;
  const rest = around.network !== undefined && sameNetwork
    ? coolingSeconds(around.network.spec)
    : DEFAULT_COOLING_SECONDS;
  const cooling = options.cool === false ? 0 : rest;
  const seconds = cooling > 0 ? [TOMBSTONE_SECONDS, cooling] : [TOMBSTONE_SECONDS];
  const response = await withLeases(context, seconds, ([tombstone, cool]) => {
    const { compare, success } = endTransaction(context, { ...input, cool });
    return context.store.txn({ compare, success: [...success, bury(context, ref, tombstone)] });
  });
  if (!response.succeeded) return undefined;
  return { existed: true, record: found.record, header: response.header };
}

function endTransaction(
  context: IpamContext,
  input: EndInput & { readonly cool: string | undefined },
): { readonly compare: readonly Compare[]; readonly success: readonly Operation[] } {
  const { ref, found, around, options, cool } = input;
  const { record } = found;
  const name = record.network.name;
  const compare: Compare[] = [
    { key: attachmentKey(ref), target: "mod", op: "=", revision: found.modRevision },
  ];
  const success: Operation[] = [{ delete: { key: attachmentKey(ref) } }];
  const pools = around.network === undefined ? [] : networkPools(around.network.spec);
  for (const { address, id, kv, history } of around.addresses) {
    if (history !== undefined) success.push(endHistory(context, history, options.endedBy));
    const current = kv === undefined ? undefined : decodeRecord(AddressRecordSchema, kv, ANY);
    // Another allocation has it by now, or nobody: not ours to release.
    if (kv === undefined || current === undefined || current.id !== id) continue;
    compare.push({ key: kv.key, target: "mod", op: "=", revision: kv.modRevision });
    const owner = current.owner === undefined ? undefined : around.owner?.record;
    if (owner !== undefined && findOwned(owner, address)?.stage !== "leaving") {
      success.push({ put: kv.key, value: JSON.stringify(withoutHolder(current)) });
      continue;
    }
    const gone = letGo({
      network: { name, revision: around.networkRevision, pools },
      address,
      modRevision: kv.modRevision,
      releasedAt: options.cool === false ? undefined : context.now(),
      lease: cool,
      uses: current.uses,
    });
    compare.push(...gone.compare);
    success.push(...gone.success);
  }
  let macEnds = around.mac !== undefined && isMacOf(around.mac, ref);
  if (around.owner !== undefined && isHeldBy(around.owner.record, ref)) {
    const { holder: _, ...rest } = around.owner.record;
    const addresses = keptAddresses(rest);
    const key = ownerKey(name, rest.owner);
    compare.push({ key, target: "mod", op: "=", revision: around.owner.modRevision });
    success.push(
      addresses.length === 0
        ? { delete: { key } }
        : { put: key, value: JSON.stringify({ ...rest, addresses }) },
    );
    // Owner and addresses have one revision, so what waits for the next ADD is written along.
    for (const next of around.next) {
      compare.push({ key: next.key, target: "mod", op: "=", revision: next.modRevision });
      success.push({ put: next.key, value: next.value });
    }
    if (addresses.length === 0) macEnds ||= isMacOfOwner(around.mac, rest.owner);
  }
  const { mac } = around;
  if (mac !== undefined && macEnds) {
    compare.push({ key: mac.key, target: "mod", op: "=", revision: mac.modRevision });
    success.push({ delete: { key: mac.key } });
  }
  return { compare, success };
}

function withoutHolder(record: AddressRecord): AddressRecord {
  const { holder: _, ...rest } = record;
  return { ...rest, state: "owned" };
}

function isHeldBy(owner: OwnerRecord, ref: AttachmentRef): boolean {
  return owner.holder !== undefined && sameAttachment(owner.holder, ref);
}

function isMacOf(kv: KeyValue, ref: AttachmentRef): boolean {
  const { holder } = decodeRecord(MacRecordSchema, kv, ANY);
  return holder !== undefined && sameAttachment(holder, ref);
}

function isMacOfOwner(kv: KeyValue | undefined, owner: OwnerRef): boolean {
  if (kv === undefined) return false;
  const { owner: of } = decodeRecord(MacRecordSchema, kv, ANY);
  return of !== undefined && sameOwner(of, owner);
}

function endHistory(context: IpamContext, kv: KeyValue, endedBy: string): Operation {
  const record = decodeRecord(HistoryRecordSchema, kv, ANY);
  if (record.end !== undefined) return { put: kv.key, value: kv.value };
  return { put: kv.key, value: JSON.stringify({ ...record, end: timestamp(context), endedBy }) };
}
