/**
 * Address in `get` and `describe`: the records of one network, of one node, or of all. A free
 * address has no record.
 *
 * @module
 */

import { type KeyValue, underPrefix } from "../../mod/etcd/store.ts";
import { formatAddress, parseAddress, tryParseAddress } from "../../mod/ip/address.ts";
import { parseInterfaceAddress } from "../../mod/ip/prefix.ts";
import { historyOf } from "../../mod/ipam/history.ts";
import {
  addressKey,
  addressPrefix,
  coolingKey,
  parseAddressKey,
  PREFIXES,
} from "../../mod/ipam/keys.ts";
import { listNames } from "../../mod/ipam/kinds.ts";
import { decodeRecord } from "../../mod/ipam/stored.ts";
import { formatOwner, type Holder } from "../../mod/model/identity.ts";
import { AddressRecordSchema } from "../../mod/model/records.ts";
import { API_VERSION, type Resource } from "../../mod/model/resource.ts";
import { formatAge, formatTime } from "../age.ts";
import { holderCell, ownerCell, workloadCell } from "../cells.ts";
import { usageError } from "../exit.ts";
import {
  defineKind,
  type Filter,
  type KindRow,
  readKeys,
  readObjects,
  type Source,
} from "../kind.ts";
import { listAttachments } from "./attachment.ts";

/** The record with what its key says. */
function specOf(kv: KeyValue) {
  const { network, address } = parseAddressKey(kv.key);
  const { v: _, ...record } = decodeRecord(AddressRecordSchema, kv);
  return { network, address: formatAddress(address), ...record };
}

type AddressObject = Resource<"Address", ReturnType<typeof specOf>>;

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

async function* listAddresses(source: Source, filter: Filter): AsyncGenerator<AddressObject> {
  for await (const object of candidates(source, filter)) {
    const { network, state, holder } = object.spec;
    if (filter.network !== undefined && filter.network !== network) continue;
    if (filter.state !== undefined && filter.state !== state) continue;
    if (filter.cluster !== undefined && filter.cluster !== clusterOf(object)) continue;
    if (filter.node !== undefined && holder?.node !== filter.node) continue;
    yield object;
  }
}

function clusterOf({ spec }: AddressObject): string | undefined {
  return spec.holder?.cluster ?? spec.owner?.cluster;
}

/** The narrowest range that holds what the filter asks for. */
async function* candidates(source: Source, filter: Filter): AsyncGenerator<AddressObject> {
  const { node } = filter;
  if (node !== undefined) {
    for await (const attachment of listAttachments(source, { ...filter, node })) {
      const { network, addresses } = attachment.spec;
      const keys = addresses.map(({ address }) =>
        addressKey(network.name, parseInterfaceAddress(address).address)
      );
      yield* readKeys(source, keys, decode);
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

/** `10.0.0.5` in any network, or `NETWORK/10.0.0.5`. */
async function* findAddresses(
  source: Source,
  name: string,
  filter: Filter,
): AsyncGenerator<AddressObject> {
  const slash = name.lastIndexOf("/");
  const text = name.slice(slash + 1);
  const address = tryParseAddress(text);
  if (address === undefined) {
    throw usageError(`Cannot parse address "${text}"`, {
      value: text,
      remedy: "write it like 10.0.0.5, 2001:db8::5 or pods/10.0.0.5",
    });
  }
  const network = slash < 0 ? filter.network : name.slice(0, slash);
  const networks = network === undefined ? await listNames(source.store, "Network") : [network];
  yield* readKeys(source, networks.map((one) => addressKey(one, address)), decode);
}

function holderLines(holder: Holder | undefined): readonly string[] {
  if (holder === undefined) return [];
  return [
    holderCell(holder),
    `interface ${holder.ifname} of container ${holder.containerId}`,
    `on node ${holder.cluster}/${holder.node}`,
  ];
}

/** How many intervals `describe` shows. */
const SHOWN = 10;

/** The row of Address. */
export const ADDRESS: KindRow = defineKind<AddressObject>({
  kind: "Address",
  plural: "addresses",
  shortNames: ["ip", "addr"],
  nameForm: "[NETWORK/]ADDRESS",
  summary: "addresses in use, owned or reserved; a free one has no record",
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
  filters: ["network", "cluster", "node", "state"],
  nameOf: (o) => o.metadata.name,
  list: listAddresses,
  find: findAddresses,
  async describe(source, { spec }) {
    const address = parseAddress(spec.address);
    const all = await historyOf(source.store, address);
    const here = all.filter(({ record }) => record.network.name === spec.network);
    const cooling = await source.store.range({ key: coolingKey(spec.network, address) });
    return [
      ["Address", spec.address],
      ["Network", spec.network],
      ["State", spec.state],
      ["Since", spec.since],
      ["Reason", spec.reason],
      ["Owner", spec.owner && [formatOwner(spec.owner), `in cluster ${spec.owner.cluster}`]],
      ["Holder", holderLines(spec.holder)],
      ["MAC", spec.mac],
      ["Allocation", spec.id],
      ["Cooling", cooling.kvs.length > 0 ? "yes" : "no"],
      [here.length > SHOWN ? `History (last ${SHOWN} of ${here.length})` : "History", {
        header: ["FROM", "UNTIL", "HOLDER", "NODE", "ENDED BY"],
        rows: here.slice(-SHOWN).map(({ record }) => [
          formatTime(record.start),
          record.end === undefined ? "now" : formatTime(record.end),
          holderCell(record.holder),
          record.holder.node,
          record.endedBy ?? "",
        ]),
      }],
    ];
  },
});
