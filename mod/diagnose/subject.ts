/**
 * Whom a diagnosis is about: the attachments that a name means, from the store, or from the ports of
 * this node where the store does not answer or has lost them.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { readPages } from "../etcd/pages.ts";
import { type KeyRange, type KeyValue, type Store, underPrefix } from "../etcd/store.ts";
import { type Address, formatAddress, parseAddress } from "../ip/address.ts";
import {
  addressKey,
  addressPrefix,
  attachmentKey,
  networkKey,
  nodeAttachmentPrefix,
  PREFIXES,
} from "../ipam/keys.ts";
import { listNames } from "../ipam/kinds.ts";
import { decodeRecord, decodeResource } from "../ipam/stored.ts";
import { formatOwner } from "../model/identity.ts";
import { type AddressRecord, AddressRecordSchema } from "../model/records.ts";
import { type AttachmentRecord, AttachmentRecordSchema } from "../model/records.ts";
import { recordInFacts } from "../node/port_facts.ts";
import type { RecordFacts, StoreFacts } from "./layers/record.ts";
import type { Scene } from "./scene.ts";
import { bare } from "./words.ts";

/** An attachment that was found. */
export interface Found {
  readonly record: AttachmentRecord;
  /** Undefined: only a port of this node tells of it. */
  readonly revision: number | undefined;
}

/** Those that a predicate takes: of this node, else wherever they are. */
export interface Search {
  readonly here: readonly Found[];
  /** Only looked for where there is none here. */
  readonly elsewhere: readonly Found[];
}

/** `NAMESPACE/NAME`, a name alone, or the beginning of a container id. */
export function matchesPod(name: string): (record: AttachmentRecord) => boolean {
  return ({ pod, containerId }) =>
    (pod !== undefined && (name === `${pod.namespace}/${pod.name}` || name === pod.name)) ||
    containerId === name || (name.length >= 6 && containerId.startsWith(name));
}

/** Has the address. */
export function matchesAddress(address: Address): (record: AttachmentRecord) => boolean {
  const text = formatAddress(address);
  return ({ addresses }) =>
    addresses.some((one) => formatAddress(parseAddress(bare(one.address))) === text);
}

/** Looks for attachments: on this node first, by its own range, then everywhere. */
export async function findAttachments(
  scene: Scene,
  wanted: (record: AttachmentRecord) => boolean,
): Promise<Search> {
  const here = (await attachmentsHere(scene)).filter(({ record }) => wanted(record));
  if (here.length > 0) return { here, elsewhere: [] };
  const asked = await scene.ask((store) => scan(store, underPrefix(PREFIXES.attachments), wanted));
  return { here, elsewhere: "value" in asked ? asked.value : [] };
}

/** All attachments of this node, also those of which only a port tells. */
export async function attachmentsHere(scene: Scene): Promise<readonly Found[]> {
  const { cluster, node } = scene.config;
  const prefix = nodeAttachmentPrefix(cluster, node);
  const asked = await scene.ask((store) => scan(store, underPrefix(prefix), () => true));
  const stored = "value" in asked ? asked.value : [];
  const keys = new Set(stored.map(({ record }) => attachmentKey(record)));
  const plugged = (await pluggedHere(scene)).filter((record) => !keys.has(attachmentKey(record)));
  return [...stored, ...plugged.map((record) => ({ record, revision: undefined }))];
}

/** What this node's ports say; none where ovsdb-server does not answer. */
async function pluggedHere(scene: Scene): Promise<readonly AttachmentRecord[]> {
  const { cluster, node } = scene.config;
  const seen = await scene.switch().catch(() => undefined);
  return (seen?.ports ?? []).flatMap(({ facts }) => recordInFacts(facts) ?? [])
    .filter((record) => record.cluster === cluster && record.node === node);
}

async function scan(
  store: Store,
  range: Required<KeyRange>,
  wanted: (record: AttachmentRecord) => boolean,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  for await (const page of readPages(store, range)) {
    for (const kv of page) {
      const record = tryDecode(kv);
      if (record !== undefined && wanted(record)) found.push({ record, revision: kv.modRevision });
    }
  }
  return found;
}

/** A record that cannot be read is told of by check. */
function tryDecode(kv: KeyValue): AttachmentRecord | undefined {
  try {
    return decodeRecord(AttachmentRecordSchema, kv, { anySchema: true });
  } catch {
    return undefined;
  }
}

