/**
 * What stands in etcd of those who may come in.
 *
 * @module
 */

import * as v from "valibot";
import { escapeSegment, PREFIXES } from "../../mod/ipam/keys.ts";
import { PasswordSchema } from "./password.ts";
import { ROLES, WAYS } from "./principal.ts";
import { hashSecret } from "./secret.ts";

const RoleSchema = v.picklist(ROLES);
const ScopeSchema = v.optional(v.record(v.string(), v.string()));

/** `access/tokens/<id>`. The secret is shown once and never stored. */
export const TokenRecordSchema = v.looseObject({
  v: v.number(),
  id: v.string(),
  name: v.string(),
  role: RoleSchema,
  scope: ScopeSchema,
  salt: v.string(),
  hash: v.string(),
  created: v.string(),
  createdBy: v.string(),
  expires: v.optional(v.string()),
});
export type TokenRecord = v.InferOutput<typeof TokenRecordSchema>;

/** `access/accounts/<name>`. */
export const AccountRecordSchema = v.looseObject({
  v: v.number(),
  name: v.string(),
  role: RoleSchema,
  scope: ScopeSchema,
  password: PasswordSchema,
  created: v.string(),
  createdBy: v.string(),
  /** When the password was set. */
  changed: v.string(),
  /** Somebody else knows the password: nothing is allowed before it is changed. */
  mustChange: v.boolean(),
  disabled: v.boolean(),
});
export type AccountRecord = v.InferOutput<typeof AccountRecordSchema>;

/** `access/sessions/<name>/<hash of the secret>`, leased. */
export const SessionRecordSchema = v.looseObject({
  v: v.number(),
  name: v.string(),
  way: v.picklist(WAYS),
  role: RoleSchema,
  scope: ScopeSchema,
  csrf: v.string(),
  created: v.string(),
  /** Of the token by which it began: it ends with it. */
  token: v.optional(v.string()),
});
export type SessionRecord = v.InferOutput<typeof SessionRecordSchema>;

export const TOKENS: string = `${PREFIXES.access}tokens/`;
export const ACCOUNTS: string = `${PREFIXES.access}accounts/`;
export const SESSIONS: string = `${PREFIXES.access}sessions/`;
export const LOGINS: string = `${PREFIXES.access}logins/`;
const FAILURES: string = `${PREFIXES.access}failures/`;

export function tokenKey(id: string): string {
  return TOKENS + escapeSegment(id);
}

export function accountKey(name: string): string {
  return ACCOUNTS + escapeSegment(name);
}

/** All sessions of one person. */
export function sessionPrefix(name: string): string {
  return `${SESSIONS}${escapeSegment(name)}/`;
}

/** Wrong passwords for a name, which need not be an account's. */
export function failurePrefix(name: string): string {
  return `${FAILURES}${hashSecret(name, "name")}/`;
}

/** `access/failures/<hash>/<hash>`, leased: wrong passwords from a place; "": from anywhere. */
export function failureKey(name: string, from: string): string {
  return failurePrefix(name) + hashSecret(from, "from");
}
