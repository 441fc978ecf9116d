/**
 * Owner in `get` and `describe`: the slot of a workload that addresses belong to.
 *
 * @module
 */

import { type KeyValue, underPrefix } from "../../mod/etcd/store.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { addressesOf } from "../../mod/ipam/history.ts";
import { addressKey, ownerPrefix, PREFIXES } from "../../mod/ipam/keys.ts";
import { decodeRecord } from "../../mod/ipam/stored.ts";
import { formatHolder } from "../../mod/model/identity.ts";
import { type OwnedAddress, OwnerRecordSchema } from "../../mod/model/records.ts";
import { API_VERSION, type Resource } from "../../mod/model/resource.ts";
import { formatAge, formatTime } from "../age.ts";
import { holderCell, workloadCell } from "../cells.ts";
import {
  defineKind,
  type Filter,
  type KindRow,
  readWatched,
  type Source,
  type WatchedObjects,
} from "../kind.ts";
import { zoneScope } from "./zone_scope.ts";

/** The record without its schema's number. */
function specOf(kv: KeyValue) {
  const { v: _, ...record } = decodeRecord(OwnerRecordSchema, kv);
  return record;
}

/** An owner as users see it. */
export type OwnerObject = Resource<"Owner", ReturnType<typeof specOf>>;

/** `10.0.0.5`, or `10.0.0.5 (next)` while the owner's addresses change under its holder. */
function ownedCell({ address, stage }: OwnedAddress): string {
  return stage === undefined ? address : `${address} (${stage})`;
}

function kindOf({ kind, group }: { readonly kind: string; readonly group: string }): string {
  return group === "" ? kind : `${kind}.${group}`;
}

function decode(kv: KeyValue): OwnerObject {
  const spec = specOf(kv);
  const { cluster, namespace, name, slot, ifname } = spec.owner;
  return {
    apiVersion: API_VERSION,
    kind: "Owner",
    metadata: {
      name: [spec.network.name, cluster, kindOf(spec.owner), namespace, name, slot, ifname]
        .join("/"),
      creationTimestamp: spec.since,
      resourceVersion: String(kv.modRevision),
    },
    spec,
  };
}

async function watchOwners(source: Source, filter: Filter): Promise<WatchedObjects<OwnerObject>> {
  const { network, cluster, node } = filter;
  const scope = await zoneScope(source, filter);
  return {
    range: underPrefix(network === undefined ? PREFIXES.owners : ownerPrefix(network)),
    decode,
    keeps: ({ spec: { owner, holder, network } }) =>
      (cluster === undefined || owner.cluster === cluster) &&
      (node === undefined || holder?.node === node) &&
      scope.has(holder, network.name),
  };
}

/** Those that the filter leaves. */
export async function* listOwners(source: Source, filter: Filter): AsyncGenerator<OwnerObject> {
  yield* readWatched(source, await watchOwners(source, filter));
}

/** The whole name, or `NAMESPACE/NAME` of the workload. */
async function* findOwners(
  source: Source,
  name: string,
  filter: Filter,
): AsyncGenerator<OwnerObject> {
  for await (const object of listOwners(source, filter)) {
    const { owner } = object.spec;
    if (object.metadata.name === name || `${owner.namespace}/${owner.name}` === name) yield object;
  }
}

/** The row of Owner. */
export const OWNER: KindRow = defineKind<OwnerObject>({
  kind: "Owner",
  plural: "owners",
  shortNames: ["ow"],
  nameForm: "NAMESPACE/NAME",
  summary: "workloads' slots that keep their addresses",
  columns: [
    { header: "OWNER", value: (o) => workloadCell(o.spec.owner) },
    { header: "SLOT", value: (o) => o.spec.owner.slot },
    { header: "INTERFACE", value: (o) => o.spec.owner.ifname },
    { header: "NETWORK", value: (o) => o.spec.network.name },
    { header: "ADDRESSES", value: (o) => o.spec.addresses.map(ownedCell).join(",") },
    { header: "HOLDER", value: (o) => holderCell(o.spec.holder) },
    { header: "AGE", value: (o, { now }) => formatAge(o.spec.since, now) },
    { header: "CLUSTER", wide: true, value: (o) => o.spec.owner.cluster },
    { header: "NODE", wide: true, value: (o) => o.spec.holder?.node ?? "" },
    { header: "MAC", wide: true, value: (o) => o.spec.mac ?? "" },
    { header: "TENANT", wide: true, value: (o) => o.spec.tenant ?? "" },
  ],
  filters: ["network", "zone", "cluster", "node"],
  nameOf: (o) => o.metadata.name,
  watch: watchOwners,
  list: listOwners,
  find: findOwners,
  async describe(source, { spec }) {
    const { owner, network } = spec;
    const states = await Promise.all(spec.addresses.map(async ({ address }) => {
      const key = addressKey(network.name, parseAddress(address));
      return (await source.store.range({ key })).kvs.length > 0 ? "recorded" : "missing";
    }));
    const intervals = (await addressesOf(source.store, owner))
      .filter(({ record }) => record.owner?.slot === owner.slot);
    return [
      ["Owner", workloadCell(owner)],
      ["Cluster", owner.cluster],
      ["Slot", owner.slot],
      ["Interface", owner.ifname],
      ["Network", network.name],
      ["Tenant", spec.tenant],
      ["MAC", spec.mac],
      ["Since", spec.since],
      ["Holder", spec.holder && formatHolder(spec.holder)],
      ["Addresses", {
        header: ["ADDRESS", "RECORD"],
        rows: spec.addresses.map(({ address }, i) => [address, states[i] ?? ""]),
      }],
      ["History (last 10)", {
        header: ["FROM", "UNTIL", "ADDRESS", "HOLDER", "NODE"],
        rows: intervals.slice(-10).map(({ record }) => [
          formatTime(record.start),
          record.end === undefined ? "now" : formatTime(record.end),
          record.address,
          holderCell(record.holder),
          record.holder.node,
        ]),
      }],
    ];
  },
});
