/**
 * What is asked of the server about itself and those who use it: findings, audit, tokens, accounts.
 *
 * @module
 */

import * as v from "valibot";
import { ask, request } from "./request.ts";

const RoleSchema = v.picklist(["viewer", "operator", "admin"]);
export type Role = v.InferOutput<typeof RoleSchema>;
export const ROLES: readonly Role[] = ["viewer", "operator", "admin"];

const FindingSchema = v.looseObject({
  code: v.string(),
  severity: v.picklist(["error", "warning", "notice"]),
  title: v.string(),
  object: v.string(),
  detail: v.string(),
  repair: v.string(),
});

const NodeFindingsSchema = v.looseObject({
  cluster: v.string(),
  node: v.string(),
  /** When the node was checked. */
  at: v.string(),
  findings: v.array(FindingSchema),
  unseen: v.optional(v.string()),
});
/** What the last check of one node found. */
export type NodeFindings = v.InferOutput<typeof NodeFindingsSchema>;

/** One thing that is not as it should be, and where. */
export interface Finding extends v.InferOutput<typeof FindingSchema> {
  readonly cluster: string;
  readonly node: string;
  readonly at: string;
}

/** What the last checks of all nodes found. */
export async function readFindings(aborted: AbortSignal): Promise<readonly NodeFindings[]> {
  const schema = v.looseObject({ items: v.array(NodeFindingsSchema) });
  return (await ask("/findings", schema, { signal: aborted })).items;
}

const AuditSchema = v.looseObject({
  seq: v.number(),
  at: v.string(),
  who: v.string(),
  way: v.string(),
  from: v.string(),
  requestId: v.string(),
  action: v.string(),
  object: v.optional(v.string()),
  outcome: v.picklist(["done", "unchanged", "refused", "failed", "unknown"]),
  detail: v.optional(v.string()),
  before: v.optional(v.unknown()),
  after: v.optional(v.unknown()),
});
/** One change, or a try. */
export type AuditItem = v.InferOutput<typeof AuditSchema>;

const AuditPageSchema = v.looseObject({
  items: v.array(AuditSchema),
  /** What the page behind begins before. */
  next: v.optional(v.number()),
});

/** Entries, newest first. */
export function readAudit(
  before: number | undefined,
  aborted: AbortSignal,
): Promise<v.InferOutput<typeof AuditPageSchema>> {
  return ask("/audit", AuditPageSchema, {
    query: { limit: 500, before },
    signal: aborted,
  });
}

const TokenSchema = v.looseObject({
  id: v.string(),
  name: v.string(),
  role: RoleSchema,
  scope: v.optional(v.record(v.string(), v.string())),
  created: v.string(),
  createdBy: v.optional(v.string()),
  expires: v.optional(v.string()),
});
/** A token, without its secret. */
export type Token = v.InferOutput<typeof TokenSchema>;

const AccountSchema = v.looseObject({
  name: v.string(),
  role: RoleSchema,
  scope: v.optional(v.record(v.string(), v.string())),
  created: v.string(),
  changed: v.optional(v.string()),
  disabled: v.optional(v.boolean()),
  lockedUntil: v.optional(v.string()),
});
/** An account, without its password. */
export type Account = v.InferOutput<typeof AccountSchema>;

export async function readTokens(aborted: AbortSignal): Promise<readonly Token[]> {
  const schema = v.looseObject({ items: v.array(TokenSchema) });
  return (await ask("/tokens", schema, { signal: aborted })).items;
}

export async function readAccounts(aborted: AbortSignal): Promise<readonly Account[]> {
  const schema = v.looseObject({ items: v.array(AccountSchema) });
  return (await ask("/accounts", schema, { signal: aborted })).items;
}

/** Makes a token; its text is told only now. */
export async function createToken(
  body: { readonly name: string; readonly role: Role; readonly days: number },
): Promise<string> {
  const schema = v.looseObject({ token: v.string() });
  return (await ask("/tokens", schema, { method: "POST", body })).token;
}

export async function revokeToken(id: string): Promise<void> {
  await request(`/tokens/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export async function createAccount(
  body: { readonly name: string; readonly password: string; readonly role: Role },
): Promise<void> {
  await request("/accounts", { method: "POST", body });
}

export async function changeAccount(
  name: string,
  body: { readonly role?: Role; readonly disabled?: boolean; readonly password?: string },
): Promise<void> {
  await request(`/accounts/${encodeURIComponent(name)}`, { method: "PATCH", body });
}

export async function deleteAccount(name: string): Promise<void> {
  await request(`/accounts/${encodeURIComponent(name)}`, { method: "DELETE" });
}
