/**
 * Attachment in `get` and `describe`: one interface of one sandbox on one node.
 *
 * @module
 */

import { hostIfname } from "../../mod/host/ifname.ts";
import { type KeyValue, underPrefix } from "../../mod/etcd/store.ts";
import {
  attachmentKey,
  escapeSegment,
  nodeAttachmentPrefix,
  PREFIXES,
} from "../../mod/ipam/keys.ts";
import { attachmentsOfPod, clusterNames } from "../../mod/ipam/pod_attachments.ts";
import { decodeRecord } from "../../mod/ipam/stored.ts";
import { formatOwner } from "../../mod/model/identity.ts";
import { AttachmentRecordSchema } from "../../mod/model/records.ts";
import { API_VERSION, type Resource } from "../../mod/model/resource.ts";
import { formatAge } from "../age.ts";
import { ownerCell, podOrContainer, SHORT_ID } from "../cells.ts";
import type { Description } from "../describe_text.ts";
import {
  defineKind,
  type Filter,
  type KindRow,
  readObject,
  readWatched,
  type Source,
  type WatchedObjects,
} from "../kind.ts";
import { clustersOfNode } from "./node.ts";
import { zoneScope } from "./zone_scope.ts";

/** The record without its schema's number. */
function specOf(kv: KeyValue) {
  const { v: _, ...record } = decodeRecord(AttachmentRecordSchema, kv);
  return record;
}

/** An attachment as users see it. */
export type AttachmentObject = Resource<"Attachment", ReturnType<typeof specOf>>;

/** The attachment that a key holds. */
export function decodeAttachment(kv: KeyValue): AttachmentObject {
  const spec = specOf(kv);
  return {
    apiVersion: API_VERSION,
    kind: "Attachment",
    metadata: {
      name: `${spec.cluster}/${spec.node}/${spec.containerId}/${spec.ifname}`,
      creationTimestamp: spec.since,
      resourceVersion: String(kv.modRevision),
    },
    spec,
  };
}

/** Those that the filter leaves, within the narrowest ranges. */
async function watchedRanges(
  source: Source,
  filter: Filter,
): Promise<readonly Required<WatchedObjects<AttachmentObject>>[]> {
  const { node, network, cluster } = filter;
  const scope = await zoneScope(source, filter);
  const prefixes = node !== undefined
    ? (await clustersOfNode(source, { ...filter, node })).map((c) => nodeAttachmentPrefix(c, node))
    : cluster !== undefined
    ? [`${PREFIXES.attachments}${escapeSegment(cluster)}/`]
    : [PREFIXES.attachments];
  const keeps = ({ spec }: AttachmentObject): boolean =>
    (network === undefined || spec.network.name === network) &&
    (cluster === undefined || spec.cluster === cluster) &&
    (node === undefined || spec.node === node) &&
    scope.hasNode(spec);
  return prefixes.map((prefix) => ({
    range: underPrefix(prefix),
    decode: decodeAttachment,
    keeps,
  }));
}

/** Those that the filter leaves; with a node, by its range alone. */
export async function* listAttachments(
  source: Source,
  filter: Filter,
): AsyncGenerator<AttachmentObject> {
  for (const watched of await watchedRanges(source, filter)) yield* readWatched(source, watched);
}

/** Several clusters may have a node of that name, or get one: then all attachments are watched. */
async function watchAttachments(
  source: Source,
  filter: Filter,
): Promise<WatchedObjects<AttachmentObject>> {
  const ranges = await watchedRanges(source, filter);
  const [first] = ranges;
  if (first !== undefined && ranges.length === 1) return first;
  const { node: _, ...rest } = filter;
  const [whole] = await watchedRanges(source, rest);
  if (whole === undefined) throw new TypeError("a filter without a node has one range");
  const keeps = (object: AttachmentObject): boolean =>
    whole.keeps(object) && object.spec.node === filter.node;
  return { ...whole, keeps };
}

/**
 * `CLUSTER/NODE/CONTAINER/INTERFACE`, or a part that people know: a container id (at least its
 * first six characters) or `NAMESPACE/POD`, which is looked up and not searched for where its name
 * tells to whom its addresses belong.
 */
