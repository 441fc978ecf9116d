/**
 * Local accounts: a name and a password, a role, and for a tenant a scope.
 *
 * @module
 */

import { FabricError } from "../../mod/error.ts";
import { readPages } from "../../mod/etcd/pages.ts";
import { type Store, underPrefix } from "../../mod/etcd/store.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { decodeRecord, encodeRecord } from "../../mod/ipam/stored.ts";
import { checkNewPassword, type Passwords } from "./password.ts";
import type { Role, Scope } from "./principal.ts";
import {
  accountKey,
  type AccountRecord,
  AccountRecordSchema,
  ACCOUNTS,
  failurePrefix,
  sessionPrefix,
} from "./records.ts";
import { checkAccessName } from "./tokens.ts";

/** What accounts work with. */
export interface AccountContext extends Pick<IpamContext, "store" | "now"> {
  readonly passwords: Passwords;
}

const MAX_RACES = 8;

export interface AccountRequest {
  readonly name: string;
  readonly password: string;
  readonly role: Role;
  readonly scope?: Scope | undefined;
  /** Who makes it. */
  readonly by: string;
  /** The one whose account it is must choose another password first. */
  readonly mustChange: boolean;
}

/** @throws {FabricError} `invalid`, `conflict`: it exists. */
export async function createAccount(
  { store, now, passwords }: AccountContext,
  { name, password, role, scope, by, mustChange }: AccountRequest,
): Promise<AccountRecord> {
  checkAccessName(name);
  checkNewPassword(password, name);
  const at = new Date(now()).toISOString();
  const record: AccountRecord = {
    v: 1,
    name,
    role,
    ...(scope === undefined ? {} : { scope: { ...scope } }),
    password: await passwords.hash(password),
    created: at,
    createdBy: by,
    changed: at,
    mustChange,
    disabled: false,
  };
  const key = accountKey(name);
  const response = await store.txn({
    compare: [{ key, target: "create", op: "=", revision: 0 }],
    success: [{ put: key, value: encodeRecord(record) }],
  });
  if (response.succeeded) return record;
  throw new FabricError("conflict", `Account ${name} exists already`, {
    field: "name",
    value: name,
    remedy: "choose another name",
  });
}

/** All accounts. */
export async function listAccounts(store: Store): Promise<readonly AccountRecord[]> {
  const found: AccountRecord[] = [];
  for await (const page of readPages(store, underPrefix(ACCOUNTS))) {
    for (const kv of page) found.push(decodeRecord(AccountRecordSchema, kv));
  }
  return found;
}

/** Deletes an account and ends its sessions. @throws {FabricError} `not-found`. */
export async function deleteAccount(store: Store, name: string): Promise<AccountRecord> {
  const key = accountKey(name);
  const { results: [found] } = await store.txn({
    success: [
      { range: { key } },
      { delete: { key } },
      { delete: underPrefix(sessionPrefix(name)) },
    ],
  });
  const kv = found?.kind === "range" ? found.response.kvs[0] : undefined;
  if (kv === undefined) throw noAccount(name);
  return decodeRecord(AccountRecordSchema, kv);
}

function noAccount(name: string): FabricError {
  return new FabricError("not-found", `There is no account ${name}`, {
    field: "name",
    value: name,
    remedy: "see the list of accounts",
  });
}

/** What of an account is changed. */
export interface AccountChange {
  readonly role?: Role | undefined;
  readonly scope?: Scope | null | undefined;
  readonly disabled?: boolean | undefined;
  readonly password?: string | undefined;
  /** With a password: whether its owner must choose another one first. */
  readonly mustChange?: boolean | undefined;
}

/** How an account was, and how it is. */
export interface ChangedAccount {
  readonly before: AccountRecord;
  readonly after: AccountRecord;
}

/**
 * Changes an account. Another password, and being switched off, end its sessions in the same
 * transaction.
 *
 * @throws {FabricError} `not-found`, `invalid`: the password.
 */
export async function changeAccount(
  context: AccountContext,
  name: string,
  change: AccountChange,
): Promise<ChangedAccount> {
  const { password: text } = change;
  if (text !== undefined) checkNewPassword(text, name);
  const password = text === undefined ? undefined : await context.passwords.hash(text);
  const at = new Date(context.now()).toISOString();
  return await update(context, name, (record) => {
    const { scope: before, ...rest } = record;
    const scope = change.scope === undefined ? before : change.scope ?? undefined;
    return {
      ...rest,
      role: change.role ?? record.role,
      ...(scope === undefined ? {} : { scope: { ...scope } }),
      disabled: change.disabled ?? record.disabled,
      ...(password === undefined
        ? {}
        : { password, changed: at, mustChange: change.mustChange ?? false }),
    };
  });
}

async function update(
  { store }: AccountContext,
  name: string,
  next: (record: AccountRecord) => AccountRecord,
): Promise<ChangedAccount> {
  const key = accountKey(name);
  for (let attempt = 0; attempt < MAX_RACES; attempt++) {
    const { kvs: [kv] } = await store.range({ key });
    if (kv === undefined) throw noAccount(name);
    const before = decodeRecord(AccountRecordSchema, kv);
    const after = next(before);
    const ends = after.disabled || after.password !== before.password;
    const response = await store.txn({
      compare: [{ key, target: "mod", op: "=", revision: kv.modRevision }],
      success: [
        { put: key, value: encodeRecord(after) },
        ...(ends
          ? [
            { delete: underPrefix(sessionPrefix(name)) },
            // With another password the wrong ones are forgotten.
            { delete: underPrefix(failurePrefix(name)) },
          ]
          : []),
      ],
    });
    if (response.succeeded) return { before, after };
  }
  throw new FabricError("try-again", `Account ${name} is being changed by others`, {
    remedy: "try again",
  });
}

/** An account as it may be told: without its password. */
export function shownAccount(
  { v: _, password: __, ...shown }: AccountRecord,
): Omit<AccountRecord, "v" | "password"> {
  return shown;
}
