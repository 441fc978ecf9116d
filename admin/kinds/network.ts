/**
 * Network in `get` and `describe`.
 *
 * @module
 */

import { underPrefix } from "../../mod/etcd/store.ts";
import { networkKey, PREFIXES } from "../../mod/ipam/keys.ts";
import { decodeResource } from "../../mod/ipam/stored.ts";
import {
  type Allowed,
  coolingSeconds,
  DEFAULT_MTU,
  type Network,
  type Retention,
  type Zone,
} from "../../mod/model/network.ts";
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
import { usageTable } from "../usage_table.ts";
import { zoneScope } from "./zone_scope.ts";

const decode = (kv: Parameters<typeof decodeResource>[0]): Network => decodeResource(kv, "Network");

/** All networks. */
export function listNetworks(source: Source): AsyncGenerator<Network> {
  return readObjects(source, underPrefix(PREFIXES.networks), decode);
}

async function* listInZone(source: Source, filter: Filter): AsyncGenerator<Network> {
  const { hasNetwork } = await zoneScope(source, filter);
  for await (const network of listNetworks(source)) if (hasNetwork(network)) yield network;
}

/** True where a node of the zone can have interfaces in the network. */
export function reaches(network: Network, zone: Zone): boolean {
  const { zones, physicalNetwork } = network.spec;
  return zone.spec.physicalNetworks.includes(physicalNetwork) &&
    (zones === undefined || zones.includes(zone.metadata.name));
}

function subnets(network: Network, part: "cidr" | "gateway"): string {
  return network.spec.subnets.flatMap((subnet) => subnet[part] ?? []).join(",");
}

function formatAllowed(allowed: Allowed | undefined): readonly string[] {
  if (allowed === undefined) return ["everyone"];
  const { clusters, namespaces, namespaceSelector, tenants } = allowed;
  return [
    ...(clusters === undefined ? [] : [`clusters ${clusters.join(", ")}`]),
    ...(namespaces === undefined ? [] : [`namespaces ${namespaces.join(", ")}`]),
    ...(namespaceSelector === undefined
      ? []
      : [`namespaces with ${pairs(namespaceSelector).join(",")}`]),
    ...(tenants === undefined ? [] : [`tenants ${tenants.join(", ")}`]),
  ];
}

function formatRetention(retention: Retention | undefined): string {
  const { maxAgeDays, maxRecords } = retention ?? {};
  const rules = [
    ...(maxAgeDays === undefined ? [] : [`${maxAgeDays} days`]),
    ...(maxRecords === undefined ? [] : [`${maxRecords} records`]),
  ];
  return rules.length === 0 ? "kept for ever" : `kept for at most ${rules.join(" and ")}`;
}

/** The row of Network. */
export const NETWORK: KindRow = defineKind<Network>({
  kind: "Network",
  plural: "networks",
  shortNames: ["net"],
  nameForm: "NAME",
  summary: "segments: a VLAN of a physical network, with its subnets",
  columns: [
    { header: "NAME", value: (o) => o.metadata.name },
    { header: "PHYSICAL NETWORK", value: (o) => o.spec.physicalNetwork },
    { header: "VLAN", value: (o) => String(o.spec.vlan) },
    { header: "SUBNETS", value: (o) => subnets(o, "cidr") },
    { header: "AGE", value: (o, { now }) => formatAge(o.metadata.creationTimestamp, now) },
    { header: "MTU", wide: true, value: (o) => String(o.spec.mtu ?? DEFAULT_MTU) },
    { header: "GATEWAYS", wide: true, value: (o) => subnets(o, "gateway") },
    { header: "ZONES", wide: true, value: (o) => o.spec.zones?.join(",") ?? "all" },
    { header: "DESCRIPTION", wide: true, value: (o) => o.spec.description ?? "" },
  ],
  filters: ["zone"],
  nameOf: (o) => o.metadata.name,
  list: listInZone,
  async watch(source, filter) {
    const { hasNetwork } = await zoneScope(source, filter);
    return { range: underPrefix(PREFIXES.networks), decode, keeps: hasNetwork };
  },
  find: (source, name) => readObject(source, networkKey(name), decode),
  async describe(source, object) {
    const { metadata, spec } = object;
    return [
      ["Name", metadata.name],
      ["UID", metadata.uid],
      ["Labels", pairs(metadata.labels)],
      ["Annotations", pairs(metadata.annotations)],
      ["Created", metadata.creationTimestamp],
      ["Description", spec.description],
      ["Physical network", spec.physicalNetwork],
      ["VLAN", spec.vlan === 0 ? "untagged" : spec.vlan],
      ["MTU", spec.mtu ?? DEFAULT_MTU],
      ["Zones", spec.zones ?? `all with physical network ${spec.physicalNetwork}`],
      ["Allowed", formatAllowed(spec.allowed)],
      ["DNS", (spec.dns?.nameservers ?? []).concat(spec.dns?.search ?? [])],
      ["Routes", (spec.routes ?? []).map(({ to, via }) => `${to} via ${via ?? "the gateway"}`)],
      ["Cooling", `${coolingSeconds(spec)} s`],
      ["History", formatRetention(spec.history)],
      ["Subnets", {
        header: ["CIDR", "GATEWAY", "RANGES", "EXCLUDED"],
        rows: spec.subnets.map(({ cidr, gateway, ranges, exclude }) => [
          cidr,
          gateway ?? "",
          ranges?.join(",") ?? "all",
          exclude?.join(",") ?? "",
        ]),
      }],
      ["Usage", await usageTable(source.store, object)],
    ];
  },
});
