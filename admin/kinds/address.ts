/**
 * Address in `get` and `describe`: the records of one network, of one node, or of all. A free
 * address has no record.
 *
 * @module
 */

import { type KeyValue, underPrefix } from "../../mod/etcd/store.ts";
import {
  type Address,
  formatAddress,
  parseAddress,
  tryParseAddress,
} from "../../mod/ip/address.ts";
import { parseInterfaceAddress } from "../../mod/ip/prefix.ts";
import {
  addressKey,
  addressPrefix,
  networkAddressPrefix,
  parseAddressKey,
  PREFIXES,
} from "../../mod/ipam/keys.ts";
import { listNames } from "../../mod/ipam/kinds.ts";
import { decodeRecord } from "../../mod/ipam/stored.ts";
import { AddressRecordSchema } from "../../mod/model/records.ts";
import { API_VERSION, type Resource } from "../../mod/model/resource.ts";
import { formatAge } from "../age.ts";
import { holderCell, ownerCell, workloadCell } from "../cells.ts";
import type { Description } from "../describe_text.ts";
import { usageError } from "../exit.ts";
import {
  type BoundKind,
  defineKind,
  type Filter,
  readKeys,
  readObjects,
  type Source,
  type WatchedObjects,
} from "../kind.ts";
import { lifeOf, networksWith, pastOf } from "./address_life.ts";
import { type AttachmentObject, listAttachments } from "./attachment.ts";
import { COOLING } from "./cooling.ts";
import { FREE_RANGE } from "./free_range.ts";
import { zoneScope } from "./zone_scope.ts";

/** The record with what its key says. */
function specOf(kv: KeyValue) {
  const { network, address } = parseAddressKey(kv.key);
  const { v: _, ...record } = decodeRecord(AddressRecordSchema, kv);
  return { network, address: formatAddress(address), ...record };
}

/** An address as users see it. */
export type AddressObject = Resource<"Address", ReturnType<typeof specOf>>;

function decode(kv: KeyValue): AddressObject {
  const spec = specOf(kv);
  return {
    apiVersion: API_VERSION,
    kind: "Address",
    metadata: {
      name: `${spec.network}/${spec.address}`,
      creationTimestamp: spec.since,
      resourceVersion: String(kv.modRevision),
    },
    spec,
  };
}

/** Who uses it, in one cell. */
function usedBy({ spec }: AddressObject): string {
  if (spec.state === "reserved") return spec.reason ?? "";
  if (spec.holder !== undefined) return holderCell(spec.holder);
  return spec.owner === undefined ? "" : workloadCell(spec.owner);
}

/** What `--state` and its flags take: the state of the record, or what it comes to. */
function isInState({ spec }: AddressObject, state: string): boolean {
  return state === "fixed" ? spec.owner !== undefined : spec.state === state;
}

/** The objects that the filter leaves. */
async function keepsOf(
  source: Source,
  filter: Filter,
): Promise<(object: AddressObject) => boolean> {
  const { network, state, cluster, node } = filter;
  const scope = await zoneScope(source, filter);
  return (object) => {
    const { spec } = object;
    return (network === undefined || spec.network === network) &&
      (state === undefined || isInState(object, state)) &&
      (cluster === undefined || clusterOf(object) === cluster) &&
      (node === undefined || spec.holder?.node === node) &&
      scope.has(spec.holder, spec.network);
  };
}

async function* listAddresses(source: Source, filter: Filter): AsyncGenerator<AddressObject> {
  const keeps = await keepsOf(source, filter);
  for await (const object of candidates(source, filter)) if (keeps(object)) yield object;
}

async function watchAddresses(
  source: Source,
  filter: Filter,
): Promise<WatchedObjects<AddressObject>> {
  const { network } = filter;
  const prefix = network === undefined ? PREFIXES.addresses : networkAddressPrefix(network);
  return { range: underPrefix(prefix), decode, keeps: await keepsOf(source, filter) };
}

function clusterOf({ spec }: AddressObject): string | undefined {
  return spec.holder?.cluster ?? spec.owner?.cluster;
}

