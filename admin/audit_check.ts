/**
 * `check audit`: whether the chain of the audit is whole.
 *
 * @module
 */

import { isKind } from "../mod/error.ts";
import { inboxSince } from "../mod/audit/inbox.ts";
import { type AuditFault, verifyAudit } from "../mod/audit/read.ts";
import { AUDIT_FLOOR, AUDIT_HEAD, AUDIT_INBOX, auditKey } from "../mod/audit/record.ts";
import type { Finding, Kind } from "../mod/ipam/check/finding.ts";
import { AUDIT_KINDS } from "../mod/ipam/check/kinds/audit.ts";
import type { Checker } from "./checkers.ts";

const KIND_OF: Readonly<Record<AuditFault["what"], Kind>> = {
  changed: AUDIT_KINDS.changed,
  unlinked: AUDIT_KINDS.changed,
  unreadable: AUDIT_KINDS.changed,
  missing: AUDIT_KINDS.missing,
  surplus: AUDIT_KINDS.beginning,
  beginning: AUDIT_KINDS.beginning,
};

/** So long something may wait in the inbox. */
const PATIENCE_MS = 600_000;

function findingOf({ seq, what, detail }: AuditFault): Finding {
  const name = what === "beginning" ? AUDIT_FLOOR : what === "missing" ? AUDIT_HEAD : auditKey(seq);
  return {
    kind: KIND_OF[what],
    object: `entry ${seq} of the audit`,
    detail,
    evidence: [{ what: "key", name, says: what }],
  };
}

/** The checker of the audit. Credentials that may not read it say nothing about it. */
export const AUDIT: Checker = {
  sources: ["audit"],
  check: async (context, { asked, onProgress }) => {
    const store = await context.store();
    onProgress("checking the audit");
    try {
      const { faults, entries } = await verifyAudit(store);
      const { count, oldest } = await inboxSince(store, context.now() - PATIENCE_MS);
      const waiting: readonly Finding[] = count === 0 ? [] : [{
        kind: AUDIT_KINDS.waiting,
        object: `${count} changes`,
        detail: `the oldest has waited since ${oldest}`,
        evidence: [{ what: "key", name: AUDIT_INBOX, says: `${count} keys` }],
      }];
      return {
        findings: [...faults.map(findingOf), ...waiting],
        looked: asked ? `${entries.toLocaleString("en")} entries of the audit` : "",
        truncated: false,
      };
    } catch (error) {
      if (asked || !isKind(error, "forbidden")) throw error;
      return { findings: [], looked: "", truncated: false };
    }
  },
};
