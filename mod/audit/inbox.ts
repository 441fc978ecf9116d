/**
 * The inbox of the audit: what was begun and never ended becomes an entry with the outcome
 * `unknown`, and what nodes told becomes one as it is.
 *
 * @module
 */

import { readPages } from "../etcd/pages.ts";
import { type KeyValue, type Store, underPrefix } from "../etcd/store.ts";
import { decodeRecord } from "../ipam/stored.ts";
import { appendAudit } from "./append.ts";
import { AUDIT_INBOX, type AuditEvent, AuditEventSchema } from "./record.ts";

/** So long a change may be under way. */
const UNDER_WAY_MS = 120_000;

/** Puts into the chain what waits; how many entries that made. Several servers may do it at once. */
export async function sweepInbox(store: Store, now: number): Promise<number> {
  let count = 0;
  for await (const page of readPages(store, underPrefix(AUDIT_INBOX))) {
    for (const kv of page) if (await sweepOne(store, { kv, now })) count++;
  }
  return count;
}

async function sweepOne(
  store: Store,
  { kv, now }: { readonly kv: KeyValue; readonly now: number },
): Promise<boolean> {
  const event = readEvent(kv, now);
  if (event.outcome === "unknown" && now - Date.parse(event.at) < UNDER_WAY_MS) return false;
  const { key, modRevision: revision } = kv;
  const written = await appendAudit(store, [{ event, inbox: key }], {
    compare: [{ key, target: "mod", op: "=", revision }],
  });
  return written !== undefined;
}

/** What cannot be read is told of, too: whoever may write there may not hide in it. */
function readEvent(kv: KeyValue, now: number): AuditEvent {
  try {
    const { v: _, ...event } = decodeRecord(AuditEventSchema, kv);
    return event;
  } catch (error) {
    return {
      at: new Date(now).toISOString(),
      who: "unknown",
      way: "inbox",
      from: "unknown",
      requestId: kv.key.slice(AUDIT_INBOX.length),
      action: "unreadable",
      outcome: "failed",
      detail: error instanceof Error ? error.message.slice(0, 500) : "",
    };
  }
}

/** What has waited since before the time: how many, and since when. */
export async function inboxSince(
  store: Store,
  before: number,
): Promise<{ readonly count: number; readonly oldest: string }> {
  const found: string[] = [];
  for await (const page of readPages(store, underPrefix(AUDIT_INBOX))) {
    for (const kv of page) {
      const { at } = readEvent(kv, 0);
      if (!(Date.parse(at) > before)) found.push(at);
    }
  }
  return { count: found.length, oldest: found.sort()[0] ?? "" };
}
