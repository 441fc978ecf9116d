/**
 * What an ADD reads before it commits, in one round trip: first alone, later as the failure branch
 * of a commit that lost a race.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type {
  Header,
  KeyValue,
  Operation,
  OperationResult,
  Store,
  TxnResponse,
} from "../etcd/store.ts";
import type { Family } from "../ip/address.ts";
import type { Network, Node, Zone } from "../model/network.ts";
import {
  type AttachmentRecord,
  AttachmentRecordSchema,
  type OwnerRecord,
  OwnerRecordSchema,
} from "../model/records.ts";
import type { AttachmentRef, OwnerRef } from "../model/identity.ts";
import { type FreeEntry, freeWindow, parseFreeEntry, sideWindow } from "./free.ts";
import {
  attachmentKey,
  META_ERA,
  META_SCHEMA,
  networkKey,
  nodeKey,
  ownerKey,
  tombstoneKey,
  zoneKey,
} from "./keys.ts";
import { checkRecovered, checkStoreSchema } from "./meta.ts";
import { decodeRecord, decodeResource } from "./stored.ts";

/** A record with the revision that a commit compares. Absent: revision and version 0. */
export interface Seen<T> {
  readonly value: T | undefined;
  readonly modRevision: number;
  /** How often it was written since it came to be. */
  readonly version: number;
}

export interface AddState {
  readonly header: Header;
  readonly eraRevision: number;
  readonly network: Seen<Network>;
  readonly zone: Seen<Zone>;
  readonly node: Seen<Node>;
  readonly attachment: Seen<AttachmentRecord>;
  readonly owner: Seen<OwnerRecord>;
  readonly tombstoneRevision: number;
  readonly free: Readonly<Record<Family, readonly FreeEntry[]>>;
}

export interface StateRequest {
  readonly network: string;
  readonly zone: string;
  readonly attachment: AttachmentRef;
  readonly owner: OwnerRef | undefined;
}

function commonOperations(request: StateRequest): readonly Operation[] {
  const keys = [
    META_ERA,
    META_SCHEMA,
    networkKey(request.network),
    zoneKey(request.zone),
    nodeKey(request.attachment.cluster, request.attachment.node),
    attachmentKey(request.attachment),
    tombstoneKey(request.attachment),
    ...(request.owner === undefined ? [] : [ownerKey(request.network, request.owner)]),
  ];
  return keys.map((key) => ({ range: { key } }));
}

/** The whole read, as the failure branch of a commit: it went through consensus anyway. */
export function stateOperations(
  request: StateRequest,
  random: () => number,
): readonly Operation[] {
  const window = freeWindow(request.network, 4, random());
  return [
    ...commonOperations(request),
    { txn: { compare: window.compare, success: window.narrow, failure: window.wide } },
    sideWindow(request.network, 6, random()),
  ];
}

/** The first read of an ADD: one transaction that only reads, so etcd writes nothing. */
export async function readState(
  store: Store,
  request: StateRequest,
  random: () => number,
): Promise<AddState> {
  const common = commonOperations(request);
  const window = freeWindow(request.network, 4, random());
  const side = sideWindow(request.network, 6, random());
  const response = await store.txn({
    compare: window.compare,
    success: [...common, ...window.narrow, side],
    failure: [...common, ...window.wide, side],
  });
  return parseState(request, response.header, response.results);
}

/** The state in the failure branch of a commit; `results` begin with {@linkcode stateOperations}. */
export function stateOfFailure(request: StateRequest, response: TxnResponse): AddState {
  return parseState(request, response.header, response.results);
}

/** Keys that a result of a read returned. */
export function keysOf(result: OperationResult | undefined): readonly KeyValue[] {
  if (result?.kind === "range") return result.response.kvs;
  if (result?.kind === "txn") return result.response.results.flatMap(keysOf);
  return [];
}

function parseState(
  request: StateRequest,
  header: Header,
  results: readonly OperationResult[],
): AddState {
  const common = request.owner === undefined ? 7 : 8;
  const one = (index: number): KeyValue | undefined => keysOf(results[index])[0];
  const seen = <T>(kv: KeyValue | undefined, decode: (kv: KeyValue) => T): Seen<T> =>
    kv === undefined
      ? { value: undefined, modRevision: 0, version: 0 }
      : { value: decode(kv), modRevision: kv.modRevision, version: kv.version };
  const schema = one(1);
  if (schema !== undefined) checkStoreSchema(schema);
  const era = one(0);
  if (era !== undefined) checkRecovered(era);
  const entries = results.slice(common).flatMap(keysOf).flatMap((kv) => {
    const entry = parseFreeEntry(kv);
    return entry === undefined ? [] : [entry];
  });
  return {
    header,
    eraRevision: era?.modRevision ?? 0,
    network: seen(one(2), (kv) => decodeResource(kv, "Network")),
    zone: seen(one(3), (kv) => decodeResource(kv, "Zone")),
    node: seen(one(4), (kv) => decodeResource(kv, "Node")),
    attachment: seen(one(5), (kv) => decodeRecord(AttachmentRecordSchema, kv)),
    tombstoneRevision: one(6)?.modRevision ?? 0,
    owner: seen(
      request.owner === undefined ? undefined : one(7),
      (kv) => decodeRecord(OwnerRecordSchema, kv),
    ),
    free: {
      4: entries.filter((entry) => entry.next.family === 4),
      6: entries.filter((entry) => entry.next.family === 6),
    },
  };
}

/**
 * The network of the state, known to reach the node.
 *
 * @throws {FabricError} `not-found` (no such network or zone), `invalid` (it does not reach the
 * node's zone).
 */
export function reachableNetwork(request: StateRequest, state: AddState): Network {
  const network = state.network.value;
  if (network === undefined) {
    throw new FabricError("not-found", `Network ${request.network} does not exist`, {
      field: "network",
      value: request.network,
      remedy: "create it with fabric-admin apply, or name another",
    });
  }
  const zone = state.zone.value;
  if (zone === undefined) {
    throw new FabricError("not-found", `Zone ${request.zone} of this node does not exist`, {
      field: "zone",
      value: request.zone,
      remedy: "create it with fabric-admin apply, or correct zone in the node's configuration",
    });
  }
  const { physicalNetwork, zones } = network.spec;
  const reaches = (zones === undefined || zones.includes(request.zone)) &&
    zone.spec.physicalNetworks.includes(physicalNetwork);
  if (!reaches) {
    const where = zones === undefined || zones.includes(request.zone)
      ? `zone ${request.zone} has no physical network ${physicalNetwork}`
      : `it reaches ${zones.join(", ")}`;
    throw new FabricError(
      "invalid",
      `Network ${request.network} does not reach zone ${request.zone}: ${where}`,
      {
        field: "network",
        value: request.network,
        remedy: "choose a network of this zone",
        details: { reason: "zone" },
      },
    );
  }
  return network;
}
