/**
 * Sessions of the console: a cookie that no script can read, a record in etcd that any replica
 * finds. An idle one ends with its lease, every one after a day's work.
 *
 * @module
 */

import { type Store, underPrefix } from "../../mod/etcd/store.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { decodeRecord, encodeRecord } from "../../mod/ipam/stored.ts";
import type { Principal } from "./principal.ts";
import {
  accountKey,
  AccountRecordSchema,
  sessionPrefix,
  type SessionRecord,
  SessionRecordSchema,
  tokenKey,
} from "./records.ts";
import { hashSecret, randomText, sameText } from "./secret.ts";

export interface SessionSettings {
  readonly idleSeconds: number;
  readonly absoluteSeconds: number;
}

type Context = Pick<IpamContext, "store" | "now">;

const KEPT_MS = 20_000;
const MAX_TOLD = 10_000;

/** A session that stands. */
export interface Session {
  readonly key: string;
  readonly record: SessionRecord;
  readonly principal: Principal;
  /** When it ends at the latest. */
  readonly expires: number;
  /** Nothing is allowed before the account's password is changed. */
  readonly mustChange: boolean;
  /** Ends it when it is idle. */
  readonly lease: string | undefined;
}

/** What the browser keeps. */
export interface NewSession {
  readonly cookie: string;
  readonly csrf: string;
  readonly expires: number;
}

/** Begins a session. */
export async function beginSession(
  { store, now }: Context,
  principal: Principal & { readonly tokenId?: string },
  settings: SessionSettings,
): Promise<NewSession> {
  const secret = randomText(32);
  const csrf = randomText(18);
  const { name, way, role, scope, tokenId } = principal;
  const record: SessionRecord = {
    v: 1,
    name,
    way,
    role,
    ...(scope === undefined ? {} : { scope: { ...scope } }),
    csrf,
    created: new Date(now()).toISOString(),
    ...(tokenId === undefined ? {} : { token: tokenId }),
  };
  const lease = await store.grantLease(settings.idleSeconds);
  await store.txn({
    success: [{ put: keyOf(name, secret), value: encodeRecord(record), lease: lease.id }],
  });
  const who = new TextEncoder().encode(name).toBase64({ alphabet: "base64url", omitPadding: true });
  return { cookie: `${who}.${secret}`, csrf, expires: now() + settings.absoluteSeconds * 1000 };
}

function keyOf(name: string, secret: string): string {
  return sessionPrefix(name) + hashSecret(secret, "session");
}

/** The session of a cookie; undefined: there is none any more. */
export async function findSession(
  context: Context,
  cookie: string,
  settings: SessionSettings,
): Promise<Session | undefined> {
  const { store, now } = context;
  const [, who, secret] = /^([A-Za-z0-9_-]{1,400})\.([A-Za-z0-9_-]{20,100})$/.exec(cookie) ?? [];
  if (who === undefined || secret === undefined) return undefined;
  const name = decodeName(who);
  const key = keyOf(name, secret);
  const read = await store.txn({
    success: [{ range: { key } }, { range: { key: accountKey(name) } }],
  });
  const [kv, account] = read.results.map((result) =>
    result.kind === "range" ? result.response.kvs[0] : undefined
  );
  if (kv === undefined) return undefined;
  const record = decodeRecord(SessionRecordSchema, kv);
  const expires = Date.parse(record.created) + settings.absoluteSeconds * 1000;
  if (expires <= now()) return undefined;
  const found = { key, record, expires, lease: kv.lease, mustChange: false };
  if (record.way === "account") {
    // The account as it is now, not as it was at sign-in.
    if (account === undefined) return undefined;
    const { role, scope, disabled, mustChange } = decodeRecord(AccountRecordSchema, account);
    if (disabled) return undefined;
    const principal = { name, way: "account", role, scope, session: key } as const;
    return { ...found, principal, mustChange };
  }
  if (record.token !== undefined) {
    const { count } = await store.range({ key: tokenKey(record.token), countOnly: true });
    if (count === 0) return undefined;
  }
  const { way, role, scope } = record;
  return { ...found, principal: { name, way, role, scope, session: key } };
}

/** Puts off the end of sessions that are not idle; etcd is told of each at most three times a minute. */
export class SessionKeeper {
  readonly #context: Context;
  readonly #told = new Map<string, number>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Its user has done something. */
  touch({ lease }: Session): void {
    if (lease === undefined) return;
    const { store, now } = this.#context;
    const at = now();
    if (at - (this.#told.get(lease) ?? 0) < KEPT_MS) return;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.set(lease, at);
    // A lease that is gone is noticed at the next request, which finds no session.
    store.keepLeaseAlive(lease).catch(() => this.#told.delete(lease));
  }
}

function decodeName(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
  } catch {
    return "";
  }
}

/** True where the request carries the session's own word, which no other site knows. */
export function hasCsrf(session: Session, given: string | null): boolean {
  return given !== null && sameText(given, session.record.csrf);
}

/** Ends one session. */
export async function endSession(store: Store, key: string): Promise<void> {
  await store.txn({ success: [{ delete: { key } }] });
}

/** Ends all sessions of the person; how many there were. */
export async function endSessions(store: Store, name: string): Promise<number> {
  const response = await store.txn({
    success: [{ delete: underPrefix(sessionPrefix(name)) }],
  });
  const [result] = response.results;
  return result?.kind === "delete" ? result.deleted : 0;
}
