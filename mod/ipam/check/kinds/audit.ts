/**
 * Kinds of damage of the audit.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const AUDIT_KINDS = {
  changed: defineKind({
    code: "F-U-01",
    source: "audit",
    severity: "error",
    title: "an entry of the audit was changed",
    meaning:
      "The content of an entry, or the entry before it, is not what its hash says, or it cannot be read.",
    consequence: "What the entry tells is worth nothing; somebody has written to etcd past fabric.",
    remedy: "By hand: compare with the last `fabric-ctl audit export`, and find out who could.",
  }),
  missing: defineKind({
    code: "F-U-02",
    source: "audit",
    severity: "error",
    title: "entries of the audit are missing",
    meaning: "The numbers of the entries have a gap, or end before the newest that was written.",
    consequence: "Changes were made that nobody can read of any more.",
    remedy: "By hand: compare with the last `fabric-ctl audit export`, and find out who could.",
  }),
  beginning: defineKind({
    code: "F-U-03",
    source: "audit",
    severity: "error",
    title: "the audit begins where retention did not end",
    meaning:
      "What is said to have been trimmed is not what the audit's own entry of the trim says, or there " +
      "are entries before it.",
    consequence: "Entries may have been removed under the name of retention.",
    remedy: "By hand: compare with the last `fabric-ctl audit export`, and find out who could.",
  }),
  waiting: defineKind({
    code: "F-U-04",
    source: "audit",
    severity: "warning",
    title: "changes wait to be told to the audit",
    meaning: "The audit's inbox holds what is older than ten minutes.",
    consequence: "These changes are not in the chain yet, and could be removed without a trace.",
    remedy: "By hand: run `fabric-ctl serve` somewhere, or `fabric-ctl audit sweep`.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
