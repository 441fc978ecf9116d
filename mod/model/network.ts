/**
 * The kinds that describe the data centre: PhysicalNetwork, Zone, Node and Network. They are
 * written by administrators only and hold no counter or status that an ADD would change, because
 * every ADD compares the network's revision.
 *
 * The schemas describe shapes and are lenient about unknown fields, so that old and new versions
 * can read each other's objects; what an administrator writes is held to more by `validate.ts`.
 *
 * @module
 */

import * as v from "valibot";
import { described } from "./described.ts";
import type { Resource } from "./resource.ts";

export const PhysicalNetworkSpecSchema = v.looseObject({
  mtu: v.optional(
    described(v.number(), "Largest MTU of the wire in octets, 1280 to 65535; default 1500"),
  ),
  description: v.optional(described(v.string(), "What it is, for people")),
});
export type PhysicalNetworkSpec = v.InferOutput<typeof PhysicalNetworkSpecSchema>;
/** A named layer-2 broadcast domain, mapped on each node to one bridge and its uplink. */
export type PhysicalNetwork = Resource<"PhysicalNetwork", PhysicalNetworkSpec>;

export const DEFAULT_MTU = 1500;

export const ZoneSpecSchema = v.looseObject({
  physicalNetworks: described(
    v.array(v.string()),
    "Physical networks that every node of the zone reaches",
  ),
  description: v.optional(described(v.string(), "What it is, for people")),
});
export type ZoneSpec = v.InferOutput<typeof ZoneSpecSchema>;
/** A partition of the data centre: the nodes that share physical networks. */
export type Zone = Resource<"Zone", ZoneSpec>;

export const NodeSpecSchema = v.looseObject({
  cluster: described(v.string(), "Cluster of the node; `local` where there is none"),
  zone: described(v.string(), "Zone of the node"),
  description: v.optional(described(v.string(), "What it is, for people")),
  fenced: v.optional(described(
    v.looseObject({
      by: v.optional(described(v.string(), "Whose word it is")),
      at: v.optional(described(v.string(), "When it was given (RFC 3339)")),
      reason: v.optional(described(v.string(), "Why it is believed")),
    }),
    "An administrator's word that the node is dead: its attachments count as ended",
  )),
  replaced: v.optional(described(
    v.array(v.looseObject({
      machineId: described(v.string(), "machine-id of that machine"),
      by: v.optional(described(v.string(), "Whose word it is")),
      at: v.optional(described(v.string(), "When it was given (RFC 3339)")),
      reason: v.optional(described(v.string(), "Why it is believed")),
    })),
    "Machines that had the node's name before and gave it up: their attachments count as ended",
  )),
});
export type NodeSpec = v.InferOutput<typeof NodeSpecSchema>;
export const NodeStatusSchema = v.looseObject({
  machineId: v.optional(described(v.string(), "machine-id of the host that claimed the name")),
  bootId: v.optional(described(v.string(), "boot id of its last ADD")),
  version: v.optional(described(v.string(), "Version of fabric on the node")),
  schema: v.optional(described(v.number(), "Newest schema that the node can read")),
});
export type NodeStatus = v.InferOutput<typeof NodeStatusSchema>;
/** A host that runs pods. It registers itself with its first ADD. */
export type Node = Resource<"Node", NodeSpec, NodeStatus>;

export const SubnetSchema = v.looseObject({
  cidr: described(v.string(), "Canonical CIDR, e.g. 10.10.0.0/24"),
  gateway: v.optional(described(
    v.string(),
    "Address of the router: in the CIDR, or an IPv6 link-local address, unless gatewayOnLink",
  )),
  gatewayOnLink: v.optional(described(
    v.boolean(),
    "The gateway lies outside the CIDR on purpose and is reached on the link directly",
  )),
  ranges: v.optional(described(
    v.array(v.string()),
    "Addresses to hand out: first-last, CIDR or one address; default: all of the subnet",
  )),
  exclude: v.optional(described(
    v.array(v.string()),
    "Addresses never to hand out: first-last, CIDR or one address",
  )),
});
export type Subnet = v.InferOutput<typeof SubnetSchema>;

