/**
 * Bearer tokens: named, with a role, expiring, revocable.
 *
 * @module
 */

import { FabricError } from "../../mod/error.ts";
import { readPages } from "../../mod/etcd/pages.ts";
import { type Store, underPrefix } from "../../mod/etcd/store.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { decodeRecord, encodeRecord } from "../../mod/ipam/stored.ts";
import type { Principal, Role, Scope } from "./principal.ts";
import { tokenKey, type TokenRecord, TokenRecordSchema, TOKENS } from "./records.ts";
import { hashSecret, randomText, sameText } from "./secret.ts";

/** What a token begins with, so that scanners of leaked secrets find it. */
const MARK = "fabric";

export interface TokenRequest {
  readonly name: string;
  readonly role: Role;
  readonly scope?: Scope | undefined;
  /** Milliseconds from now; undefined: it does not expire. */
  readonly lifetimeMs?: number | undefined;
  readonly by: string;
}

/** A new token; the text is known only here and now. */
export interface NewToken {
  readonly record: TokenRecord;
  readonly text: string;
}

/** @throws {FabricError} `invalid`: the name. */
export async function createToken(
  { store, now }: Pick<IpamContext, "store" | "now">,
  request: TokenRequest,
): Promise<NewToken> {
  const { name, role, scope, lifetimeMs, by } = request;
  checkAccessName(name);
  const id = randomText(9).replaceAll(/[-_]/g, "x").toLowerCase();
  const secret = randomText(32);
  const salt = randomText(12);
  const at = now();
  const record: TokenRecord = {
    v: 1,
    id,
    name,
    role,
    ...(scope === undefined ? {} : { scope: { ...scope } }),
    salt,
    hash: hashSecret(secret, salt),
    created: new Date(at).toISOString(),
    createdBy: by,
    ...(lifetimeMs === undefined ? {} : { expires: new Date(at + lifetimeMs).toISOString() }),
  };
  const key = tokenKey(id);
  const response = await store.txn({
    compare: [{ key, target: "create", op: "=", revision: 0 }],
    success: [{ put: key, value: encodeRecord(record) }],
  });
  if (!response.succeeded) throw new FabricError("try-again", "The token's id was taken");
  return { record, text: `${MARK}_${id}_${secret}` };
}

/** Names of tokens and accounts are shown in logs and lists: plain and short. */
export function checkAccessName(name: string): void {
  if (/^[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,62}[A-Za-z0-9])?$/.test(name)) return;
  throw new FabricError("invalid", `${JSON.stringify(name.slice(0, 80))} is no name`, {
    field: "name",
    value: name.slice(0, 80),
    remedy: "write up to 64 letters, digits, and . _ @ - between them",
  });
}

/** A token as it may be told: without what proves it. */
export function shownToken(
  { v: _, salt: __, hash: ___, ...shown }: TokenRecord,
): Omit<TokenRecord, "v" | "salt" | "hash"> {
  return shown;
}

/** All tokens, those that have expired too. */
export async function listTokens(store: Store): Promise<readonly TokenRecord[]> {
  const found: TokenRecord[] = [];
  for await (const page of readPages(store, underPrefix(TOKENS))) {
    for (const kv of page) found.push(decodeRecord(TokenRecordSchema, kv));
  }
  return found;
}

/**
 * Ends a token, by its id or by a name that only one has; said again, it is `not-found`.
 *
 * @throws {FabricError} `not-found`, `invalid`: several have the name.
 */
export async function revokeToken(store: Store, idOrName: string): Promise<TokenRecord> {
  const all = await listTokens(store);
  const found = all.filter(({ id }) => id === idOrName);
  if (found.length === 0) found.push(...all.filter(({ name }) => name === idOrName));
  const [token, ...more] = found;
  if (token === undefined) {
    throw new FabricError("not-found", `There is no token ${idOrName}`, {
      field: "token",
      value: idOrName,
      remedy: "see fabric-ctl token list",
    });
  }
  if (more.length > 0) {
    throw new FabricError("invalid", `${found.length} tokens have the name ${idOrName}`, {
      field: "token",
      value: idOrName,
      remedy: `name one by its id: ${found.map(({ id }) => id).join(", ")}`,
    });
  }
  await store.txn({ success: [{ delete: { key: tokenKey(token.id) } }] });
  return token;
}

/** Whose token the text is; undefined: nobody's, or it has expired. */
export async function authenticateToken(
  { store, now }: Pick<IpamContext, "store" | "now">,
  text: string,
): Promise<(Principal & { readonly tokenId: string }) | undefined> {
  const [mark, id, secret] =
    /^([a-z]+)_([a-z0-9]{1,32})_([A-Za-z0-9_-]{20,100})$/.exec(text)?.slice(1) ??
      [];
  if (mark !== MARK || id === undefined || secret === undefined) return undefined;
  const { kvs: [kv] } = await store.range({ key: tokenKey(id) });
  if (kv === undefined) return undefined;
  const { name, role, scope, salt, hash, expires } = decodeRecord(TokenRecordSchema, kv);
  if (!sameText(hashSecret(secret, salt), hash)) return undefined;
  if (expires !== undefined && Date.parse(expires) <= now()) return undefined;
  return { name: `token:${name}`, way: "token", role, scope, tokenId: id };
}
