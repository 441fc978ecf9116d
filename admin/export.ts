/**
 * `export`: addresses or networks as a spreadsheet, such as `import` reads.
 *
 * @module
 */

import { stringify } from "yaml";
import { readPages } from "../mod/etcd/pages.ts";
import { type Store, underPrefix } from "../mod/etcd/store.ts";
import { formatAddress } from "../mod/ip/address.ts";
import { ADDRESS_COLUMNS } from "../mod/ipam/import/row.ts";
import {
  addressKey,
  networkAddressPrefix,
  ownerPrefix,
  parseAddressKey,
  PREFIXES,
} from "../mod/ipam/keys.ts";
import { listResources } from "../mod/ipam/kinds.ts";
import { leavingAddresses } from "../mod/ipam/owned.ts";
import { decodeRecord, encodeResource } from "../mod/ipam/stored.ts";
import type { Network } from "../mod/model/network.ts";
import {
  type AddressRecord,
  AddressRecordSchema,
  OwnerRecordSchema,
} from "../mod/model/records.ts";
import { workloadName } from "../mod/model/workload.ts";
import { holderCell } from "./cells.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { formatCsv } from "../mod/ipam/import/csv.ts";
import { usageError } from "./exit.ts";
import { TOLD_COLUMNS } from "./import.ts";
import { NETWORK_COLUMNS, networkLines } from "./network_rows.ts";
import { NETWORK_FLAG } from "./workload_flags.ts";

const KINDS = ["addresses", "networks"] as const;
const COLUMNS = [...ADDRESS_COLUMNS, ...TOLD_COLUMNS] as const;

function addressCells(
  network: string,
  address: string,
  record: AddressRecord,
): Readonly<Record<typeof COLUMNS[number], string>> {
  const { state, owner, holder, mac, reason, since } = record;
  return {
    network,
    address,
    reason: reason ?? "",
    workload: owner === undefined ? "" : workloadName(owner),
    slot: owner?.slot ?? "",
    interface: owner?.ifname ?? "",
    cluster: owner?.cluster ?? "",
    tenant: "",
    state,
    holder: holderCell(holder),
    node: holder?.node ?? "",
    mac: mac ?? "",
    since,
  };
}

/** Keys of addresses that only their running holders keep: their owners have others already. */
async function leavingKeys(store: Store, network: string | undefined): Promise<Set<string>> {
  const prefix = network === undefined ? PREFIXES.owners : ownerPrefix(network);
  const keys = new Set<string>();
  for await (const page of readPages(store, underPrefix(prefix))) {
    for (const kv of page) {
      if (!kv.value.includes('"leaving"')) continue;
      const record = decodeRecord(OwnerRecordSchema, kv);
      for (const address of leavingAddresses(record)) {
        keys.add(addressKey(record.network.name, address));
      }
    }
  }
  return keys;
}

interface Form {
  readonly yaml: boolean;
  readonly bom: boolean;
}

async function exportAddresses(
  context: AdminContext,
  { flags }: Call,
  { yaml, bom }: Form,
): Promise<void> {
  const network = flags.text(NETWORK_FLAG.name);
  const prefix = network === undefined ? PREFIXES.addresses : networkAddressPrefix(network);
  const everything = flags.isSet("all");
  if (!yaml) context.write(`${bom ? "\ufeff" : ""}${await formatCsv(COLUMNS, [])}`);
  const store = await context.store();
  const leaving = everything ? new Set<string>() : await leavingKeys(store, network);
  for await (const page of readPages(store, underPrefix(prefix))) {
    const all = page.flatMap((kv) => {
      const record = decodeRecord(AddressRecordSchema, kv);
      const { network, address } = parseAddressKey(kv.key);
      // An address of nobody's workload is another's tomorrow.
      if (!everything && record.state !== "reserved" && record.owner === undefined) return [];
      if (leaving.has(kv.key)) return [];
      return [addressCells(network, formatAddress(address), record)];
    });
    if (all.length === 0) continue;
    if (yaml) {
      const short = all.map((cells) =>
        Object.fromEntries(Object.entries(cells).filter(([, cell]) => cell !== ""))
      );
      context.write(stringify(short));
    } else {
      const text = await formatCsv(COLUMNS, all.map((cells) => COLUMNS.map((one) => cells[one])));
      // The columns are there already.
      context.write(text.slice(text.indexOf("\r\n") + 2));
    }
  }
}

async function exportNetworks(
  context: AdminContext,
  { flags }: Call,
  { yaml, bom }: Form,
): Promise<void> {
  const name = flags.text(NETWORK_FLAG.name);
  const networks: Network[] = [];
  for await (const network of listResources(await context.store(), "Network")) {
    if (name === undefined || network.metadata.name === name) networks.push(network);
  }
  if (!yaml) {
    const text = await formatCsv(NETWORK_COLUMNS, networks.flatMap(networkLines));
    return context.write(`${bom ? "\ufeff" : ""}${text}`);
  }
  for (const network of networks) {
    const { v: _, metadata, ...rest } = Object(JSON.parse(encodeResource(network)));
    const { uid: __, creationTimestamp: ___, ...kept } = Object(metadata);
    context.write(`---\n${stringify({ ...rest, metadata: kept })}`);
  }
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const { args, flags } = call;
  const kind = KINDS.find((one) => one === args[0]);
  if (kind === undefined) {
    throw usageError(`Cannot export "${args[0]}"`, {
      field: "KIND",
      value: args[0] ?? "",
      remedy: `use ${KINDS.join(" or ")}`,
    });
  }
  const form = { yaml: flags.text("format") === "yaml", bom: flags.isSet("bom") };
  await (kind === "addresses" ? exportAddresses : exportNetworks)(context, call, form);
}

/** `export`. */
export const EXPORT: Command = {
  name: "export",
  summary: "Write addresses or networks as a spreadsheet",
  args: "addresses | networks",
  count: { min: 1, max: 1 },
  group: "addresses",
  flags: [
    { ...NETWORK_FLAG, text: "Only of this network" },
    { name: "format", value: "csv|yaml", choices: ["csv", "yaml"], text: "Default: csv" },
    { name: "all", text: "Also addresses that belong to no workload; import refuses these" },
    { name: "bom", text: "Begin with a byte order mark: Excel reads it as UTF-8" },
  ],
  notes: [
    "What it writes can be imported. A cell that a spreadsheet would take for a formula gets an",
    "apostrophe in front, which import takes away again.",
  ],
  examples: [
    ["export addresses --network pods >in-use.csv", "reservations, and workloads' addresses"],
    ["export networks --format yaml >networks.yaml", "for apply, or import"],
  ],
  run,
};
