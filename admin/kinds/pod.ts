/**
 * Pod in `get`: the attachments of Kubernetes' Pods, by the names that people know.
 *
 * @module
 */

import { API_VERSION } from "../../mod/model/resource.ts";
import { formatAge } from "../age.ts";
import { workloadCell } from "../cells.ts";
import { defineKind, type Filter, type KindRow, type Source } from "../kind.ts";
import type { PrintedObject } from "../printable.ts";
import {
  type AttachmentObject,
  describeAttachment,
  findAttachments,
  listAttachments,
} from "./attachment.ts";

interface PodObject extends PrintedObject {
  readonly spec: AttachmentObject["spec"];
}

/** Attachments without a Pod are left out. */
async function* asPods(objects: AsyncIterable<AttachmentObject>): AsyncGenerator<PodObject> {
  for await (const { metadata, spec } of objects) {
    if (spec.pod === undefined) continue;
    const { namespace, name } = spec.pod;
    yield {
      apiVersion: API_VERSION,
      kind: "Pod",
      metadata: { ...metadata, name: `${namespace}/${name}/${spec.ifname}` },
      spec,
    };
  }
}

/** `NAMESPACE/POD`, also with an interface. */
async function* findPods(source: Source, name: string, filter: Filter): AsyncGenerator<PodObject> {
  const [namespace, pod, ifname, ...more] = name.split("/");
  if (namespace === undefined || pod === undefined || more.length > 0) return;
  for await (const object of asPods(findAttachments(source, `${namespace}/${pod}`, filter))) {
    if (ifname === undefined || object.spec.ifname === ifname) yield object;
  }
}

/** The row of Pod. */
export const POD: KindRow = defineKind<PodObject>({
  kind: "Pod",
  plural: "pods",
  shortNames: [],
  nameForm: "NAMESPACE/POD[/INTERFACE]",
  summary: "pods of Kubernetes with their addresses",
  columns: [
    { header: "POD", value: ({ spec: { pod } }) => `${pod?.namespace}/${pod?.name}` },
    { header: "INTERFACE", wide: true, value: (o) => o.spec.ifname },
    { header: "ADDRESSES", value: (o) => o.spec.addresses.map((a) => a.address).join(",") },
    { header: "NETWORK", value: (o) => o.spec.network.name },
    { header: "VLAN", value: (o) => String(o.spec.vlan) },
    { header: "NODE", value: (o) => o.spec.node },
    { header: "OWNER", value: ({ spec: { owner } }) => owner ? workloadCell(owner) : "" },
    { header: "SLOT", value: (o) => o.spec.owner?.slot ?? "" },
    { header: "AGE", value: (o, { now }) => formatAge(o.spec.since, now) },
    { header: "CLUSTER", wide: true, value: (o) => o.spec.cluster },
    { header: "MAC", wide: true, value: (o) => o.spec.mac },
    { header: "UID", wide: true, value: (o) => o.spec.pod?.uid ?? "" },
  ],
  filters: ["network", "zone", "cluster", "node"],
  nameOf: (o) => o.metadata.name,
  list: (source, filter) => asPods(listAttachments(source, filter)),
  find: findPods,
  describe: (_source, { spec }) => Promise.resolve(describeAttachment(spec)),
});
