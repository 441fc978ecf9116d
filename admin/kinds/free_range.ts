/**
 * What is free in networks, as `get addresses --free` shows it: ranges, computed from the records.
 *
 * @module
 */

import type { Store } from "../../mod/etcd/store.ts";
import { formatAddress } from "../../mod/ip/address.ts";
import { rangeSize } from "../../mod/ip/range.ts";
import { freeRanges } from "../../mod/ipam/free_ranges.ts";
import { API_VERSION } from "../../mod/model/resource.ts";
import { defineKind, type Filter, type KindRow, type Source } from "../kind.ts";
import type { PrintedObject } from "../printable.ts";
import { formatCount } from "../usage_table.ts";
import { networksOf } from "./networks_of.ts";

interface FreeRangeObject extends PrintedObject {
  readonly spec: {
    readonly network: string;
    readonly subnet: string;
    readonly first: string;
    readonly last: string;
    /** A number as far as JSON's are exact, else text. */
    readonly addresses: number | string;
  };
}

function countField(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : String(count);
}

async function* listFree(source: Source, filter: Filter): AsyncGenerator<FreeRangeObject> {
  for await (const network of networksOf(source, filter)) yield* freeIn(source.store, network);
}

async function* freeIn(
  store: Store,
  network: Parameters<typeof freeRanges>[1],
): AsyncGenerator<FreeRangeObject> {
  const { name } = network.metadata;
  for await (const { range, subnet } of freeRanges(store, network)) {
    const first = formatAddress({ family: range.family, value: range.first });
    const last = formatAddress({ family: range.family, value: range.last });
    yield {
      apiVersion: API_VERSION,
      kind: "FreeRange",
      metadata: { name: `${name}/${first}-${last}` },
      spec: { network: name, subnet, first, last, addresses: countField(rangeSize(range)) },
    };
  }
}

/** Rows of `get addresses --free`. */
export const FREE_RANGE: KindRow = defineKind<FreeRangeObject>({
  kind: "FreeRange",
  plural: "free ranges",
  shortNames: [],
  nameForm: "",
  summary: "what is free",
  columns: [
    { header: "FIRST", value: (o) => o.spec.first },
    { header: "LAST", value: (o) => o.spec.last },
    { header: "ADDRESSES", value: (o) => formatCount(BigInt(o.spec.addresses)) },
    { header: "NETWORK", value: (o) => o.spec.network },
    { header: "SUBNET", value: (o) => o.spec.subnet },
  ],
  filters: ["network", "zone", "state"],
  nameOf: (o) => o.metadata.name,
  list: listFree,
  // A range has no name that anybody would ask for.
  async *find() {},
  describe: (_source, { spec }) =>
    Promise.resolve([
      ["Network", spec.network],
      ["Subnet", spec.subnet],
      ["First", spec.first],
      ["Last", spec.last],
      ["Addresses", String(spec.addresses)],
    ]),
});
