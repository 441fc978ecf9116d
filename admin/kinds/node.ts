/**
 * Node in `get` and `describe`. Equal names in two clusters are two nodes.
 *
 * @module
 */

import { readPages } from "../../mod/etcd/pages.ts";
import { type KeyRange, underPrefix } from "../../mod/etcd/store.ts";
import { listNodeAttachments } from "../../mod/ipam/release.ts";
import { nodeKey, PREFIXES, unescapeSegment } from "../../mod/ipam/keys.ts";
import { decodeResource } from "../../mod/ipam/stored.ts";
import type { Node } from "../../mod/model/network.ts";
import { formatAge } from "../age.ts";
import { pairs } from "../describe_text.ts";
import {
  defineKind,
  type Filter,
  type KindRow,
  readObject,
  readObjects,
  type Source,
} from "../kind.ts";

const decode = (kv: Parameters<typeof decodeResource>[0]): Node => decodeResource(kv, "Node");

/** All nodes, or those of one cluster or one zone. */
export async function* listNodes(source: Source, filter: Filter): AsyncGenerator<Node> {
  for await (const node of readObjects(source, rangeOf(filter), decode)) {
    if (isInZone(node, filter)) yield node;
  }
}

function rangeOf({ cluster }: Filter): Required<KeyRange> {
  // A node's key is that of its cluster, then its name.
  return underPrefix(cluster === undefined ? PREFIXES.nodes : nodeKey(cluster, "x").slice(0, -1));
}

function isInZone({ spec }: Node, { zone }: Filter): boolean {
  return zone === undefined || spec.zone === zone;
}

/** The clusters that have a node of this name; the one of the filter where it names one. */
export async function clustersOfNode(
  source: Source,
  filter: Filter & { readonly node: string },
): Promise<readonly string[]> {
  if (filter.cluster !== undefined) return [filter.cluster];
  const clusters: string[] = [];
  const pages = readPages(source.store, underPrefix(PREFIXES.nodes), { keysOnly: true });
  for await (const kvs of pages) {
    for (const { key } of kvs) {
      const [, cluster = "", name = ""] = key.split("/").map(unescapeSegment);
      if (name === filter.node) clusters.push(cluster);
    }
  }
  return clusters;
}

/** `NAME` in any cluster, or `CLUSTER/NAME`. */
async function* findNodes(source: Source, name: string, filter: Filter): AsyncGenerator<Node> {
  const slash = name.indexOf("/");
  const cluster = slash < 0 ? filter.cluster : name.slice(0, slash);
  const node = name.slice(slash + 1);
  if (cluster !== undefined) {
    yield* readObject(source, nodeKey(cluster, node), decode);
    return;
  }
  for await (const candidate of listNodes(source, {})) {
    if (candidate.metadata.name === node) yield candidate;
  }
}

/** The row of Node. */
export const NODE: KindRow = defineKind<Node>({
  kind: "Node",
  plural: "nodes",
  shortNames: ["no"],
  nameForm: "[CLUSTER/]NAME",
  summary: "hosts that run pods; each registers itself by its first ADD",
  columns: [
    { header: "NAME", value: (o) => o.metadata.name },
    { header: "CLUSTER", value: (o) => o.spec.cluster },
    { header: "ZONE", value: (o) => o.spec.zone },
    { header: "FENCED", value: (o) => o.spec.fenced === undefined ? "no" : "yes" },
    { header: "AGE", value: (o, { now }) => formatAge(o.metadata.creationTimestamp, now) },
    { header: "VERSION", wide: true, value: (o) => o.status?.version ?? "" },
    { header: "MACHINE ID", wide: true, value: (o) => o.status?.machineId ?? "" },
    { header: "BOOT ID", wide: true, value: (o) => o.status?.bootId ?? "" },
  ],
  filters: ["zone", "cluster"],
  nameOf: (o) => `${o.spec.cluster}/${o.metadata.name}`,
  list: listNodes,
  watch: (_source, filter) =>
    Promise.resolve({
      range: rangeOf(filter),
      decode,
      keeps: (node: Node) => isInZone(node, filter),
    }),
  find: findNodes,
  async describe(source, object) {
    const { metadata, spec, status } = object;
    let attachments = 0;
    for await (const _ of listNodeAttachments(source.store, spec.cluster, metadata.name)) {
      attachments++;
    }
    const { fenced } = spec;
    return [
      ["Name", metadata.name],
      ["Cluster", spec.cluster],
      ["Zone", spec.zone],
      ["Labels", pairs(metadata.labels)],
      ["Annotations", pairs(metadata.annotations)],
      ["Created", metadata.creationTimestamp],
      ["Description", spec.description],
      ["Machine id", status?.machineId],
      ["Boot id", status?.bootId],
      ["Version", status?.version],
      ["Fenced", fenced && [`by ${fenced.by ?? "?"} at ${fenced.at ?? "?"}`, fenced.reason ?? ""]],
      ["Attachments", attachments],
    ];
  },
});
