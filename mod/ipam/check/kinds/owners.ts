/**
 * Kinds of damage of owners and of MAC addresses.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const OWNER_KINDS = {
  addressMissing: defineKind({
    code: "F-O-01",
    source: "addresses",
    severity: "error",
    title: "an owner's address has no record",
    meaning: "The owner lists an address that is recorded as nobody's.",
    consequence: "The fixed address may be handed out to somebody else, and the owner's next ADD " +
      "fails.",
    remedy: "repair records the address again for the owner.",
  }),
  listsOther: defineKind({
    code: "F-O-02",
    source: "addresses",
    severity: "error",
    title: "an owner lists an address that names another",
    meaning: "The owner lists an address that is recorded for something else, or for nobody.",
    consequence: "The owner's next ADD fails.",
    remedy: "repair lists what is recorded for the owner, and nothing else.",
  }),
  twoOwners: defineKind({
    code: "F-O-03",
    source: "addresses",
    severity: "error",
    title: "two owners list one address",
    meaning: "Two owners list the same address; it is recorded for one of them.",
    consequence: "The other one's next ADD fails.",
    remedy: "repair takes it off the list of the owner for whom it is not recorded.",
  }),
  missing: defineKind({
    code: "F-O-04",
    source: "addresses",
    severity: "error",
    title: "an address names an owner that has no record",
    meaning: "The address is kept for an owner whose record is missing.",
    consequence: "The owner's next ADD gets another address, and this one is never free again.",
    remedy: "repair makes the owner's record from the addresses that name it.",
  }),
  notListed: defineKind({
    code: "F-O-05",
    source: "addresses",
    severity: "error",
    title: "an owner does not list its address",
    meaning: "An address is recorded for the owner, which does not list it.",
    consequence:
      "The owner's next ADD gets another address of that family, and this one is never " +
      "free again.",
    remedy: "repair adds it to the owner's list.",
  }),
  slotTwice: defineKind({
    code: "F-O-06",
    source: "addresses",
    severity: "warning",
    title: "a slot with two addresses of one family",
    meaning: "Two addresses of one family are recorded for one slot of a workload, which lists " +
      "only one of them.",
    consequence: "The other one is never free again.",
    remedy: "repair frees the address that the owner does not list; where an attachment has it, " +
      "the owner lists it too.",
  }),
  revisions: defineKind({
    code: "F-O-07",
    source: "addresses",
    severity: "error",
    title: "an owner and its address were changed apart",
    meaning: "Owner and address agree, but do not have the same mod revision.",
    consequence: "The owner's next ADD fails: it takes the address for another's.",
    remedy: "repair writes both again, in one transaction.",
  }),
  disagree: defineKind({
    code: "F-O-08",
    source: "addresses",
    severity: "error",
    title: "an owner and its address disagree",
    meaning: "Owner and address name different holders or MACs.",
    consequence:
      "The owner's next ADD waits for a holder that is none, or takes the address from " +
      "one that lives.",
    remedy: "repair writes into both what the attachment says.",
  }),
  otherKey: defineKind({
    code: "F-O-09",
    source: "addresses",
    severity: "error",
    title: "one slot has two owner records",
    meaning: "The record under the key of one slot names another slot.",
    consequence: "The slot of the key gets the addresses of the other one, and its ADD fails.",
    remedy: "repair removes the record, or writes the key's slot into it where addresses are " +
      "recorded for that.",
  }),
  empty: defineKind({
    code: "F-O-10",
    source: "addresses",
    severity: "notice",
    title: "an owner without addresses",
    meaning: "The owner lists no address, and none is recorded for it.",
    consequence: "The network cannot be deleted.",
    remedy: "repair removes the record.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;

export const MAC_KINDS = {
  missing: defineKind({
    code: "F-M-01",
    source: "addresses",
    severity: "warning",
    title: "a MAC address is not recorded",
    meaning: "An attachment or owner has a MAC address that no key of its segment names.",
    consequence: "The same MAC address may be given to another pod of the segment.",
    remedy: "repair records it.",
  }),
  orphan: defineKind({
    code: "F-M-02",
    source: "addresses",
    severity: "warning",
    title: "a MAC address of nobody",
    meaning: "A MAC key names a holder or owner that does not have that MAC address.",
    consequence: "Nobody else can have the MAC address in that segment.",
    remedy: "repair removes the key.",
  }),
  ofAnother: defineKind({
    code: "F-M-03",
    source: "addresses",
    severity: "error",
    title: "a MAC key names somebody else",
    meaning: "An attachment or owner has the MAC address, but its key names one that does not.",
    consequence: "Its DEL leaves the key behind, and nobody else can have the MAC address.",
    remedy: "repair writes into the key who has it.",
  }),
  duplicate: defineKind({
    code: "F-M-04",
    source: "addresses",
    severity: "error",
    title: "one MAC address twice in a segment",
    meaning: "Two attachments or owners of one segment have the same MAC address.",
    consequence: "Switches send the frames of both to one of them, now to this one, now to that.",
    remedy: "repair removes the attachment that is known to have ended. Else by hand: delete one " +
      "of the pods; the one that replaces it gets another.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