/** What the store says about an attachment that was found, for layer `record`. */
export async function recordFacts(scene: Scene, { record, revision }: Found): Promise<RecordFacts> {
  const key = attachmentKey(record);
  const { name } = record.network;
  const keys = record.addresses.map(({ address }) => ({
    key: addressKey(name, parseAddress(bare(address))),
    address: bare(address),
  }));
  const asked = await scene.ask(async (store): Promise<StoreFacts> => {
    const wanted = [networkKey(name), ...keys.map((one) => one.key)];
    const read = await store.txn({ success: wanted.map((one) => ({ range: { key: one } })) });
    const [network, ...addresses] = read.results.map((result) =>
      result.kind === "range" ? result.response.kvs[0] : undefined
    );
    return {
      revision,
      network: network === undefined ? undefined : decodeResource(network, "Network"),
      addresses: keys.map((one, i) => {
        const kv = addresses[i];
        const found = kv === undefined ? undefined : decodeRecord(AddressRecordSchema, kv);
        return { ...one, record: found };
      }),
    };
  });
  return "value" in asked
    ? { record, key, store: asked.value }
    : { record, key, store: undefined, silent: asked.silent };
}

/** Members of a network on other nodes, one of each node, to ask whether the VLAN passes. */
export async function membersElsewhere(
  scene: Scene,
  { record, family, limit }: {
    readonly record: AttachmentRecord;
    readonly family: 4 | 6;
    readonly limit: number;
  },
): Promise<readonly { readonly address: string; readonly who: string }[]> {
  const { cluster, node } = scene.config;
  const prefix = addressPrefix(record.network.name, family);
  const asked = await scene.ask((store) => store.range({ ...underPrefix(prefix), limit: 256 }));
  if (!("value" in asked)) return [];
  const nodes = new Map<string, { readonly address: string; readonly who: string }>();
  for (const kv of asked.value.kvs) {
    const { holder } = tryAddress(kv) ?? {};
    if (holder === undefined || (holder.cluster === cluster && holder.node === node)) continue;
    const address = formatAddress({ family, value: BigInt(`0x${kv.key.slice(prefix.length)}`) });
    const who = holder.pod === undefined
      ? `a container on node ${holder.node}`
      : `pod ${holder.pod.namespace}/${holder.pod.name} on node ${holder.node}`;
    const name = `${holder.cluster}/${holder.node}`;
    if (!nodes.has(name)) nodes.set(name, { address, who });
    if (nodes.size === limit) break;
  }
  return [...nodes.values()];
}

function tryAddress(kv: KeyValue): AddressRecord | undefined {
  try {
    return decodeRecord(AddressRecordSchema, kv);
  } catch {
    return undefined;
  }
}

/** Why nobody here or elsewhere has the address: it is free, reserved, or kept for an owner. */
export async function absentAddress(scene: Scene, address: Address): Promise<FabricError> {
  const text = formatAddress(address);
  const asked = await scene.ask(async (store) => {
    const networks = await listNames(store, "Network");
    const said: string[] = [];
    for (let at = 0; at < networks.length; at += 100) {
      const part = networks.slice(at, at + 100);
      const success = part.map((name) => ({ range: { key: addressKey(name, address) } }));
      const { results } = await store.txn({ success });
      results.forEach((result, i) => {
        const kv = result.kind === "range" ? result.response.kvs[0] : undefined;
        const record = kv === undefined ? undefined : tryAddress(kv);
        if (record !== undefined) said.push(addressText(record, part[i] ?? ""));
      });
    }
    return said;
  });
  const said = "value" in asked ? asked.value : [`etcd does not answer (${asked.silent})`];
  const why = said.length === 0 ? "no network has a record of it, so it is free" : said.join("; ");
  return new FabricError("not-found", `Nobody uses ${text} now: ${why}`, {
    field: "NAME",
    value: text,
    remedy: `who had it: fabric-admin history ${text}`,
  });
}

function addressText({ state, owner, reason }: AddressRecord, network: string): string {
  const where = `in network ${network}`;
  if (state === "reserved") return `it is reserved ${where} (${reason ?? "no reason given"})`;
  if (owner !== undefined) return `it is kept ${where} for ${formatOwner(owner)}`;
  return `its record ${where} names nobody who is attached; run fabric-admin check`;
}
