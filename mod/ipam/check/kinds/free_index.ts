/**
 * Kinds of damage of what is derived or temporary: the free index, markers of reservations, leases.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const INDEX_KINDS = {
  lost: defineKind({
    code: "F-I-01",
    source: "addresses",
    severity: "error",
    title: "free addresses that nobody can find",
    meaning: "Addresses of the network are free, but no entry of the free index offers them.",
    consequence: "The network says that it is exhausted while addresses are free.",
    remedy: "repair writes entries for them.",
  }),
  taken: defineKind({
    code: "F-I-02",
    source: "addresses",
    severity: "notice",
    title: "the free index offers a taken address",
    meaning: "An entry of its own offers an address that is taken, and it is not one that the " +
      "network's last edit wrote.",
    consequence: "Every ADD that meets it needs one more transaction.",
    remedy: "repair removes the entry.",
  }),
  unallocatable: defineKind({
    code: "F-I-03",
    source: "addresses",
    severity: "notice",
    title: "the free index offers what the network does not hand out",
    meaning: "An entry offers addresses outside of the network's ranges, and no edit is under way.",
    consequence: "ADDs skip them; each costs a little time.",
    remedy: "repair cuts the entry to the network's ranges.",
  }),
  broken: defineKind({
    code: "F-I-04",
    source: "addresses",
    severity: "warning",
    title: "an entry of the free index is broken",
    meaning: "Key or value of an entry cannot be read, or its place does not go with its address.",
    consequence: "The addresses that it stood for are not found by ADDs.",
    remedy: "repair removes it, and writes entries for free addresses that no other one offers.",
  }),
  size: defineKind({
    code: "F-I-05",
    source: "addresses",
    severity: "warning",
    title: "the mark of a large family is wrong",
    meaning: "`freesize/` says that a family of the network is large where it is not, or the " +
      "other way round.",
    consequence: "ADDs read too many keys, or need one more round trip.",
    remedy: "repair sets it.",
  }),
  ofNoNetwork: defineKind({
    code: "F-I-06",
    source: "addresses",
    severity: "notice",
    title: "a free index without its network",
    meaning: "Entries of a network that does not exist, and no edit is under way.",
    consequence: "None, until a network of that name is made.",
    remedy: "repair removes them.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;

export const RESERVATION_KINDS = {
  unmarked: defineKind({
    code: "F-R-01",
    source: "addresses",
    severity: "notice",
    title: "a reservation without its mark",
    meaning: "An address is reserved, but `reserved/` does not name it.",
    consequence: "Usage counts it as used by a pod.",
    remedy: "repair sets the mark.",
  }),
  markOnly: defineKind({
    code: "F-R-02",
    source: "addresses",
    severity: "error",
    title: "a reservation without its record",
    meaning: "`reserved/` names an address that is recorded as nobody's.",
    consequence: "The address of something outside may be handed out to a pod.",
    remedy: "repair reserves it again, with its old reason as long as etcd has that.",
  }),
  markOfUsed: defineKind({
    code: "F-R-03",
    source: "addresses",
    severity: "notice",
    title: "a mark of a reservation that is none",
    meaning: "`reserved/` names an address that belongs to a pod or an owner.",
    consequence: "Usage counts it as reserved.",
    remedy: "repair removes the mark.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;

export const LEASE_KINDS = {
  tombstoneForever: defineKind({
    code: "F-L-01",
    source: "addresses",
    severity: "notice",
    title: "a tombstone that never ends",
    meaning: "A tombstone has no lease.",
    consequence: "It takes room for ever; nothing else.",
    remedy: "repair removes it once it is older than any ADD can be.",
  }),
  tombstoneOld: defineKind({
    code: "F-L-02",
    source: "addresses",
    severity: "notice",
    title: "a tombstone that should have ended",
    meaning: "A tombstone is more than a day old: somebody keeps its lease alive.",
    consequence: "It takes room; nothing else.",
    remedy: "repair removes it.",
  }),
  coolingForever: defineKind({
    code: "F-L-03",
    source: "addresses",
    severity: "error",
    title: "an address that cools for ever",
    meaning: "A cooling key has no lease.",
    consequence: "The address is never handed out again.",
    remedy: "repair gives the key a lease of the network's cooling time.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
