/**
 * Kinds of damage between the store and Kubernetes.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const KUBERNETES_KINDS = {
  podWithoutAttachment: defineKind({
    code: "F-K-01",
    source: "kubernetes",
    severity: "error",
    title: "a running Pod without an attachment",
    meaning: "Kubernetes has an address for the Pod, and no attachment is recorded for it.",
    consequence: "Its addresses count as free and may be handed out to somebody else.",
    remedy:
      "By hand: check its node (fabric-admin check node there); else delete the Pod, and the " +
      "one that replaces it is recorded.",
  }),
  otherAddress: defineKind({
    code: "F-K-02",
    source: "kubernetes",
    severity: "error",
    title: "a Pod whose address in Kubernetes is not ours",
    meaning: "The Pod's status.podIPs names an address that its attachment does not have.",
    consequence: "Services and DNS lead to an address that belongs to nobody, or to somebody else.",
    remedy: "By hand: delete the Pod. Where it comes back, another plugin of the node's conflist " +
      "gives addresses too.",
  }),
  twice: defineKind({
    code: "F-K-03",
    source: "kubernetes",
    severity: "error",
    title: "two live Pods with one address",
    meaning: "Two Pods that run name the same address in status.podIPs.",
    consequence: "Frames for both go now to one of them, now to the other.",
    remedy: "By hand: delete the one that has no attachment with that address.",
  }),
  otherNode: defineKind({
    code: "F-K-04",
    source: "kubernetes",
    severity: "error",
    title: "a Pod is held on another node than it runs on",
    meaning: "The attachment of the Pod names another node than spec.nodeName of the Pod.",
    consequence: "A DEL on its node finds nothing, and its fixed address cannot move.",
    remedy: "By hand: correct node in the configuration of that host, and delete the Pod.",
  }),
  workloadGone: defineKind({
    code: "F-K-05",
    source: "kubernetes",
    severity: "notice",
    title: "addresses of a workload that is gone",
    meaning: "The workload that owns addresses does not exist in Kubernetes, and no Pod of it is " +
      "attached.",
    consequence: "The addresses are kept: until the grace is over where a reclaimer runs " +
      "(fabric-ctl serve), else for ever.",
    remedy: "The reclaimer frees them, unless reclaim is never; or by hand: fabric-admin unfix.",
  }),
  noSuchNetwork: defineKind({
    code: "F-K-06",
    source: "kubernetes",
    severity: "error",
    title: "the network of a Namespace does not exist",
    meaning:
      "The annotation beyondfabric.io/network of the Namespace names a network that is not " +
      "declared.",
    consequence: "No Pod of the Namespace starts, unless it names a network of its own.",
    remedy: "By hand: correct the annotation, or declare the network.",
  }),
  tooFew: defineKind({
    code: "F-K-07",
    source: "kubernetes",
    severity: "warning",
    title: "a list of addresses that is too small for a rollout",
    meaning: "The Deployment lists fewer addresses than replicas and surge need at once.",
    consequence: "A rolling update waits for an address at each Pod, or stands still.",
    remedy: "By hand: list more addresses, set maxSurge: 0, or on-exhausted: borrow.",
  }),
  podGone: defineKind({
    code: "F-K-08",
    source: "kubernetes",
    severity: "notice",
    title: "an attachment whose Pod is gone",
    meaning:
      "The attachment names a Pod that does not exist in Kubernetes, or another one of that " +
      "name.",
    consequence: "Its addresses are kept until its node says that the sandbox has ended.",
    remedy:
      "Nothing, where the node is about to end it. Else its node's repair or GC ends it, or a " +
      "fence where the node is dead.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