export const DnsSchema = v.looseObject({
  nameservers: v.optional(described(v.array(v.string()), "Addresses of name servers")),
  domain: v.optional(described(v.string(), "Local domain")),
  search: v.optional(described(v.array(v.string()), "Domains that short names are looked up in")),
  options: v.optional(described(v.array(v.string()), "Options of resolv.conf, e.g. ndots:2")),
});
export type Dns = v.InferOutput<typeof DnsSchema>;

export const RouteSchema = v.looseObject({
  to: described(v.string(), "Destination CIDR"),
  via: v.optional(described(v.string(), "Next hop in the network; default: the gateway")),
});
export type Route = v.InferOutput<typeof RouteSchema>;

export const AllowedSchema = v.looseObject({
  clusters: v.optional(described(v.array(v.string()), "Clusters (UID of kube-system, or local)")),
  namespaces: v.optional(described(v.array(v.string()), "Namespaces by name")),
  namespaceSelector: v.optional(
    described(v.record(v.string(), v.string()), "Namespaces that carry all these labels"),
  ),
  tenants: v.optional(described(v.array(v.string()), "Tenants (departments) by name")),
});
export type Allowed = v.InferOutput<typeof AllowedSchema>;

const Limit = v.number();
const Limits = v.record(v.string(), Limit);
export const QuotasSchema = v.looseObject({
  perNamespace: v.optional(described(Limit, "Interfaces that one namespace may have here")),
  perTenant: v.optional(described(Limit, "Interfaces that one tenant may have here")),
  namespaces: v.optional(described(Limits, "The same for single namespaces by name")),
  tenants: v.optional(described(Limits, "The same for single tenants by name")),
});
export type Quotas = v.InferOutput<typeof QuotasSchema>;

export const RetentionSchema = v.looseObject({
  maxAgeDays: v.optional(
    described(v.number(), "Ended records older than this may be trimmed once exported"),
  ),
  maxRecords: v.optional(
    described(v.number(), "Keep at most so many ended records of the network; oldest go first"),
  ),
});
export type Retention = v.InferOutput<typeof RetentionSchema>;

export const NetworkSpecSchema = v.looseObject({
  physicalNetwork: described(v.string(), "Physical network that carries the VLAN"),
  vlan: described(v.number(), "VLAN id, 1 to 4094; 0 = untagged"),
  mtu: v.optional(described(
    v.number(),
    "MTU of the pods' interfaces; default and upper bound: that of the physical network",
  )),
  zones: v.optional(described(
    v.array(v.string()),
    "Zones that the network reaches; default: every zone that lists its physical network",
  )),
  subnets: described(
    v.array(SubnetSchema),
    "Subnets of either family; a full network grows by one",
  ),
  dns: v.optional(described(DnsSchema, "Resolver settings handed to the runtime")),
  routes: v.optional(described(v.array(RouteSchema), "Further routes of the pods")),
  allowed: v.optional(described(AllowedSchema, "Who may use the network; default: everyone")),
  quotas: v.optional(
    described(QuotasSchema, "How many interfaces of Pods may have addresses; default: no limit"),
  ),
  coolingSeconds: v.optional(described(
    v.number(),
    "Seconds before a released address is handed out again, 0 to 604800; default 60",
  )),
  history: v.optional(described(RetentionSchema, "How long ended history records are kept")),
  allowOverlap: v.optional(described(
    v.boolean(),
    "The subnets overlap those of another network on purpose",
  )),
  description: v.optional(described(v.string(), "What it is, for people")),
});
export type NetworkSpec = v.InferOutput<typeof NetworkSpecSchema>;
/** One segment: a VLAN of a physical network, with its subnets. */
export type Network = Resource<"Network", NetworkSpec>;

export const DEFAULT_COOLING_SECONDS = 60;

/** Seconds that a released address of the network rests. */
export function coolingSeconds(spec: NetworkSpec): number {
  return spec.coolingSeconds ?? DEFAULT_COOLING_SECONDS;
}
