/**
 * The one transaction of an ADD, in its three shapes:
 *
 * - ephemeral: every address absent, not cooling, its free entry unchanged;
 * - an owner's first: the same, and the owner absent;
 * - an owner's next: the owner at the revision read, and its addresses at that same revision
 *   (every transaction that changes an owned address rewrites its owner with it); cooling keys do
 *   not stop an owner from its own address.
 *
 * All compare the era, the revisions of network, zone and node, that the attachment is absent and that
 * no tombstone is newer than the ADD's first read.
 *
 * @module
 */

import type { Compare, Header, Operation, OperationResult } from "../etcd/store.ts";
import { type Address, compareAddresses, formatAddress } from "../ip/address.ts";
import { macOfAddress, parseMac } from "../ip/mac.ts";
import { formatInterfaceAddress } from "../ip/prefix.ts";
import type { AttachmentRef, Holder } from "../model/identity.ts";
import type { Network, Node } from "../model/network.ts";
import { API_VERSION } from "../model/resource.ts";
import type {
  AddressRecord,
  AttachmentRecord,
  HistoryRecord,
  MacRecord,
  OwnerRecord,
} from "../model/records.ts";
import {
  type AddState,
  keysOf,
  stateOfFailure,
  stateOperations,
  type StateRequest,
} from "./allocate_state.ts";
import type { AllocateRequest } from "./allocation.ts";
import { avoidKey, type Candidate } from "./candidate.ts";
import { type IpamContext, timestamp } from "./context.ts";
import { entryUnchanged, singleKey, takeFrom } from "./free.ts";
import type { OldHolder } from "./holder.ts";
import { historyIdentity } from "./history_identity.ts";
import {
  addressKey,
  attachmentKey,
  coolingKey,
  historyByOwnerKey,
  historyKey,
  macKey,
  META_ERA,
  networkKey,
  nodeKey,
  ownerKey,
  parseAddressKey,
  tombstoneKey,
  zoneKey,
} from "./keys.ts";
import { poolOf, type SubnetPool } from "./pool.ts";
import { usesOf } from "./quota.ts";
import { encodeResource, SCHEMA } from "./stored.ts";

/** Everything that one commit is made of. */
export interface Draft {
  readonly request: AllocateRequest;
  readonly network: Network;
  readonly pools: readonly SubnetPool[];
  readonly state: AddState;
  /** Revision of the ADD's first read: no tombstone may be newer. */
  readonly firstRevision: number;
  readonly candidates: readonly Candidate[];
  /** Those of the candidates that belong to the owner already. */
  readonly owned: readonly Address[];
  /** Allocation ids, one per candidate. */
  readonly ids: readonly string[];
  readonly macAttempt: number;
  /** The owner's former holder, proven dead, whose records go with this commit. */
  readonly oldHolder: OldHolder | undefined;
  /** That the user's quotas still leave room. */
  readonly quota: readonly Compare[];
}

export type CommitOutcome =
  | { readonly kind: "committed"; readonly header: Header; readonly record: AttachmentRecord }
  | {
    readonly kind: "lost";
    readonly state: AddState;
    /** Addresses that turned out to be taken or cooling. */
    readonly avoid: readonly string[];
    /** Who has the MAC, as text. */
    readonly macTaken: string | undefined;
  };

/** Keys after a candidate that are read when it turns out to be taken. */
const LOOK_AHEAD = 256n;

/** Holds while no DEL came after the revision. */
export function tombstoneNotNewer(ref: AttachmentRef, revision: number): Compare {
  return { key: tombstoneKey(ref), target: "mod", op: "<", revision: revision + 1 };
}

function isOwned(draft: Draft, address: Address): boolean {
  return draft.owned.some((owned) => compareAddresses(owned, address) === 0);
}

/** The MAC of the interface: asked for, the owner's, or that of its first address. */
function macOf(draft: Draft): string {
  const { request, state, candidates, macAttempt } = draft;
  if (request.mac !== undefined) return parseMac(request.mac);
  if (state.owner.value?.mac !== undefined) return state.owner.value.mac;
  const first = candidates[0];
  return macOfAddress(first?.address ?? { family: 4, value: 0n }, macAttempt);
}

function ownsMac(draft: Draft, mac: string): boolean {
  return draft.state.owner.value?.mac === mac;
}