export async function* findAttachments(
  source: Source,
  name: string,
  filter: Filter,
): AsyncGenerator<AttachmentObject> {
  const [cluster, node, containerId, ifname, ...more] = name.split("/");
  if (node !== undefined && containerId !== undefined && ifname !== undefined) {
    if (more.length > 0) return;
    const key = attachmentKey({ cluster: cluster ?? "", node, containerId, ifname });
    yield* readObject(source, key, decodeAttachment);
    return;
  }
  const { keeps } = await watchAttachments(source, filter);
  if (node !== undefined && containerId === undefined) {
    const clusters = filter.cluster === undefined ? await clusterNames(source.store) : [
      filter.cluster,
    ];
    const pod = { namespace: cluster ?? "", name: node };
    const kvs = await attachmentsOfPod(source.store, { ...pod, clusters });
    for (const kv of kvs) {
      const object = decodeAttachment(kv);
      if (keeps?.(object) !== false) yield object;
    }
    if (kvs.length > 0) return;
  }
  for await (const object of listAttachments(source, filter)) {
    const { pod, containerId } = object.spec;
    const isPod = pod !== undefined && name === `${pod.namespace}/${pod.name}`;
    const isContainer = containerId === name || (name.length >= 6 && containerId.startsWith(name));
    if (isPod || isContainer) yield object;
  }
}

/** What `describe` says of an attachment. */
export function describeAttachment(spec: AttachmentObject["spec"]): Description {
  return [
    ["Holder", podOrContainer(spec)],
    ["Pod UID", spec.pod?.uid],
    ["Container", spec.containerId],
    ["Interface", spec.ifname],
    ["Node", `${spec.cluster}/${spec.node}`],
    ["Network", spec.network.name],
    ["Segment", `VLAN ${spec.vlan} of ${spec.physicalNetwork}`],
    ["MAC", spec.mac],
    ["Owner", spec.owner && formatOwner(spec.owner)],
    ["CNI configuration", spec.confName],
    ["Namespace", spec.netns],
    ["Machine id", spec.machineId],
    ["Boot id", spec.bootId],
    ["Since", spec.since],
    ["Addresses", {
      header: ["ADDRESS", "GATEWAY", "ALLOCATION"],
      rows: spec.addresses.map(({ address, gateway, id }) => [address, gateway ?? "", id]),
    }],
  ];
}

/** The row of Attachment. */
export const ATTACHMENT: KindRow = defineKind<AttachmentObject>({
  kind: "Attachment",
  plural: "attachments",
  shortNames: ["att"],
  nameForm: "CLUSTER/NODE/CONTAINER/INTERFACE | CONTAINER | NAMESPACE/POD",
  summary: "interfaces of sandboxes on nodes, with their addresses",
  columns: [
    { header: "HOLDER", value: (o) => podOrContainer(o.spec) },
    { header: "INTERFACE", value: (o) => o.spec.ifname },
    { header: "NODE", value: (o) => o.spec.node },
    { header: "NETWORK", value: (o) => o.spec.network.name },
    { header: "ADDRESSES", value: (o) => o.spec.addresses.map((a) => a.address).join(",") },
    { header: "AGE", value: (o, { now }) => formatAge(o.spec.since, now) },
    { header: "CLUSTER", wide: true, value: (o) => o.spec.cluster },
    { header: "CONTAINER", wide: true, value: (o) => o.spec.containerId.slice(0, SHORT_ID) },
    { header: "VLAN", wide: true, value: (o) => String(o.spec.vlan) },
    { header: "MAC", wide: true, value: (o) => o.spec.mac },
    { header: "OWNER", wide: true, value: (o) => ownerCell(o.spec.owner) },
    { header: "CONF", wide: true, value: (o) => o.spec.confName },
  ],
  filters: ["network", "zone", "cluster", "node"],
  nameOf: (o) => o.metadata.name,
  watch: watchAttachments,
  list: listAttachments,
  find: findAttachments,
  describe: async (_source, { spec }) => [
    ...describeAttachment(spec),
    ["Port", await hostIfname(spec.containerId, spec.ifname)],
  ],
});
