/**
 * Port in `get`: the attachments as Open vSwitch sees them. The name of a port follows from its
 * container and interface, so it is known without asking the node.
 *
 * @module
 */

import { HOST_IFNAME_PREFIX, hostIfname } from "../../mod/host/ifname.ts";
import { API_VERSION } from "../../mod/model/resource.ts";
import { formatAge } from "../age.ts";
import { podOrContainer } from "../cells.ts";
import { defineKind, type KindRow } from "../kind.ts";
import type { PrintedObject } from "../printable.ts";
import {
  type AttachmentObject,
  describeAttachment,
  findAttachments,
  listAttachments,
} from "./attachment.ts";

interface PortObject extends PrintedObject {
  readonly spec: AttachmentObject["spec"] & { readonly port: string };
}

async function* asPorts(objects: AsyncIterable<AttachmentObject>): AsyncGenerator<PortObject> {
  for await (const { metadata, spec } of objects) {
    const port = await hostIfname(spec.containerId, spec.ifname);
    yield { apiVersion: API_VERSION, kind: "Port", metadata, spec: { port, ...spec } };
  }
}

/** By what an attachment is found, or by the name of the port itself. */
async function* findPorts(
  source: Parameters<typeof listAttachments>[0],
  name: string,
  filter: Parameters<typeof listAttachments>[1],
): AsyncGenerator<PortObject> {
  if (!name.startsWith(HOST_IFNAME_PREFIX) || name.includes("/")) {
    yield* asPorts(findAttachments(source, name, filter));
    return;
  }
  for await (const port of asPorts(listAttachments(source, filter))) {
    if (port.spec.port === name) yield port;
  }
}

/** The row of Port. */
export const PORT: KindRow = defineKind<PortObject>({
  kind: "Port",
  plural: "ports",
  shortNames: ["po"],
  nameForm: "PORT | as an attachment",
  summary: "attachments as ports of Open vSwitch; computed, not stored",
  columns: [
    { header: "PORT", value: (o) => o.spec.port },
    { header: "NODE", value: (o) => o.spec.node },
    { header: "PHYSICAL NETWORK", value: (o) => o.spec.physicalNetwork },
    { header: "VLAN", value: (o) => String(o.spec.vlan) },
    { header: "MAC", value: (o) => o.spec.mac },
    { header: "HOLDER", value: (o) => podOrContainer(o.spec) },
    { header: "INTERFACE", value: (o) => o.spec.ifname },
    { header: "CLUSTER", wide: true, value: (o) => o.spec.cluster },
    { header: "NETWORK", wide: true, value: (o) => o.spec.network.name },
    {
      header: "ADDRESSES",
      wide: true,
      value: (o) => o.spec.addresses.map(({ address }) => address).join(","),
    },
    { header: "CONTAINER", wide: true, value: (o) => o.spec.containerId },
    { header: "AGE", wide: true, value: (o, { now }) => formatAge(o.spec.since, now) },
  ],
  filters: ["network", "zone", "cluster", "node"],
  nameOf: (o) => o.spec.port,
  list: (source, filter) => asPorts(listAttachments(source, filter)),
  find: findPorts,
  describe: (_source, { spec }) =>
    Promise.resolve([["Port", spec.port], ...describeAttachment(spec)]),
});
