/**
 * The whole life of an address, for `describe`: what it is in its network, who has it, and who had
 * it. A free address has a life too.
 *
 * @module
 */

import { type KeyValue, underPrefix } from "../../mod/etcd/store.ts";
import { type Address, formatAddress } from "../../mod/ip/address.ts";
import { formatPrefix, prefixContains } from "../../mod/ip/prefix.ts";
import { rangeContains } from "../../mod/ip/range.ts";
import { historyOf, type Interval } from "../../mod/ipam/history.ts";
import { attachmentKey, coolingKey, networkKey, ownerKey, PREFIXES } from "../../mod/ipam/keys.ts";
import { networkPools } from "../../mod/ipam/pool.ts";
import { decodeRecord, decodeResource } from "../../mod/ipam/stored.ts";
import { formatOwner, type Holder } from "../../mod/model/identity.ts";
import type { Network } from "../../mod/model/network.ts";
import {
  type AddressRecord,
  AttachmentRecordSchema,
  OwnerRecordSchema,
} from "../../mod/model/records.ts";
import { formatTime } from "../age.ts";
import { holderCell } from "../cells.ts";
import type { Description, Field } from "../describe_text.ts";
import { readObject, readObjects, type Source } from "../kind.ts";

/** How many intervals `describe` shows. */
const SHOWN = 10;

/** What an address is in its network, whoever has it. */
interface Place {
  readonly subnet: string | undefined;
  /** Whether a pod may get it. */
  readonly use: string;
}

/** Where the address lies in the network. */
export function placeOf(network: Network, address: Address): Place {
  const pool = networkPools(network.spec).find(({ prefix }) => prefixContains(prefix, address));
  if (pool === undefined) return { subnet: undefined, use: "in no subnet of the network" };
  const inside = (ranges: typeof pool.free): boolean =>
    ranges.some((range) => rangeContains(range, address));
  const text = formatAddress(address);
  const use = network.spec.subnets.some(({ gateway }) => gateway === text)
    ? "the gateway, never handed out"
    : inside(pool.free)
    ? "handed out"
    : inside(pool.usable)
    ? "outside of the ranges: only for who asks for it"
    : "excluded, never handed out";
  return { subnet: formatPrefix(pool.prefix), use };
}

/** The network of the name, or all whose subnets hold the address. */
export async function* networksWith(
  source: Source,
  address: Address,
  name: string | undefined,
): AsyncGenerator<Network> {
  const decode = (kv: Parameters<typeof decodeResource>[0]): Network =>
    decodeResource(kv, "Network");
  if (name !== undefined) {
    yield* readObject(source, networkKey(name), decode);
    return;
  }
  for await (const network of readObjects(source, underPrefix(PREFIXES.networks), decode)) {
    if (placeOf(network, address).subnet !== undefined) yield network;
  }
}

function holderLines(holder: Holder | undefined): readonly string[] {
  if (holder === undefined) return [];
  return [
    holderCell(holder),
    `interface ${holder.ifname} of container ${holder.containerId}`,
    `on node ${holder.cluster}/${holder.node}`,
  ];
}

function historyTable(intervals: readonly Interval[], address: string): Field {
  const more = intervals.length > SHOWN;
  const label = more
    ? `History (last ${SHOWN} of ${intervals.length}, all: fabric-admin history ${address})`
    : "History";
  return [label, {
    header: ["FROM", "UNTIL", "HOLDER", "NODE", "ENDED BY"],
    rows: intervals.slice(-SHOWN).map(({ record }) => [
      formatTime(record.start),
      record.end === undefined ? "now" : formatTime(record.end),
      holderCell(record.holder),
      record.holder.node,
      record.endedBy ?? "",
    ]),
  }];
}

type Shown = Pick<
  AddressRecord,
  "state" | "since" | "reason" | "owner" | "holder" | "mac" | "id"
>;

/** An address with its record, where it has one. */
export interface Living {
  readonly address: Address;
  readonly network: string;
  /** Absent: the network is gone. */
  readonly spec?: Network | undefined;
  readonly record: Shown | undefined;
}

/** What is to be said of it. */
export async function lifeOf(source: Source, living: Living): Promise<Description> {
  const { address, network, spec, record } = living;
  const text = formatAddress(address);
  const all = await historyOf(source.store, address);
  const here = all.filter((interval) => interval.record.network.name === network);
  const read = await source.store.range({ key: coolingKey(network, address), keysOnly: true });
  const cooling = read.kvs.length > 0;
  const place = spec === undefined ? undefined : placeOf(spec, address);
  const last = here.at(-1)?.record;
  const free = [
    ["State", cooling ? "free, and cooling: nobody gets it for a moment" : "free"],
    ["Last holder", last === undefined ? "nobody ever, by the records" : holderLines(last.holder)],
  ] as const satisfies Description;
  return [
    ["Address", text],
    ["Network", network],
    ["Subnet", place?.subnet],
    ["Use", place?.use],
    ...record === undefined ? free : [
      ...recordFields(record, cooling),
      ["Together with", await companionsOf(source, { network, record, address: text })] as const,
    ],
    historyTable(here, text),
  ];
}

/** The addresses that the same owner, or the same interface, has beside this one. */
async function companionsOf(
  source: Source,
  { network, record, address }: {
    readonly network: string;
    readonly record: Shown;
    readonly address: string;
  },
): Promise<readonly string[]> {
  const { owner, holder } = record;
  const all: string[] = [];
  if (owner !== undefined) {
    const decode = (kv: KeyValue) => decodeRecord(OwnerRecordSchema, kv);
    for await (const read of readObject(source, ownerKey(network, owner), decode)) {
      all.push(...read.addresses.map((one) => one.address));
    }
  } else if (holder !== undefined) {
    const decode = (kv: KeyValue) => decodeRecord(AttachmentRecordSchema, kv);
    for await (const read of readObject(source, attachmentKey(holder), decode)) {
      all.push(...read.addresses.map((one) => one.address.replace(/\/\d+$/, "")));
    }
  }
  return all.filter((one) => one !== address);
}

function recordFields(record: Shown, cooling: boolean): Description {
  const { owner } = record;
  return [
    ["State", record.state],
    ["Since", record.since],
    ["Reason", record.reason],
    ["Owner", owner && [formatOwner(owner), `in cluster ${owner.cluster}`]],
    ["Holder", holderLines(record.holder)],
    ["MAC", record.mac],
    ["Allocation", record.id],
    ["Cooling", cooling ? "yes" : "no"],
  ];
}

/** An address that is in no network any more, by the history alone; undefined: nobody had it. */
export async function pastOf(source: Source, address: Address): Promise<Description | undefined> {
  const all = await historyOf(source.store, address);
  if (all.length === 0) return undefined;
  const text = formatAddress(address);
  const networks = [...new Set(all.map(({ record }) => record.network.name))];
  return [
    ["Address", text],
    ["State", "in no subnet of any network"],
    ["Networks of old", networks],
    historyTable(all, text),
  ];
}
