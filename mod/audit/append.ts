/**
 * Appends to the audit. Writers of all servers take turns by comparing the newest entry, so the
 * numbers have no gaps and the chain no branches.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Operation, Store } from "../etcd/store.ts";
import { decodeRecord, encodeRecord } from "../ipam/stored.ts";
import {
  AUDIT_HEAD,
  type AuditEntry,
  type AuditEvent,
  auditKey,
  type AuditMark,
  AuditMarkSchema,
  GENESIS,
  hashEntry,
} from "./record.ts";

/** Entries of one transaction. */
export const AUDIT_BATCH = 32;
/** Octets of `before` and of `after` that are kept whole. */
const MAX_VALUE = 16 * 1024;
const MAX_RACES = 64;

/** The newest entry, and the revision of what says so. */
export async function readHead(
  store: Store,
): Promise<{ readonly head: AuditMark; readonly revision: number }> {
  const { kvs: [kv] } = await store.range({ key: AUDIT_HEAD });
  return kv === undefined
    ? { head: GENESIS, revision: 0 }
    : { head: decodeRecord(AuditMarkSchema, kv), revision: kv.modRevision };
}

/**
 * Appends the events, at most {@linkcode AUDIT_BATCH}, in their order.
 *
 * @throws {FabricError} `unavailable`, `unknown-outcome`; `try-again` where others are faster all
 * the time.
 */
export async function appendAudit(store: Store, events: readonly AuditEvent[]): Promise<AuditMark> {
  const shown = await Promise.all(events.map(shorten));
  for (let attempt = 0; attempt < MAX_RACES; attempt++) {
    const { head, revision } = await readHead(store);
    const success: Operation[] = [];
    let last = head;
    for (const event of shown) {
      const body = { v: 1, seq: last.seq + 1, ...event, previous: last.hash };
      const entry: AuditEntry = { ...body, hash: await hashEntry(body) };
      success.push({ put: auditKey(entry.seq), value: encodeRecord(entry) });
      last = { v: 1, seq: entry.seq, hash: entry.hash };
    }
    success.push({ put: AUDIT_HEAD, value: encodeRecord(last) });
    const response = await store.txn({
      compare: [{ key: AUDIT_HEAD, target: "mod", op: "=", revision }],
      success,
    });
    if (response.succeeded) return last;
  }
  throw new FabricError("try-again", `Lost ${MAX_RACES} races for the audit`, {
    remedy: "try again",
  });
}

/** What is too long is told by its size and its hash. */
async function shorten(event: AuditEvent): Promise<AuditEvent> {
  const { before, after, ...rest } = event;
  const value = async (name: "before" | "after", given: unknown) => {
    if (given === undefined) return {};
    const text = JSON.stringify(given);
    if (text.length <= MAX_VALUE) return { [name]: JSON.parse(text) };
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return { [name]: { octets: text.length, sha256: new Uint8Array(digest).toHex() } };
  };
  return { ...rest, ...await value("before", before), ...await value("after", after) };
}

/** Tells the audit from one process: what comes together is written together, in its order. */
export class AuditWriter {
  readonly #store: Store;
  readonly #onLost: (event: AuditEvent, error: unknown) => void;
  #waiting: { readonly event: AuditEvent; readonly done: () => void }[] = [];
  #running: Promise<void> | undefined;

  /** `onLost` is told of an event that could not be written: it must stand in the log at least. */
  constructor(store: Store, onLost: (event: AuditEvent, error: unknown) => void) {
    this.#store = store;
    this.#onLost = onLost;
  }

  /** Returns when the event is written, or told to be lost. */
  async append(event: AuditEvent): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ event, done: resolve });
    this.#running ??= this.#run().finally(() => this.#running = undefined);
    await promise;
  }

  /** Returns when nothing waits. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, AUDIT_BATCH);
      await this.#write(batch.map(({ event }) => event));
      for (const { done } of batch) done();
    }
  }

  async #write(events: readonly AuditEvent[]): Promise<void> {
    try {
      await appendAudit(this.#store, events);
    } catch (error) {
      for (const event of events) this.#onLost(event, error);
    }
  }
}
