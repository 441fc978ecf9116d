/**
 * `Idempotency-Key`: a POST that is said again gets the first one's answer, on any replica.
 *
 * The first request claims the key, and notes its answer under it. A request that fails gives the
 * claim back, since nothing was done. The claim of a server that dies goes within seconds; had it
 * changed something already, that stays: operations can be said twice, and a creation answers then
 * that the object exists.
 *
 * @module
 */

import { createHash } from "node:crypto";
import * as v from "valibot";
import { isKind } from "../../mod/error.ts";
import type { Store, TxnResponse } from "../../mod/etcd/store.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { PREFIXES } from "../../mod/ipam/keys.ts";
import { withLeases } from "../../mod/ipam/lease.ts";
import { decodeRecord, encodeRecord } from "../../mod/ipam/stored.ts";
import type { OwnLease } from "../own_lease.ts";
import { httpError } from "./http_error.ts";
import type { Reply } from "./route.ts";

const KEPT_SECONDS = 24 * 3600;
/** Longer answers are not kept: the change stands, and its second request is answered by what is. */
const MAX_KEPT = 256 * 1024;

const NoteSchema = v.looseObject({
  v: v.number(),
  /** Of method, path, query and body: another request with the key is an error. */
  request: v.string(),
  answer: v.optional(v.looseObject({
    status: v.number(),
    headers: v.record(v.string(), v.string()),
    body: v.optional(v.unknown()),
  })),
});

export interface IdempotentRequest {
  /** Keys of one caller mean nothing to another. */
  readonly caller: string;
  readonly key: string;
  /** Method, path, query and body. */
  readonly content: readonly string[];
}

function digest(...texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${text.length}:${text}`);
  return hash.digest("hex");
}

/** Runs the request, unless it was run before. */
export async function runOnce(
  context: IpamContext,
  lease: OwnLease,
  request: IdempotentRequest,
  run: () => Promise<Reply>,
): Promise<Reply> {
  const { caller, content } = request;
  if (!/^[\x21-\x7e]{1,200}$/.test(request.key)) {
    throw httpError(400, "Idempotency-Key is no key", {
      field: "idempotency-key",
      remedy: "send 1 to 200 printable characters, such as a UUID",
    });
  }
  const key = `${PREFIXES.idempotency}${digest(caller)}/${digest(request.key)}`;
  const print = digest(...content);
  const claimed = await claim(context.store, lease, { key, print });
  if (!claimed.succeeded) {
    const [result] = claimed.results;
    const kv = result?.kind === "range" ? result.response.kvs[0] : undefined;
    const note = kv === undefined ? undefined : decodeRecord(NoteSchema, kv);
    if (note !== undefined && note.request !== print) {
      throw httpError(422, "The Idempotency-Key was used for another request", {
        type: "idempotency-conflict",
        field: "idempotency-key",
        remedy: "send a new key with every new request",
      });
    }
    if (note?.answer === undefined) {
      throw httpError(409, "The first request with this Idempotency-Key is still running", {
        type: "idempotency-running",
        field: "idempotency-key",
        remedy: "try again in a second",
        headers: { "retry-after": "1" },
      });
    }
    const { status, headers, body } = note.answer;
    return { status, headers: { ...headers, "idempotent-replay": "true" }, body };
  }
  let reply: Reply;
  try {
    reply = await run();
  } catch (error) {
    await context.store.txn({ success: [{ delete: { key } }] }).catch(() => {});
    throw error;
  }
  await keep(context, key, { request: print, reply }).catch(() => {});
  return reply;
}

async function claim(
  store: Store,
  lease: OwnLease,
  { key, print }: { readonly key: string; readonly print: string },
): Promise<TxnResponse> {
  for (let attempt = 1;; attempt++) {
    try {
      return await store.txn({
        compare: [{ key, target: "create", op: "=", revision: 0 }],
        success: [{ put: key, value: encodeRecord({ request: print }), lease: await lease.id() }],
        failure: [{ range: { key } }],
      });
    } catch (error) {
      if (!isKind(error, "not-found") || attempt > 2) throw error;
      lease.forget();
    }
  }
}

async function keep(
  context: IpamContext,
  key: string,
  { request, reply }: { readonly request: string; readonly reply: Reply },
): Promise<void> {
  const { status, headers = {}, body } = reply;
  const value = encodeRecord({ request, answer: { status, headers, body } });
  if (value.length > MAX_KEPT) return;
  await withLeases(context, [KEPT_SECONDS], ([lease]) =>
    context.store.txn({
      success: [{ put: key, value, ...(lease === undefined ? {} : { lease }) }],
    }));
}
