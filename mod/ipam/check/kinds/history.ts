/**
 * Kinds of damage of the history.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const HISTORY_KINDS = {
  openWithoutAddress: defineKind({
    code: "F-H-01",
    source: "addresses",
    severity: "warning",
    title: "an interval that never ended",
    meaning: "An interval of the history is open, but its holder does not have the address.",
    consequence: '"Who has this address" names somebody who does not.',
    remedy: "repair ends it: when the next interval began, else now.",
  }),
  missing: defineKind({
    code: "F-H-02",
    source: "addresses",
    severity: "error",
    title: "a used address without history",
    meaning: "A holder has the address, but its interval is not in the history.",
    consequence: "Nobody will ever know who had the address in this time.",
    remedy: "repair writes the interval from the address.",
  }),
  endedWhileUsed: defineKind({
    code: "F-H-03",
    source: "addresses",
    severity: "warning",
    title: "an interval has ended though the address is used",
    meaning: "A holder has the address, but its interval has an end.",
    consequence: "The history says that nobody has the address, and the interval may be trimmed.",
    remedy: "repair opens it again.",
  }),
  overlap: defineKind({
    code: "F-H-04",
    source: "addresses",
    severity: "warning",
    title: "intervals overlap",
    meaning: "By etcd's revisions one interval of an address began before the one before it ended.",
    consequence: "Either two had the address at once, or the record was changed by hand: the " +
      "history is no proof for this time.",
    remedy: "repair changes nothing of what they say; it marks both as disputed, with each " +
      "other's id, and check does not name them again.",
  }),
  pointerMissing: defineKind({
    code: "F-H-05",
    source: "addresses",
    severity: "warning",
    title: "an interval is not found by its owner",
    meaning: "An interval has no entry in `history-by-owner/`.",
    consequence: '"Which addresses had this workload" leaves it out.',
    remedy: "repair writes the entry.",
  }),
  pointerOrphan: defineKind({
    code: "F-H-06",
    source: "addresses",
    severity: "notice",
    title: "an entry by owner without its interval",
    meaning: "An entry of `history-by-owner/` points to an interval that does not exist, or " +
      "belongs to somebody else.",
    consequence: "It costs a read, and is never trimmed.",
    remedy: "repair removes the entry.",
  }),
  pointerWrong: defineKind({
    code: "F-H-07",
    source: "addresses",
    severity: "warning",
    title: "an entry by owner names another address",
    meaning: "The entry's address is not that of its interval.",
    consequence: '"Which addresses had this workload" leaves the interval out.',
    remedy: "repair writes the address of the interval.",
  }),
  disagree: defineKind({
    code: "F-H-08",
    source: "addresses",
    severity: "warning",
    title: "the history of a used address disagrees with it",
    meaning: "The open interval of an address names another holder, owner, MAC or network than " +
      "the address.",
    consequence: '"Who has this address" names somebody else.',
    remedy: "repair writes what the address says.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
