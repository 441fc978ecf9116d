/**
 * Local accounts: a name and a password. Wrong passwords lock an account for a time that doubles,
 * the same on every replica, because the count is in etcd.
 *
 * @module
 */

import { FabricError } from "../../mod/error.ts";
import { readPages } from "../../mod/etcd/pages.ts";
import { type Store, underPrefix } from "../../mod/etcd/store.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { decodeRecord, encodeRecord } from "../../mod/ipam/stored.ts";
import type { Principal, Role, Scope } from "./principal.ts";
import { accountKey, type AccountRecord, AccountRecordSchema, ACCOUNTS } from "./records.ts";
import { hashPassword, PASSWORD_HASH, randomText, sameText } from "./secret.ts";
import { checkAccessName } from "./tokens.ts";

type Context = Pick<IpamContext, "store" | "now">;

const MIN_PASSWORD = 12;
const MAX_PASSWORD = 256;
/** So many wrong passwords cost nothing. */
const FREE_FAILURES = 3;
const MAX_LOCK_MS = 15 * 60_000;
const MAX_RACES = 8;

/** @throws {FabricError} `invalid`; the password is never repeated. */
export function checkPassword(password: string, name: string): void {
  const why = password.length < MIN_PASSWORD
    ? `is shorter than ${MIN_PASSWORD} characters`
    : password.length > MAX_PASSWORD
    ? `is longer than ${MAX_PASSWORD} characters`
    : password.toLowerCase().includes(name.toLowerCase())
    ? "contains the name"
    : new Set(password).size < 5
    ? "has fewer than 5 different characters"
    : undefined;
  if (why === undefined) return;
  throw new FabricError("invalid", `The password ${why}`, {
    field: "password",
    remedy: `choose ${MIN_PASSWORD} characters or more that nobody guesses, such as four words`,
  });
}

async function secretOf(password: string) {
  const salt = randomText(16);
  return { salt, hash: await hashPassword(password, salt), algorithm: PASSWORD_HASH };
}

export interface AccountRequest {
  readonly name: string;
  readonly password: string;
  readonly role: Role;
  readonly scope?: Scope | undefined;
}

/** @throws {FabricError} `invalid`, `conflict`: it exists. */
export async function createAccount(
  { store, now }: Context,
  { name, password, role, scope }: AccountRequest,
): Promise<AccountRecord> {
  checkAccessName(name);
  checkPassword(password, name);
  const at = new Date(now()).toISOString();
  const record: AccountRecord = {
    v: 1,
    name,
    role,
    ...(scope === undefined ? {} : { scope: { ...scope } }),
    ...await secretOf(password),
    created: at,
    changed: at,
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

/** @throws {FabricError} `not-found`. */
export async function deleteAccount(store: Store, name: string): Promise<void> {
  const key = accountKey(name);
  const response = await store.txn({
    compare: [{ key, target: "create", op: ">", revision: 0 }],
    success: [{ delete: { key } }],
  });
  if (!response.succeeded) throw noAccount(name);
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
  /** Also ends a lock. */
  readonly password?: string | undefined;
}

/** @throws {FabricError} `not-found`, `invalid`: the password. */
export async function changeAccount(
  context: Context,
  name: string,
  change: AccountChange,
): Promise<AccountRecord> {
  if (change.password !== undefined) checkPassword(change.password, name);
  const secret = change.password === undefined ? undefined : await secretOf(change.password);
  return await update(context, name, (record) => {
    const { failures: _, lockedUntil: __, scope: before, ...rest } = record;
    const scope = change.scope === undefined ? before : change.scope ?? undefined;
    return {
      ...rest,
      ...(change.role === undefined ? {} : { role: change.role }),
      ...(scope === undefined ? {} : { scope: { ...scope } }),
      ...(change.disabled === undefined ? {} : { disabled: change.disabled }),
      ...(secret === undefined
        ? {}
        : { ...secret, changed: new Date(context.now()).toISOString() }),
    };
  });
}

async function update(
  { store }: Context,
  name: string,
  next: (record: AccountRecord) => AccountRecord,
): Promise<AccountRecord> {
  const key = accountKey(name);
  for (let attempt = 0; attempt < MAX_RACES; attempt++) {
    const { kvs: [kv] } = await store.range({ key });
    if (kv === undefined) throw noAccount(name);
    const record = next(decodeRecord(AccountRecordSchema, kv));
    const response = await store.txn({
      compare: [{ key, target: "mod", op: "=", revision: kv.modRevision }],
      success: [{ put: key, value: encodeRecord(record) }],
    });
    if (response.succeeded) return record;
  }
  throw new FabricError("try-again", `Account ${name} is being changed by others`, {
    remedy: "try again",
  });
}

/** What became of a try to come in. */
export type SignIn =
  | { readonly principal: Principal }
  /** `undefined`: the name or the password is wrong; which of them is not told. */
  | { readonly principal: undefined; readonly lockedForMs: number };

/**
 * Checks name and password. A locked account is not tried, so that a lock costs the attacker, not
 * this server; an account that does not exist takes the same time.
 */
export async function signIn(
  context: Context,
  { name, password }: { readonly name: string; readonly password: string },
): Promise<SignIn> {
  const refused = (lockedForMs = 0): SignIn => ({ principal: undefined, lockedForMs });
  if (password.length > MAX_PASSWORD || name.length > 64) return refused();
  const { kvs: [kv] } = await context.store.range({ key: accountKey(name) });
  if (kv === undefined) {
    await hashPassword(password, "nobody");
    return refused();
  }
  const record = decodeRecord(AccountRecordSchema, kv);
  const wait = Date.parse(record.lockedUntil ?? "1970-01-01T00:00:00Z") - context.now();
  if (wait > 0) return refused(wait);
  const right = sameText(await hashPassword(password, record.salt), record.hash);
  if (!right) {
    const after = await update(context, name, (now) => failed(now, context.now()));
    const locked = after.lockedUntil === undefined
      ? 0
      : Date.parse(after.lockedUntil) - context.now();
    return refused(Math.max(0, locked));
  }
  if (record.disabled === true) return refused();
  if ((record.failures ?? 0) > 0) {
    await update(context, name, ({ failures: _, lockedUntil: __, ...rest }) => rest);
  }
  const { role, scope } = record;
  return { principal: { name, way: "account", role, scope } };
}

function failed(record: AccountRecord, now: number): AccountRecord {
  const failures = (record.failures ?? 0) + 1;
  const over = failures - FREE_FAILURES;
  if (over <= 0) return { ...record, failures };
  const lock = Math.min(MAX_LOCK_MS, 1000 * 2 ** Math.min(over, 20));
  return { ...record, failures, lockedUntil: new Date(now + lock).toISOString() };
}
