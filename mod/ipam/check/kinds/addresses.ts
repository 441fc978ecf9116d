/**
 * Kinds of damage of addresses and of attachments.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

const PLACE_REMEDY = "repair gives it up when nobody uses it (no holder, or one whose sandbox is " +
  "known to have ended). Else by hand: end the pod, or correct the network.";

export const ADDRESS_KINDS = {
  unknownNetwork: defineKind({
    code: "F-A-01",
    source: "addresses",
    severity: "error",
    title: "addresses of a network that does not exist",
    meaning: "Addresses, owners, attachments or reservations name a network without a record.",
    consequence: "Pods that run keep their addresses, but nothing of the network can be changed, " +
      "new pods of it fail, and a network made in its place may hand out what is in use.",
    remedy: "repair puts the network back as it last was, as long as etcd has it. Else it gives " +
      "up what nobody uses; for the rest, by hand: restore the network from a backup.",
  }),
  outside: defineKind({
    code: "F-A-02",
    source: "addresses",
    severity: "error",
    title: "an address outside of its network's subnets",
    meaning: "The address has a record, but lies in no subnet of its network.",
    consequence: "Its pod reaches nobody; the address has no gateway and no prefix length.",
    remedy: PLACE_REMEDY,
  }),
  ofSubnet: defineKind({
    code: "F-A-03",
    source: "addresses",
    severity: "error",
    title: "a pod has the subnet's own address",
    meaning: "The network, broadcast or anycast address of a subnet belongs to a pod or an owner.",
    consequence: "Others in the segment take its packets for something else.",
    remedy: PLACE_REMEDY,
  }),
  gateway: defineKind({
    code: "F-A-04",
    source: "addresses",
    severity: "error",
    title: "an address is that of a gateway",
    meaning: "The address of a subnet's gateway has a record.",
    consequence: "Two hosts answer for the gateway: the whole subnet loses its way out.",
    remedy: PLACE_REMEDY,
  }),
  excluded: defineKind({
    code: "F-A-05",
    source: "addresses",
    severity: "warning",
    title: "an excluded address is in use",
    meaning: "The address belongs to a pod or an owner, and an exclusion of its subnet holds it.",
    consequence: "Whatever the exclusion is there for may use the same address.",
    remedy: PLACE_REMEDY,
  }),
  contradiction: defineKind({
    code: "F-A-06",
    source: "addresses",
    severity: "error",
    title: "an address record contradicts itself",
    meaning: "Its state does not go with its owner and holder: used without a holder, owned " +
      "without an owner or with a holder, reserved with either.",
    consequence: "Neither DEL nor the owner's next ADD knows what to do with it.",
    remedy: "repair writes what attachment and owner say.",
  }),
  ofNobody: defineKind({
    code: "F-A-07",
    source: "addresses",
    severity: "warning",
    title: "an address of nobody",
    meaning: "The record says used, but names neither owner nor holder, and no attachment has it.",
    consequence: "It is never handed out again.",
    remedy: "repair frees it, after its cooling time.",
  }),
  holderGone: defineKind({
    code: "F-A-08",
    source: "addresses",
    severity: "error",
    title: "addresses of an attachment that is not recorded",
    meaning: "Address or owner name a holder that has no attachment.",
    consequence: "DEL and GC of the holder find nothing to release: the addresses are never free " +
      "again.",
    remedy: "repair records the attachment again, so that its node decides what becomes of it; " +
      "where a later DEL or a fenced node proves its end, it releases the addresses.",
  }),
  disagree: defineKind({
    code: "F-A-09",
    source: "addresses",
    severity: "error",
    title: "an address and its attachment disagree",
    meaning: "Attachment and address name each other, with different ids, MACs or owners.",
    consequence: "DEL leaves the address behind, or takes it for another's.",
    remedy: "repair writes the address as the attachment has it, whose sandbox was set up by it.",
  }),
  reservedInUse: defineKind({
    code: "F-A-10",
    source: "addresses",
    severity: "error",
    title: "a reservation over a used address",
    meaning: "The address is recorded as reserved, and an attachment has it.",
    consequence:
      "A pod and something outside may use one address; a DEL of the pod does not free " +
      "it.",
    remedy:
      "repair gives it back to the attachment, whose pod may run; reserve it again when the " +
      "pod has gone.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;

export const ATTACHMENT_KINDS = {
  addressMissing: defineKind({
    code: "F-T-01",
    source: "addresses",
    severity: "error",
    title: "an attachment's address has no record",
    meaning: "The attachment names an address that is recorded as nobody's.",
    consequence: "The address may be handed out a second time while the pod still uses it.",
    remedy: "repair records the address again as the attachment has it; where a later DEL or a " +
      "fenced node proves the attachment's end, it removes the attachment.",
  }),
  lacksAddress: defineKind({
    code: "F-T-02",
    source: "addresses",
    severity: "error",
    title: "an attachment lacks one of its addresses",
    meaning: "An address names the attachment as its holder, but the attachment does not list it.",
    consequence: "DEL releases the attachment's other addresses and leaves this one behind.",
    remedy: "repair adds the address to the attachment.",
  }),
  oneFamily: defineKind({
    code: "F-T-03",
    source: "addresses",
    severity: "warning",
    title: "an attachment with one family of a dual network",
    meaning: "The network has had both families since before the attachment was made, but the " +
      "attachment has an address of one of them only.",
    consequence: "Its pod cannot be reached by the other family.",
    remedy: "By hand: delete the pod; the one that replaces it gets both.",
  }),
  twice: defineKind({
    code: "F-T-04",
    source: "addresses",
    severity: "error",
    title: "two attachments name one address",
    meaning: "Two attachments in one network have the same address.",
    consequence: "Two pods may answer for one address. Where both have the same allocation id, " +
      "the DEL of one frees the address of the other.",
    remedy: "repair removes the one that is known to have ended, and gives the other an id of " +
      "its own. Else by hand: delete the pod that the address does not name, or fence its node.",
  }),
  ofAnother: defineKind({
    code: "F-T-05",
    source: "addresses",
    severity: "error",
    title: "an attachment has another's address",
    meaning: "The attachment names an address that is recorded for another owner or holder.",
    consequence: "When the other one comes back, two pods answer for one address.",
    remedy: "repair removes the attachment when it is known to have ended. Else by hand: delete " +
      "its pod, or fence its node.",
  }),
  unknownNode: defineKind({
    code: "F-T-06",
    source: "addresses",
    severity: "warning",
    title: "attachments of an unknown node",
    meaning: "Attachments name a node that has no record.",
    consequence:
      "A fixed address of the node cannot move elsewhere: nobody can say that the node " +
      "is dead.",
    remedy: "repair puts the record back as it last was, or makes one where the node's zone is " +
      "certain. Else the node registers itself with its next ADD.",
  }),
  otherSegment: defineKind({
    code: "F-T-07",
    source: "addresses",
    severity: "error",
    title: "an attachment in another segment than its network",
    meaning: "The attachment was made with another VLAN or physical network than its network has.",
    consequence: "Its pod talks in the old VLAN and reaches nobody of its network.",
    remedy: "By hand: give the network its VLAN back, or delete the pods.",
  }),
  otherUid: defineKind({
    code: "F-T-08",
    source: "addresses",
    severity: "warning",
    title: "a record of an earlier network of that name",
    meaning: "Attachment or owner name another uid than the network has.",
    consequence: "History tells two networks apart that are one, and cooling is that of the " +
      "default.",
    remedy: "repair writes the uid of the network that there is.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
