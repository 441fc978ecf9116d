/**
 * Kinds of damage of a node's way to Services.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const SERVICE_KINDS = {
  missing: defineKind({
    code: "F-E-01",
    source: "node",
    severity: "error",
    title: "a network has no way to Services here",
    meaning:
      "Pods of the network have the way to Services, and its devices or its port are missing, " +
      "or were made for other Service ranges or another address of the node.",
    consequence:
      "Its pods on this node reach no Service, and the node does not reach them: probes fail.",
    remedy: "repair sets it up again, as the next ADD or STATUS would.",
  }),
  flowsMissing: defineKind({
    code: "F-E-02",
    source: "node",
    severity: "error",
    title: "flows of the way to Services are missing",
    meaning: "The bridge has fewer flows than its networks and pods have to have.",
    consequence: "Some or all pods of this node reach no Service; direct traffic goes on.",
    remedy: "repair makes them again, without a gap.",
  }),
  flowsLeft: defineKind({
    code: "F-E-03",
    source: "node",
    severity: "warning",
    title: "flows of pods that are gone",
    meaning: "Flows of the way to Services stand for a pod or a network that is not here.",
    consequence: "A pod that gets the same port number or address may get frames that are not its.",
    remedy: "repair deletes them.",
  }),
  rules: defineKind({
    code: "F-E-04",
    source: "node",
    severity: "error",
    title: "rules or routes of the way to Services are missing",
    meaning:
      "The table `inet fabric_services`, a rule of `ip rule`, or a route of a network's table " +
      "is not as the set-up made it.",
    consequence:
      "Pods reach no Services, or reach them in the node's name, or others pass through the node " +
      "to pods.",
    remedy: "repair sets it up again.",
  }),
  podRoute: defineKind({
    code: "F-E-05",
    source: "node",
    severity: "error",
    title: "the node has no route to a pod of its own",
    meaning:
      "A host route in table 2000000, or the permanent neighbour on the network's device, is missing " +
      "or another one.",
    consequence: "The pod gets no answers from Services, and the kubelet's probes of it fail.",
    remedy: "repair makes them.",
  }),
  routeLeft: defineKind({
    code: "F-E-06",
    source: "node",
    severity: "warning",
    title: "a route to a pod that is gone",
    meaning: "Table 2000000 has a route to an address that no pod of this node has.",
    consequence: "The node does not reach whoever has the address now.",
    remedy: "repair deletes it.",
  }),
  inPod: defineKind({
    code: "F-E-07",
    source: "pods",
    severity: "error",
    title: "a pod lacks its routes to Services",
    meaning:
      "In the pod a route to a Service range or to the node, or the neighbour of their next hop, is " +
      "missing or another one; as after a change of the node's address.",
    consequence: "The pod asks the wire for Services, which does not know them.",
    remedy: "repair makes them in the pod.",
  }),
  switchedOff: defineKind({
    code: "F-E-08",
    source: "node",
    severity: "warning",
    title: "the way to Services is there, and switched off",
    meaning:
      "The node's configuration has no `services`, and devices, flows or rules of them are left.",
    consequence: "The node forwards for pods though it should not.",
    remedy: "repair removes it, as the next STATUS or GC would; pods are to be restarted.",
  }),
} satisfies Record<string, Kind>;
