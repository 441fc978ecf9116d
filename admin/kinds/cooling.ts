/**
 * Addresses that were released a moment ago, as `get addresses --cooling` shows them.
 *
 * @module
 */

import { readPages } from "../../mod/etcd/pages.ts";
import { type KeyValue, type Operation, underPrefix } from "../../mod/etcd/store.ts";
import { formatAddress } from "../../mod/ip/address.ts";
import { type Interval, intervalOf } from "../../mod/ipam/history.ts";
import { coolingPrefix, historyPrefix, parseAddressKey } from "../../mod/ipam/keys.ts";
import { coolingSeconds, type Network } from "../../mod/model/network.ts";
import { API_VERSION } from "../../mod/model/resource.ts";
import { formatAge } from "../age.ts";
import { holderCell } from "../cells.ts";
import { defineKind, type Filter, type KindRow, type Source } from "../kind.ts";
import type { PrintedObject } from "../printable.ts";
import { networksOf } from "./networks_of.ts";

interface CoolingObject extends PrintedObject {
  readonly spec: {
    readonly network: string;
    readonly address: string;
    /** How long addresses of the network rest. */
    readonly coolingSeconds: number;
    /** Who had it last, by the history. */
    readonly last?: Interval["record"];
  };
}

/** Addresses that are looked up in the history together. */
const BATCH = 100;
/** Intervals of an address that are looked at: in networks that overlap, several have the address. */
const NEWEST = 5;

async function* listCooling(source: Source, filter: Filter): AsyncGenerator<CoolingObject> {
  for await (const network of networksOf(source, filter)) {
    for (const family of [4, 6] as const) {
      const range = underPrefix(coolingPrefix(network.metadata.name, family));
      for await (const page of readPages(source.store, range, { keysOnly: true, size: BATCH })) {
        yield* withHistory(source, network, page);
      }
    }
  }
}

async function* withHistory(
  { store }: Source,
  network: Network,
  page: readonly KeyValue[],
): AsyncGenerator<CoolingObject> {
  const { name, uid } = network.metadata;
  const addresses = page.map(({ key }) => parseAddressKey(key).address);
  const success = addresses.map((address): Operation => ({
    range: {
      ...underPrefix(historyPrefix(address)),
      limit: NEWEST,
      sort: { by: "mod", order: "descend" },
    },
  }));
  const { results } = await store.txn({ success });
  for (const [i, address] of addresses.entries()) {
    const result = results[i];
    const kvs = result?.kind === "range" ? result.response.kvs : [];
    const last = kvs.map(intervalOf).find(({ record }) => record.network.uid === uid)?.record;
    const text = formatAddress(address);
    yield {
      apiVersion: API_VERSION,
      kind: "CoolingAddress",
      metadata: { name: `${name}/${text}` },
      spec: {
        network: name,
        address: text,
        coolingSeconds: coolingSeconds(network.spec),
        ...(last === undefined ? {} : { last }),
      },
    };
  }
}

/** Rows of `get addresses --cooling`. */
export const COOLING: KindRow = defineKind<CoolingObject>({
  kind: "CoolingAddress",
  plural: "cooling addresses",
  shortNames: [],
  nameForm: "",
  summary: "addresses that were released a moment ago",
  columns: [
    { header: "ADDRESS", value: (o) => o.spec.address },
    { header: "NETWORK", value: (o) => o.spec.network },
    { header: "RELEASED", value: (o, { now }) => formatAge(o.spec.last?.end, now) },
    { header: "RESTS", value: (o) => `${o.spec.coolingSeconds}s` },
    { header: "LAST HOLDER", value: (o) => holderCell(o.spec.last?.holder) },
    { header: "NODE", value: (o) => o.spec.last?.holder.node ?? "" },
  ],
  filters: ["network", "zone", "state"],
  nameOf: (o) => o.metadata.name,
  list: listCooling,
  // describe address says it of one.
  async *find() {},
  describe: (_source, { spec }) =>
    Promise.resolve([
      ["Address", spec.address],
      ["Network", spec.network],
      ["Released", spec.last?.end],
    ]),
});
