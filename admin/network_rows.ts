/**
 * Networks of a spreadsheet: a line for each subnet; lines of one name are one network.
 *
 * @module
 */

import { FabricError, isKind } from "../mod/error.ts";
import type { Store } from "../mod/etcd/store.ts";
import { atPlace, type InputRow } from "../mod/ipam/import/row.ts";
import { getResource } from "../mod/ipam/kinds.ts";
import type { Network } from "../mod/model/network.ts";
import { API_VERSION } from "../mod/model/resource.ts";
import type { InputDocument } from "./documents.ts";

/** Columns of a table of networks; an export has them in this order. */
export const NETWORK_COLUMNS = [
  "network",
  "physicalNetwork",
  "vlan",
  "cidr",
  "gateway",
  "ranges",
  "exclude",
  "zones",
  "mtu",
  "coolingSeconds",
  "description",
] as const;
type Column = typeof NETWORK_COLUMNS[number];

/** Columns that say something of the network, not of one subnet. */
const OF_NETWORK: readonly Column[] = [
  "physicalNetwork",
  "vlan",
  "zones",
  "mtu",
  "coolingSeconds",
  "description",
];
const NUMBERS: readonly Column[] = ["vlan", "mtu", "coolingSeconds"];

/** Lists in a cell: `10.0.0.2-10.0.0.9 10.0.0.20`. */
function listOf(cell: string): readonly string[] {
  return cell.split(/[\s,;]+/).filter((one) => one !== "");
}

function invalid(place: string, message: string, remedy: string): FabricError {
  return atPlace(place, new FabricError("invalid", message, { field: "FILE", remedy }));
}

interface Subnet {
  readonly place: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function subnetOf({ place, cells }: InputRow): Subnet {
  const ranges = listOf(cells["ranges"] ?? "");
  const exclude = listOf(cells["exclude"] ?? "");
  const gateway = cells["gateway"] ?? "";
  return {
    place,
    fields: {
      cidr: cells["cidr"] ?? "",
      ...(gateway === "" ? {} : { gateway }),
      ...(ranges.length === 0 ? {} : { ranges }),
      ...(exclude.length === 0 ? {} : { exclude }),
    },
  };
}

function valueOf(column: Column, cell: string): unknown {
  if (column === "zones") return listOf(cell);
  // What is no number is told of by the schema, with the text that was written.
  return NUMBERS.includes(column) && /^\d+$/.test(cell) ? Number(cell) : cell;
}

/** The documents that the lines stand for, and what is wrong with the lines. */
export async function networkDocuments(
  store: Store,
  rows: readonly InputRow[],
): Promise<{
  readonly documents: readonly InputDocument[];
  readonly faults: readonly FabricError[];
}> {
  const faults: FabricError[] = [];
  const groups = new Map<string, InputRow[]>();
  for (const row of rows) {
    const name = row.cells["network"] ?? "";
    const missing = (["network", "cidr"] as const).find((column) =>
      (row.cells[column] ?? "") === ""
    );
    if (missing !== undefined) {
      faults.push(invalid(row.place, `${missing} is empty`, `fill the column ${missing}`));
      continue;
    }
    groups.set(name, [...groups.get(name) ?? [], row]);
  }
  const documents: InputDocument[] = [];
  for (const [name, group] of groups) {
    const fields: Record<string, unknown> = {};
    for (const column of OF_NETWORK) {
      const said = group.filter(({ cells }) => (cells[column] ?? "") !== "");
      const [first] = said;
      if (first === undefined) continue;
      const other = said.find(({ cells }) => cells[column] !== first.cells[column]);
      if (other !== undefined) {
        faults.push(invalid(
          other.place,
          `${column} of network ${name} is ${other.cells[column]}, and ${
            first.cells[column]
          } at ${first.place}`,
          "say the same in all lines of a network, or leave it empty",
        ));
      }
      fields[column] = valueOf(column, first.cells[column] ?? "");
    }
    documents.push(await documentOf(store, { name, fields, group }));
  }
  return { documents, faults };
}

/** The network as it will be: what the lines do not say stays as it is. */
async function documentOf(
  store: Store,
  { name, fields, group }: {
    readonly name: string;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly group: readonly InputRow[];
  },
): Promise<InputDocument> {
  const stored = await findNetwork(store, name);
  const named = group.map(subnetOf);
  const kept = (stored?.spec.subnets ?? []).map((subnet) => {
    const mine = named.find(({ fields }) => fields["cidr"] === subnet.cidr);
    return mine === undefined
      ? { place: group[0]?.place ?? "", fields: subnet }
      : { place: mine.place, fields: { ...subnet, ...mine.fields } };
  });
  const added = named.filter(({ fields }) =>
    !kept.some((one) => one.fields["cidr"] === fields["cidr"])
  );
  const subnets = [...kept, ...added];
  const { resourceVersion: _, uid: __, creationTimestamp: ___, ...metadata } = stored?.metadata ??
    { name };
  return {
    value: {
      apiVersion: API_VERSION,
      kind: "Network",
      metadata,
      spec: { ...stored?.spec, ...fields, subnets: subnets.map(({ fields }) => fields) },
    },
    lineOf: (field) => {
      const index = Number(/^spec\.subnets\[(\d+)\]/.exec(field)?.[1] ?? -1);
      return subnets[index]?.place ?? group[0]?.place ?? "";
    },
  };
}

/** The network as the store has it. */
export async function findNetwork(store: Store, name: string): Promise<Network | undefined> {
  try {
    return await getResource(store, { kind: "Network", name });
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
}

/** The lines of a network, one for each subnet. */
export function networkLines({ metadata, spec }: Network): readonly (readonly string[])[] {
  return spec.subnets.map((subnet, index) => {
    const cells: Readonly<Record<Column, string>> = {
      network: metadata.name,
      physicalNetwork: spec.physicalNetwork,
      vlan: String(spec.vlan),
      cidr: subnet.cidr,
      gateway: subnet.gateway ?? "",
      ranges: (subnet.ranges ?? []).join(" "),
      exclude: (subnet.exclude ?? []).join(" "),
      zones: (spec.zones ?? []).join(" "),
      mtu: spec.mtu === undefined ? "" : String(spec.mtu),
      coolingSeconds: spec.coolingSeconds === undefined ? "" : String(spec.coolingSeconds),
      description: index === 0 ? spec.description ?? "" : "",
    };
    return NETWORK_COLUMNS.map((column) => cells[column]);
  });
}