/** The narrowest range that holds what the filter asks for. */
async function* candidates(source: Source, filter: Filter): AsyncGenerator<AddressObject> {
  const { node } = filter;
  if (node !== undefined) {
    for await (const attachment of listAttachments(source, { ...filter, node })) {
      yield* addressesOfAttachment(source, attachment);
    }
    return;
  }
  if (filter.network !== undefined) {
    for (const family of [4, 6] as const) {
      yield* readObjects(source, underPrefix(addressPrefix(filter.network, family)), decode);
    }
    return;
  }
  yield* readObjects(source, underPrefix(PREFIXES.addresses), decode);
}

/** The records of the addresses that an attachment names. */
export function addressesOfAttachment(
  source: Source,
  { spec }: AttachmentObject,
): AsyncGenerator<AddressObject> {
  const keys = spec.addresses.map(({ address }) =>
    addressKey(spec.network.name, parseInterfaceAddress(address).address)
  );
  return readKeys(source, keys, decode);
}

/**
 * The network and the address of a name.
 *
 * @throws {FabricError} a usage error.
 */
function parseAddressName(
  name: string,
  filter: Filter,
): { readonly network: string | undefined; readonly address: Address } {
  const slash = name.lastIndexOf("/");
  const text = name.slice(slash + 1);
  const address = tryParseAddress(text);
  if (address === undefined) {
    throw usageError(`Cannot parse address "${text}"`, {
      value: text,
      remedy: "write it like 10.0.0.5, 2001:db8::5 or pods/10.0.0.5",
    });
  }
  return { network: slash < 0 ? filter.network : name.slice(0, slash), address };
}

/** `10.0.0.5` in any network, or `NETWORK/10.0.0.5`. */
async function* findAddresses(
  source: Source,
  name: string,
  filter: Filter,
): AsyncGenerator<AddressObject> {
  const { network, address } = parseAddressName(name, filter);
  const networks = network === undefined ? await listNames(source.store, "Network") : [network];
  yield* readKeys(source, networks.map((one) => addressKey(one, address)), decode);
}

/** What is to be said of an address, whether or not it has a record. */
async function* describeAddresses(
  source: Source,
  { name, filter }: { readonly name: string; readonly filter: Filter },
): AsyncGenerator<Description> {
  const { network, address } = parseAddressName(name, filter);
  const records = new Map<string, AddressObject>();
  for await (const object of findAddresses(source, name, filter)) {
    records.set(object.spec.network, object);
  }
  let count = 0;
  for await (const spec of networksWith(source, address, network)) {
    const one = spec.metadata.name;
    yield await lifeOf(source, { address, network: one, spec, record: records.get(one)?.spec });
    records.delete(one);
    count++;
  }
  for (const [one, { spec }] of records) {
    yield await lifeOf(source, { address, network: one, record: spec });
    count++;
  }
  const past = count === 0 ? await pastOf(source, address) : undefined;
  if (past !== undefined) yield past;
}

/** The row of Address. */
export const ADDRESS: BoundKind<AddressObject> = defineKind<AddressObject>({
  kind: "Address",
  plural: "addresses",
  shortNames: ["ip", "addr"],
  nameForm: "[NETWORK/]ADDRESS",
  summary: "addresses in use, owned or reserved; a free one has none",
  columns: [
    { header: "ADDRESS", value: (o) => o.spec.address },
    { header: "NETWORK", value: (o) => o.spec.network },
    { header: "STATE", value: (o) => o.spec.state },
    { header: "USED BY", value: usedBy },
    { header: "NODE", value: (o) => o.spec.holder?.node ?? "" },
    { header: "AGE", value: (o, { now }) => formatAge(o.spec.since, now) },
    { header: "OWNER", wide: true, value: (o) => ownerCell(o.spec.owner) },
    { header: "CLUSTER", wide: true, value: (o) => clusterOf(o) ?? "" },
    { header: "INTERFACE", wide: true, value: (o) => o.spec.holder?.ifname ?? "" },
    { header: "MAC", wide: true, value: (o) => o.spec.mac ?? "" },
    { header: "CONTAINER", wide: true, value: (o) => o.spec.holder?.containerId ?? "" },
  ],
  filters: ["network", "zone", "cluster", "node", "state"],
  nameOf: (o) => o.metadata.name,
  list: listAddresses,
  find: findAddresses,
  watch: watchAddresses,
  describe: (source, { spec }) =>
    lifeOf(source, {
      address: parseAddress(spec.address),
      network: spec.network,
      record: spec,
    }),
  describeName: describeAddresses,
  variants: { free: FREE_RANGE, cooling: COOLING },
});
