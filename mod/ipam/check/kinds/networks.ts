/**
 * Kinds of damage of what administrators declare.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const NETWORK_KINDS = {
  sameVlan: defineKind({
    code: "F-N-01",
    source: "networks",
    severity: "error",
    title: "two networks with one VLAN",
    meaning: "Two networks name the same VLAN of the same physical network.",
    consequence: "They are one segment on the wire: their pods see each other's broadcasts, and " +
      "MAC addresses of one may stop ADDs of the other.",
    remedy: "By hand: give one of them another VLAN while it has no attachments, or move its " +
      "subnets to the other one.",
  }),
  overlap: defineKind({
    code: "F-N-02",
    source: "networks",
    severity: "error",
    title: "subnets overlap that do not say so",
    meaning: "Subnets of two networks overlap, and neither network has allowOverlap.",
    consequence: "One address may be handed out in both networks; routers and people cannot tell " +
      "them apart.",
    remedy: "By hand: say allowOverlap in one of them if it is meant, else shrink one.",
  }),
  unknownPhysical: defineKind({
    code: "F-N-03",
    source: "networks",
    severity: "error",
    title: "a network of an unknown physical network",
    meaning: "The network names a physical network that has no record.",
    consequence: "No edit of the network is accepted, and its MTU has no bound.",
    remedy: "repair puts the record back as it last was, as long as etcd has it. Else by hand: " +
      "apply the PhysicalNetwork.",
  }),
  unknownZone: defineKind({
    code: "F-N-04",
    source: "networks",
    severity: "error",
    title: "a network in an unknown zone",
    meaning: "spec.zones of the network names a zone that has no record.",
    consequence: "ADDs on nodes of that zone fail, and no edit of the network is accepted.",
    remedy: "repair puts the record back as it last was, as long as etcd has it. Else by hand: " +
      "apply the Zone, or remove it from the network.",
  }),
  zoneWithoutPhysical: defineKind({
    code: "F-N-05",
    source: "networks",
    severity: "warning",
    title: "a network names a zone that does not reach it",
    meaning: "spec.zones of the network names a zone that does not list its physical network.",
    consequence: "ADDs of the network fail on nodes of that zone.",
    remedy: "By hand: add the physical network to the zone, or remove the zone from the network.",
  }),
  zonePhysicalUnknown: defineKind({
    code: "F-N-06",
    source: "networks",
    severity: "warning",
    title: "a zone lists an unknown physical network",
    meaning: "spec.physicalNetworks of the zone names a record that does not exist.",
    consequence: "No edit of the zone is accepted.",
    remedy: "repair puts the record back as it last was, as long as etcd has it. Else by hand: " +
      "apply the PhysicalNetwork, or remove it from the zone.",
  }),
  nodeZoneUnknown: defineKind({
    code: "F-N-07",
    source: "networks",
    severity: "error",
    title: "a node in an unknown zone",
    meaning: "The zone of a node has no record.",
    consequence: "Every ADD on the node fails.",
    remedy: "repair puts the record back as it last was, as long as etcd has it. Else by hand: " +
      "apply the Zone, or correct zone in the node's configuration.",
  }),
  goneNode: defineKind({
    code: "F-N-08",
    source: "networks",
    severity: "warning",
    title: "a node record of a host that is gone",
    meaning: "Two node records of one cluster have the same machine id: the host has another " +
      "name by now.",
    consequence: "Attachments under the old name are never cleaned up by the host, and a zone " +
      "cannot be deleted as long as the record names it.",
    remedy: "repair removes the older record when nothing is attached under it. Else by hand: " +
      "fence the old node, so that its addresses may move.",
  }),
  mtuTooLarge: defineKind({
    code: "F-N-09",
    source: "networks",
    severity: "warning",
    title: "networks have an MTU above their physical network's",
    meaning: "spec.mtu of networks is larger than that of their physical network.",
    consequence: "Large packets of their pods are lost on the wire.",
    remedy: "repair lowers it to the physical network's; pods that run keep theirs until they " +
      "are made anew.",
  }),
  invalidDocument: defineKind({
    code: "F-N-10",
    source: "networks",
    severity: "warning",
    title: "a document that apply would refuse",
    meaning: "A stored PhysicalNetwork, Zone, Node or Network breaks the rules for documents.",
    consequence: "Depends on the field; a network whose subnets cannot be parsed stops its ADDs.",
    remedy:
      "repair puts back the last version that keeps the rules, as long as etcd has it. Else " +
      "by hand: apply a corrected document.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