/** Commits the draft. Losing a race is an outcome, with what is needed to try again. */
export async function commitAdd(
  context: IpamContext,
  input: { readonly draft: Draft; readonly stateRequest: StateRequest },
): Promise<CommitOutcome> {
  const { draft, stateRequest } = input;
  const mac = macOf(draft);
  const records = recordsOf(context, draft, mac);
  const state = stateOperations(stateRequest, context.random);
  const key = macKeyOf(draft, mac);
  const response = await context.store.txn({
    compare: comparesOf(draft, mac),
    success: [...records.operations],
    failure: [...state, { range: { key } }, ...draft.candidates.flatMap(readAround(draft))],
  });
  if (response.succeeded) {
    return { kind: "committed", header: response.header, record: records.attachment };
  }
  const extra = response.results.slice(state.length);
  const macHolder = ownsMac(draft, mac) ? undefined : keysOf(extra[0])[0]?.value;
  return {
    kind: "lost",
    state: stateOfFailure(stateRequest, {
      ...response,
      results: response.results.slice(0, state.length),
    }),
    avoid: takenKeys(extra.slice(1)),
    macTaken: macHolder,
  };
}

/** After a lost race: which addresses from the candidate on are taken, and is it cooling. */
function readAround(draft: Draft): (candidate: Candidate) => readonly Operation[] {
  const name = draft.network.metadata.name;
  return ({ address, entry }) => {
    const end = entry === undefined ? address.value : entry.end.value;
    const last = end < address.value + LOOK_AHEAD ? end : address.value + LOOK_AHEAD - 1n;
    const after = { family: address.family, value: last };
    return [
      {
        range: {
          key: addressKey(name, address),
          end: `${addressKey(name, after)}0`,
          keysOnly: true,
        },
      },
      { range: { key: coolingKey(name, address), keysOnly: true } },
    ];
  };
}

function takenKeys(results: readonly OperationResult[]): readonly string[] {
  return results.flatMap(keysOf).map((kv) => avoidKey(parseAddressKey(kv.key).address));
}

function macKeyOf(draft: Draft, mac: string): string {
  const { physicalNetwork, vlan } = draft.network.spec;
  return macKey(physicalNetwork, vlan, mac);
}

function comparesOf(draft: Draft, mac: string): readonly Compare[] {
  const { request, network, state, candidates } = draft;
  const name = network.metadata.name;
  const mod = (key: string, revision: number): Compare => ({
    key,
    target: "mod",
    op: "=",
    revision,
  });
  const absent = (key: string): Compare => ({ key, target: "create", op: "=", revision: 0 });
  const compares: Compare[] = [
    mod(META_ERA, state.eraRevision),
    mod(networkKey(name), state.network.modRevision),
    mod(zoneKey(request.zone), state.zone.modRevision),
    // Nobody fenced the node meanwhile, nor gave its name to another machine.
    mod(nodeKey(request.attachment.cluster, request.attachment.node), state.node.modRevision),
    absent(attachmentKey(request.attachment)),
    tombstoneNotNewer(request.attachment, draft.firstRevision),
  ];
  if (request.owner !== undefined) {
    compares.push(mod(ownerKey(name, request.owner), state.owner.modRevision));
  }
  for (const { address, entry } of candidates) {
    const key = addressKey(name, address);
    if (isOwned(draft, address)) {
      compares.push(mod(key, state.owner.modRevision));
    } else {
      compares.push(absent(key), absent(coolingKey(name, address)));
      if (entry !== undefined) compares.push(entryUnchanged(entry));
    }
  }
  if (!ownsMac(draft, mac)) compares.push(absent(macKeyOf(draft, mac)));
  return [...compares, ...draft.quota, ...(draft.oldHolder?.compares ?? [])];
}

interface Records {
  readonly operations: readonly Operation[];
  readonly attachment: AttachmentRecord;
}

