/**
 * PhysicalNetwork in `get` and `describe`.
 *
 * @module
 */

import { underPrefix } from "../../mod/etcd/store.ts";
import { physicalNetworkKey, PREFIXES } from "../../mod/ipam/keys.ts";
import { decodeResource } from "../../mod/ipam/stored.ts";
import { DEFAULT_MTU, type Network, type PhysicalNetwork } from "../../mod/model/network.ts";
import { formatAge } from "../age.ts";
import { pairs } from "../describe_text.ts";
import { defineKind, type KindRow, readObject, readObjects } from "../kind.ts";
import { listNetworks } from "./network.ts";
import { listZones } from "./zone.ts";

const decode = (kv: Parameters<typeof decodeResource>[0]): PhysicalNetwork =>
  decodeResource(kv, "PhysicalNetwork");

/** The row of PhysicalNetwork. */
export const PHYSICAL_NETWORK: KindRow = defineKind<PhysicalNetwork>({
  kind: "PhysicalNetwork",
  plural: "physicalnetworks",
  shortNames: ["pn", "phys"],
  nameForm: "NAME",
  summary: "layer-2 broadcast domains, each on one bridge of a node",
  columns: [
    { header: "NAME", value: (o) => o.metadata.name },
    { header: "MTU", value: (o) => String(o.spec.mtu ?? DEFAULT_MTU) },
    { header: "AGE", value: (o, { now }) => formatAge(o.metadata.creationTimestamp, now) },
    { header: "DESCRIPTION", wide: true, value: (o) => o.spec.description ?? "" },
  ],
  filters: [],
  nameOf: (o) => o.metadata.name,
  watch: () => Promise.resolve({ range: underPrefix(PREFIXES.physicalNetworks), decode }),
  list: (source) => readObjects(source, underPrefix(PREFIXES.physicalNetworks), decode),
  find: (source, name) => readObject(source, physicalNetworkKey(name), decode),
  async describe(source, object) {
    const { metadata, spec } = object;
    const networks: Network[] = [];
    for await (const network of listNetworks(source)) {
      if (network.spec.physicalNetwork === metadata.name) networks.push(network);
    }
    const zones: string[] = [];
    for await (const zone of listZones(source)) {
      if (zone.spec.physicalNetworks.includes(metadata.name)) zones.push(zone.metadata.name);
    }
    return [
      ["Name", metadata.name],
      ["Labels", pairs(metadata.labels)],
      ["Annotations", pairs(metadata.annotations)],
      ["Created", metadata.creationTimestamp],
      ["Description", spec.description],
      ["MTU", spec.mtu ?? DEFAULT_MTU],
      ["Zones", zones],
      ["Networks", {
        header: ["NAME", "VLAN", "SUBNETS"],
        rows: networks.toSorted((a, b) => a.spec.vlan - b.spec.vlan).map((network) => [
          network.metadata.name,
          String(network.spec.vlan),
          network.spec.subnets.map(({ cidr }) => cidr).join(","),
        ]),
      }],
    ];
  },
});
