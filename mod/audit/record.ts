/**
 * One entry of the audit: who did what to what, when, from where, and what came of it. Each carries
 * the hash of the one before it, so that an entry that is changed, removed or put between shows.
 *
 * @module
 */

import * as v from "valibot";
import { PREFIXES } from "../ipam/keys.ts";

/** What came of it. */
export const OUTCOMES = [
  "done",
  "unchanged",
  "refused",
  "failed",
  /** Whoever did it has not told: it died, or lost etcd. It may have been done. */
  "unknown",
] as const;
export type Outcome = typeof OUTCOMES[number];

const AuditHeadSchema = v.object({
  /** Clock of whoever wrote it, RFC 3339. */
  at: v.string(),
  who: v.string(),
  /** How they showed who they are: token, certificate, account, oidc, kubernetes, shell. */
  way: v.string(),
  role: v.optional(v.string()),
  /** Address that it came from; the host of a shell. */
  from: v.string(),
  requestId: v.string(),
  /** `patchNetwork`, `signIn`. */
  action: v.string(),
  /** `Network prod`. */
  object: v.optional(v.string()),
});
/** What is known when a change begins. */
export type AuditHead = v.InferOutput<typeof AuditHeadSchema>;

/** What is told to the audit. */
export const AuditEventSchema = v.looseObject({
  ...AuditHeadSchema.entries,
  outcome: v.picklist(OUTCOMES),
  /** Why it was refused or failed. */
  detail: v.optional(v.string()),
  before: v.optional(v.unknown()),
  after: v.optional(v.unknown()),
});
/** What is told to the audit; never a secret. */
export type AuditEvent = v.InferOutput<typeof AuditEventSchema>;

/** `audit/<seq>`. */
export const AuditEntrySchema = v.looseObject({
  v: v.number(),
  seq: v.number(),
  ...AuditEventSchema.entries,
  /** Hash of the entry before it. */
  previous: v.string(),
  /** Of this entry without this field, by SHA-256. */
  hash: v.string(),
});
export type AuditEntry = v.InferOutput<typeof AuditEntrySchema>;

/** `audit/head` and `audit/floor`: the newest entry, and the last that was trimmed. */
export const AuditMarkSchema = v.looseObject({ v: v.number(), seq: v.number(), hash: v.string() });
export type AuditMark = v.InferOutput<typeof AuditMarkSchema>;

/** Before the first entry. */
export const GENESIS: AuditMark = { v: 1, seq: 0, hash: "0".repeat(64) };

export const AUDIT_HEAD: string = `${PREFIXES.audit}head`;
export const AUDIT_FLOOR: string = `${PREFIXES.audit}floor`;
/** Entries, in their order. */
export const AUDIT_ENTRIES: string = `${PREFIXES.audit}entries/`;

/** What is not in the chain yet: begun, or told by somebody who may not write the chain. */
export const AUDIT_INBOX: string = `${PREFIXES.audit}inbox/`;

/** Ids are ULIDs. */
export function auditInboxKey(id: string): string {
  return AUDIT_INBOX + id;
}

export function auditKey(seq: number): string {
  return AUDIT_ENTRIES + String(seq).padStart(15, "0");
}

/** Text with the fields of all objects in order: equal entries have equal texts. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  fields.sort(([a], [b]) => a < b ? -1 : 1);
  return `{${
    fields.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join(",")
  }}`;
}

/** The hash of an entry, whatever its own field says. */
export async function hashEntry(entry: Omit<AuditEntry, "hash">): Promise<string> {
  const { hash: _, ...rest } = { hash: "", ...entry };
  const bytes = new TextEncoder().encode(canonical(rest));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
