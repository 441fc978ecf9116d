/**
 * Zone in `get` and `describe`.
 *
 * @module
 */

import { underPrefix } from "../../mod/etcd/store.ts";
import { PREFIXES, zoneKey } from "../../mod/ipam/keys.ts";
import { decodeResource } from "../../mod/ipam/stored.ts";
import type { Zone } from "../../mod/model/network.ts";
import { formatAge } from "../age.ts";
import { pairs } from "../describe_text.ts";
import { defineKind, type KindRow, readObject, readObjects, type Source } from "../kind.ts";
import { listNetworks, reaches } from "./network.ts";
import { listNodes } from "./node.ts";

const decode = (kv: Parameters<typeof decodeResource>[0]): Zone => decodeResource(kv, "Zone");

/** All zones. */
export function listZones(source: Source): AsyncGenerator<Zone> {
  return readObjects(source, underPrefix(PREFIXES.zones), decode);
}

/** The row of Zone. */
export const ZONE: KindRow = defineKind<Zone>({
  kind: "Zone",
  plural: "zones",
  shortNames: ["zo"],
  nameForm: "NAME",
  summary: "parts of the data centre that share physical networks",
  columns: [
    { header: "NAME", value: (o) => o.metadata.name },
    { header: "PHYSICAL NETWORKS", value: (o) => o.spec.physicalNetworks.join(",") },
    { header: "AGE", value: (o, { now }) => formatAge(o.metadata.creationTimestamp, now) },
    { header: "DESCRIPTION", wide: true, value: (o) => o.spec.description ?? "" },
  ],
  filters: [],
  nameOf: (o) => o.metadata.name,
  watch: () => Promise.resolve({ range: underPrefix(PREFIXES.zones), decode }),
  list: (source) => listZones(source),
  find: (source, name) => readObject(source, zoneKey(name), decode),
  async describe(source, object) {
    const { metadata, spec } = object;
    const networks: string[] = [];
    for await (const network of listNetworks(source)) {
      if (reaches(network, object)) networks.push(network.metadata.name);
    }
    let nodes = 0;
    for await (const node of listNodes(source, {})) {
      if (node.spec.zone === metadata.name) nodes++;
    }
    return [
      ["Name", metadata.name],
      ["Labels", pairs(metadata.labels)],
      ["Annotations", pairs(metadata.annotations)],
      ["Created", metadata.creationTimestamp],
      ["Description", spec.description],
      ["Physical networks", spec.physicalNetworks],
      ["Nodes", nodes],
      ["Networks", networks],
    ];
  },
});
