/**
 * Signing in with name and password. Whether an account exists is not told: an unknown name takes
 * as long, is refused in the same words, and is backed off from in the same way.
 *
 * Guesses follow each other: each is counted in etcd before the password is looked at, under a
 * compare, so that a thousand at once at ten replicas are not a thousand guesses.
 *
 * @module
 */

import * as v from "valibot";
import type { FabricError } from "../../mod/error.ts";
import type { KeyValue } from "../../mod/etcd/store.ts";
import { decodeRecord, encodeRecord } from "../../mod/ipam/stored.ts";
import { httpError } from "../http/http_error.ts";
import type { AccountContext } from "./accounts.ts";
import { accountKey, type AccountRecord, AccountRecordSchema, failureKey } from "./records.ts";

const FailuresSchema = v.looseObject({ count: v.number(), until: v.number() });

/** Who guesses from one place waits long; guesses from many places slow everybody down a little. */
const POLICIES = [
  { free: 3, maxMs: 900_000 },
  { free: 20, maxMs: 60_000 },
] as const;
/** The first lock; longer than it takes to look at a password. */
const FIRST_MS = 5000;
/** Failures are forgotten after so long without one. */
const FORGET_SECONDS = 3600;

/** How long to wait after so many failures: doubles with each. */
export function backOffMs(failures: number, policy: { free: number; maxMs: number }): number {
  const over = failures - policy.free;
  return over <= 0 ? 0 : Math.min(policy.maxMs, FIRST_MS * 2 ** (over - 1));
}

/** The error of every sign-in that fails. */
function wrongPassword(): FabricError {
  return httpError(401, "Name or password is wrong", {
    field: "password",
    remedy: "try again, or ask an administrator for a new password",
  });
}

/**
 * The account whose name and password these are.
 *
 * @throws {FabricError} 401; 429 with Retry-After after failures.
 */
export async function checkSignIn(
  context: AccountContext,
  given: { readonly name: string; readonly password: string; readonly from: string },
): Promise<AccountRecord> {
  const { store, now, passwords } = context;
  const name = given.name.slice(0, 256);
  const keys = [failureKey(name, given.from), failureKey(name, "")];
  const read = await store.txn({
    success: [accountKey(name), ...keys].map((key) => ({ range: { key } })),
  });
  const [accountKv, ...failureKvs] = read.results.map((result) =>
    result.kind === "range" ? result.response.kvs[0] : undefined
  );
  const failures = POLICIES.map((policy, i) => ({ policy, kv: failureKvs[i], key: keys[i] ?? "" }));
  const wait = Math.max(...failures.map(({ kv }) => (parse(kv)?.until ?? 0) - now()));
  if (wait > 0) throw tooMany(wait);
  const { id: lease } = await store.grantLease(FORGET_SECONDS);
  const counted = await store.txn({
    compare: failures.map(({ key, kv }) => ({
      key,
      target: "mod",
      op: "=",
      revision: kv?.modRevision ?? 0,
    })),
    success: failures.map(({ key, kv, policy }) => {
      const count = (parse(kv)?.count ?? 0) + 1;
      const until = now() + backOffMs(count, policy);
      return { put: key, value: encodeRecord({ count, until }), lease };
    }),
  });
  if (!counted.succeeded) throw tooMany(1000);
  const account = accountKv === undefined
    ? undefined
    : decodeRecord(AccountRecordSchema, accountKv);
  const right = await passwords.verify(given.password, account?.password);
  if (!right || account === undefined || account.disabled) throw wrongPassword();
  // The lease takes both counts away; a count from elsewhere begins anew with them.
  await store.revokeLease(lease);
  return account;
}

function parse(kv: KeyValue | undefined): v.InferOutput<typeof FailuresSchema> | undefined {
  return kv === undefined ? undefined : decodeRecord(FailuresSchema, kv);
}

function tooMany(ms: number): FabricError {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return httpError(429, "Too many wrong passwords: this name is locked for a while", {
    type: "locked",
    remedy: `try again in ${seconds} s`,
    headers: { "retry-after": String(seconds) },
  });
}