function recordsOf(context: IpamContext, draft: Draft, mac: string): Records {
  const { request, network, candidates, pools } = draft;
  const name = network.metadata.name;
  const since = timestamp(context);
  const ref = { name, uid: network.metadata.uid ?? "" };
  const holder: Holder = {
    ...request.attachment,
    ...(request.pod === undefined ? {} : { pod: request.pod }),
  };
  const owner = request.owner;
  const operations: Operation[] = [...(draft.oldHolder?.operations ?? [])];
  const put = (key: string, value: unknown): void => {
    operations.push({ put: key, value: JSON.stringify(value) });
  };
  const addresses = candidates.map(({ address, entry }, index) => {
    const id = draft.ids[index] ?? "";
    const pool = poolOf(name, pools, address);
    // An interface counts once, by its first address.
    const uses = request.user === undefined || index > 0 ? [] : usesOf(name, request.user, address);
    for (const key of uses) put(key, {});
    const record: AddressRecord = {
      v: SCHEMA,
      state: "used",
      id,
      owner,
      holder,
      mac,
      ...(uses.length === 0 ? {} : { uses: [...uses] }),
      since,
    };
    const history: HistoryRecord = {
      v: SCHEMA,
      id,
      address: formatAddress(address),
      network: ref,
      vlan: network.spec.vlan,
      owner,
      holder,
      mac,
      start: since,
    };
    put(addressKey(name, address), record);
    put(historyKey(address, id), history);
    put(historyByOwnerKey(historyIdentity(holder, owner), id), {
      v: SCHEMA,
      address: formatAddress(address),
      network: ref,
    });
    if (entry !== undefined) operations.push(takeFrom(entry, address));
    // An address that was asked for and released is offered by a key of its own, beside an interval.
    const single = singleKey(name, address);
    if (!isOwned(draft, address) && entry?.key !== single) {
      operations.push({ delete: { key: single } });
    }
    return {
      address: formatInterfaceAddress({ address, length: pool.prefix.length }),
      id,
      ...(pool.gateway === undefined ? {} : { gateway: formatAddress(pool.gateway) }),
    };
  });
  const attachment: AttachmentRecord = {
    v: SCHEMA,
    ...holder,
    confName: request.confName,
    netns: request.netns,
    machineId: request.machineId,
    bootId: request.bootId,
    network: ref,
    physicalNetwork: network.spec.physicalNetwork,
    vlan: network.spec.vlan,
    mac,
    ...(owner === undefined ? {} : { owner }),
    addresses,
    ...(request.bandwidth === undefined ? {} : { bandwidth: request.bandwidth }),
    since,
  };
  put(attachmentKey(request.attachment), attachment);
  if (!ownsMac(draft, mac)) {
    const record: MacRecord = {
      v: SCHEMA,
      network: name,
      ...(owner === undefined ? { holder: request.attachment } : { owner }),
    };
    put(macKeyOf(draft, mac), record);
  }
  if (owner !== undefined) {
    const record: OwnerRecord = {
      ...draft.state.owner.value,
      v: SCHEMA,
      owner,
      network: ref,
      addresses: candidates.map(({ address }) => ({ address: formatAddress(address) })),
      mac,
      holder,
      ...(request.tenant === undefined ? {} : { tenant: request.tenant }),
      ...(request.pod === undefined ? {} : { last: request.pod }),
      ...(request.reclaim === undefined ? {} : { reclaim: request.reclaim }),
      since: draft.state.owner.value?.since ?? since,
    };
    put(ownerKey(name, owner), record);
  }
  const node = nodeUpdate(draft);
  if (node !== undefined) {
    const { cluster, node: nodeName } = request.attachment;
    const value = encodeResource(completeNode(node, since, context));
    operations.push({ put: nodeKey(cluster, nodeName), value });
  }
  return { operations, attachment };
}

/** The node's record where it is new, or what it says of the host is no longer so. */
function nodeUpdate(draft: Draft): Node | undefined {
  const { request, state } = draft;
  const now = state.node.value;
  const status = {
    ...now?.status,
    machineId: request.machineId,
    bootId: request.bootId,
    ...(request.fabricVersion === undefined ? {} : { version: request.fabricVersion }),
    schema: SCHEMA,
  };
  const same = now !== undefined && now.spec.zone === request.zone &&
    now.status?.machineId === status.machineId && now.status?.bootId === status.bootId &&
    now.status?.version === status.version && now.status?.schema === status.schema;
  if (same) return undefined;
  const { cluster, node } = request.attachment;
  return {
    apiVersion: API_VERSION,
    kind: "Node",
    metadata: now?.metadata ?? { name: node },
    spec: { ...now?.spec, cluster, zone: request.zone },
    status,
  };
}

function completeNode(node: Node, since: string, context: IpamContext): Node {
  const { metadata } = node;
  return {
    ...node,
    metadata: {
      ...metadata,
      uid: metadata.uid ?? context.newId(),
      creationTimestamp: metadata.creationTimestamp ?? since,
    },
  };
}
