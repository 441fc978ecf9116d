/**
 * History in `get` and `describe`: one record per interval in which a holder had an address. The
 * command `history` asks who and when; here are the records as they stand.
 *
 * @module
 */

import { underPrefix } from "../../mod/etcd/store.ts";
import { tryParseAddress } from "../../mod/ip/address.ts";
import { historyOf, type Holding, type Interval, intervalOf } from "../../mod/ipam/history.ts";
import { PREFIXES } from "../../mod/ipam/keys.ts";
import { formatOwner } from "../../mod/model/identity.ts";
import { API_VERSION, type Resource } from "../../mod/model/resource.ts";
import { formatDuration, formatTime } from "../age.ts";
import { holderCell, ownerCell, podOrContainer } from "../cells.ts";
import { usageError } from "../exit.ts";
import {
  type BoundKind,
  defineKind,
  type Filter,
  readWatched,
  type Source,
  type WatchedObjects,
} from "../kind.ts";
import { zoneScope } from "./zone_scope.ts";

/** The record, what etcd says of it, and how it answers a question about a time. */
function specOf(interval: Interval | Holding) {
  const { v: _, ...record } = interval.record;
  return {
    ...record,
    startRevision: interval.startRevision,
    ...(interval.endRevision === undefined ? {} : { endRevision: interval.endRevision }),
    ...(interval.startsEarlyMs === 0 ? {} : { startsEarlyMs: interval.startsEarlyMs }),
    ...("certain" in interval ? { certain: interval.certain } : {}),
  };
}

/** A record of the history as an object. */
export type HistoryObject = Resource<"History", ReturnType<typeof specOf>>;

/** The object of an interval. */
export function historyObject(interval: Interval | Holding): HistoryObject {
  const spec = specOf(interval);
  return {
    apiVersion: API_VERSION,
    kind: "History",
    metadata: {
      name: `${spec.address}/${spec.id}`,
      creationTimestamp: spec.start,
      resourceVersion: String(interval.endRevision ?? interval.startRevision),
    },
    spec,
  };
}

/** How long it lasted, or lasts by now. */
export function lasted({ spec }: HistoryObject, now: number): string {
  const end = spec.end === undefined ? now : Date.parse(spec.end);
  return formatDuration(end - Date.parse(spec.start));
}

/** What is to be said of the interval's times. */
export function timeNote({ spec }: HistoryObject): string {
  const early = spec.startsEarlyMs ?? 0;
  return early === 0 ? "" : `starts ${(early / 1000).toFixed(1)} s before its predecessor's end`;
}

async function watchHistory(
  source: Source,
  filter: Filter,
): Promise<Required<WatchedObjects<HistoryObject>>> {
  const { network, cluster, node } = filter;
  const scope = await zoneScope(source, filter);
  return {
    range: underPrefix(PREFIXES.history),
    decode: (kv) => historyObject(intervalOf(kv)),
    keeps: ({ spec }) =>
      (network === undefined || spec.network.name === network) &&
      (cluster === undefined || spec.holder.cluster === cluster) &&
      (node === undefined || spec.holder.node === node) &&
      scope.hasNode(spec.holder),
  };
}

async function* listHistory(source: Source, filter: Filter): AsyncGenerator<HistoryObject> {
  yield* readWatched(source, await watchHistory(source, filter));
}

/** `ADDRESS`: all of its records; `ADDRESS/ID`: one. */
async function* findHistory(
  source: Source,
  name: string,
  filter: Filter,
): AsyncGenerator<HistoryObject> {
  const [text = "", id] = name.split("/");
  const address = tryParseAddress(text);
  if (address === undefined) {
    throw usageError(`Cannot parse address "${text}"`, {
      value: text,
      remedy: "write it like 10.0.0.5 or 10.0.0.5/ID",
    });
  }
  const { keeps } = await watchHistory(source, filter);
  for (const interval of await historyOf(source.store, address)) {
    const object = historyObject(interval);
    if ((id === undefined || object.spec.id === id) && keeps(object)) yield object;
  }
}

/** The row of History. */
export const HISTORY: BoundKind<HistoryObject> = defineKind<HistoryObject>({
  kind: "History",
  plural: "history",
  shortNames: ["hist"],
  nameForm: "ADDRESS[/ID]",
  summary: "who had which address, and when",
  columns: [
    { header: "ADDRESS", value: (o) => o.spec.address },
    { header: "NETWORK", value: (o) => o.spec.network.name },
    { header: "FROM", value: (o) => formatTime(o.spec.start) },
    { header: "UNTIL", value: (o) => o.spec.end === undefined ? "now" : formatTime(o.spec.end) },
    { header: "LASTED", value: (o, { now }) => lasted(o, now) },
    { header: "HOLDER", value: (o) => holderCell(o.spec.holder) },
    { header: "NODE", value: (o) => o.spec.holder.node },
    { header: "ENDED BY", value: (o) => o.spec.endedBy ?? "" },
    { header: "OWNER", wide: true, value: (o) => ownerCell(o.spec.owner) },
    { header: "CLUSTER", wide: true, value: (o) => o.spec.holder.cluster },
    { header: "INTERFACE", wide: true, value: (o) => o.spec.holder.ifname },
    { header: "MAC", wide: true, value: (o) => o.spec.mac ?? "" },
    { header: "CONTAINER", wide: true, value: (o) => o.spec.holder.containerId },
    { header: "REVISIONS", wide: true, value: revisions },
    { header: "NOTE", wide: true, value: timeNote },
  ],
  filters: ["network", "zone", "cluster", "node"],
  nameOf: (o) => o.metadata.name,
  watch: watchHistory,
  list: listHistory,
  find: findHistory,
  describe: (source, object) => {
    const { spec } = object;
    return Promise.resolve([
      ["Address", spec.address],
      ["Network", `${spec.network.name} (uid ${spec.network.uid})`],
      ["VLAN", spec.vlan],
      ["Holder", [
        podOrContainer(spec.holder),
        `interface ${spec.holder.ifname} of container ${spec.holder.containerId}`,
        `on node ${spec.holder.cluster}/${spec.holder.node}`,
      ]],
      ["Owner", spec.owner && formatOwner(spec.owner)],
      ["MAC", spec.mac],
      ["From", `${spec.start} (clock of the node, revision ${spec.startRevision})`],
      [
        "Until",
        spec.end === undefined
          ? "now"
          : `${spec.end} (clock of the node, revision ${spec.endRevision})`,
      ],
      ["Lasted", lasted(object, source.now())],
      ["Ended by", spec.endedBy],
      ["Note", timeNote(object)],
      ["Allocation", spec.id],
    ]);
  },
});

function revisions({ spec }: HistoryObject): string {
  return `${spec.startRevision}-${spec.endRevision ?? ""}`;
}
