/**
 * Workload in `get` and `describe`: all slots of a workload in a network, with what they have.
 *
 * @module
 */

import { API_VERSION } from "../../mod/model/resource.ts";
import { formatAge } from "../age.ts";
import { holderCell, workloadCell } from "../cells.ts";
import { defineKind, type Filter, type KindRow, type Source } from "../kind.ts";
import type { PrintedObject } from "../printable.ts";
import { listOwners, type OwnerObject } from "./owner.ts";

type Owner = OwnerObject["spec"];

interface WorkloadObject extends PrintedObject {
  readonly spec: {
    readonly network: string;
    readonly workload: Owner["owner"];
    /** Of the oldest slot. */
    readonly since: string;
    readonly slots: readonly Owner[];
  };
}

/** Owners stand by network and workload in the store: those of one workload follow each other. */
async function* listWorkloads(source: Source, filter: Filter): AsyncGenerator<WorkloadObject> {
  let slots: Owner[] = [];
  let name = "";
  for await (const { spec } of listOwners(source, filter)) {
    const next = nameOf(spec);
    if (next !== name && slots.length > 0) yield workloadOf(name, slots);
    if (next !== name) slots = [];
    name = next;
    slots.push(spec);
  }
  if (slots.length > 0) yield workloadOf(name, slots);
}

function nameOf({ network, owner }: Owner): string {
  const { cluster, group, kind, namespace, name } = owner;
  return [network.name, cluster, group === "" ? kind : `${kind}.${group}`, namespace, name].join(
    "/",
  );
}

function workloadOf(name: string, slots: readonly Owner[]): WorkloadObject {
  const [first] = slots;
  if (first === undefined) throw new TypeError("a workload without slots");
  const since = slots.map((slot) => slot.since).toSorted()[0] ?? first.since;
  return {
    apiVersion: API_VERSION,
    kind: "Workload",
    metadata: { name },
    spec: { network: first.network.name, workload: first.owner, since, slots },
  };
}

/** The whole name, or `NAMESPACE/NAME`. */
async function* findWorkloads(
  source: Source,
  name: string,
  filter: Filter,
): AsyncGenerator<WorkloadObject> {
  for await (const object of listWorkloads(source, filter)) {
    const { workload } = object.spec;
    if (object.metadata.name === name || `${workload.namespace}/${workload.name}` === name) {
      yield object;
    }
  }
}

/** As many addresses as a line holds. */
const SHOWN = 4;

function addressesCell({ spec: { slots } }: WorkloadObject): string {
  const all = slots.flatMap(({ addresses }) => addresses.map(({ address }) => address));
  const more = all.length - SHOWN;
  return [...all.slice(0, SHOWN), ...more > 0 ? [`${more} more`] : []].join(",");
}

function reclaimCell({ reclaim = 600 }: Owner): string {
  return reclaim === "never" ? "never" : reclaim === 0 ? "immediately" : `after ${reclaim} s`;
}

/** The row of Workload. */
export const WORKLOAD: KindRow = defineKind<WorkloadObject>({
  kind: "Workload",
  plural: "workloads",
  shortNames: ["wl"],
  nameForm: "NAMESPACE/NAME",
  summary: "workloads that keep their addresses, with all slots",
  columns: [
    { header: "WORKLOAD", value: (o) => workloadCell(o.spec.workload) },
    { header: "NETWORK", value: (o) => o.spec.network },
    { header: "SLOTS", value: (o) => String(o.spec.slots.length) },
    { header: "HELD", value: (o) => String(o.spec.slots.filter(({ holder }) => holder).length) },
    { header: "ADDRESSES", value: addressesCell },
    { header: "AGE", value: (o, { now }) => formatAge(o.spec.since, now) },
    { header: "CLUSTER", wide: true, value: (o) => o.spec.workload.cluster },
    { header: "TENANT", wide: true, value: (o) => o.spec.slots[0]?.tenant ?? "" },
    {
      header: "RECLAIM",
      wide: true,
      value: ({ spec: { slots: [slot] } }) => slot ? reclaimCell(slot) : "",
    },
  ],
  filters: ["network", "zone", "cluster", "node"],
  nameOf: (o) => o.metadata.name,
  list: listWorkloads,
  find: findWorkloads,
  describe: (_source, { spec: { network, workload, slots } }) =>
    Promise.resolve([
      ["Workload", workloadCell(workload)],
      ["Cluster", workload.cluster],
      ["Network", network],
      ["Tenant", slots[0]?.tenant],
      ["Ownership ends", slots[0] && reclaimCell(slots[0])],
      ["Slots", {
        header: ["SLOT", "INTERFACE", "ADDRESSES", "HOLDER", "NODE"],
        rows: slots.map(({ owner, addresses, holder }) => [
          owner.slot,
          owner.ifname,
          addresses.map(({ address, stage }) =>
            stage === undefined ? address : `${address} (${stage})`
          )
            .join(","),
          holderCell(holder),
          holder?.node ?? "",
        ]),
      }],
    ]),
});
