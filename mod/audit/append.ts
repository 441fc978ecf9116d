/**
 * Appends to the audit. Writers of all servers take turns by comparing the newest entry, so the
 * numbers have no gaps and the chain no branches.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import type { Compare, Operation, Store } from "../etcd/store.ts";
import { decodeRecord, encodeRecord } from "../ipam/stored.ts";
import {
  AUDIT_HEAD,
  type AuditEntry,
  type AuditEvent,
  type AuditHead,
  auditInboxKey,
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

/** An event on its way into the chain. */
export interface AuditTold {
  readonly event: AuditEvent;
  /** Its key in the inbox, which goes with it. */
  readonly inbox?: string | undefined;
}

/** What an append does beside. */
export interface AppendOptions {
  readonly compare?: readonly Compare[];
  readonly success?: readonly Operation[];
}

/**
 * Appends the events, at most {@linkcode AUDIT_BATCH}, in their order, in one transaction.
 *
 * @returns the newest entry; undefined where one of the further compares does not hold.
 * @throws {FabricError} `unavailable`, `unknown-outcome`; `try-again` where others are faster all
 * the time.
 */
export async function appendAudit(
  store: Store,
  told: readonly AuditTold[],
  options: AppendOptions = {},
): Promise<AuditMark | undefined> {
  const { compare = [], success = [] } = options;
  const events = await Promise.all(told.map(({ event }) => shorten(event)));
  const taken = told.flatMap(({ inbox }): readonly Operation[] =>
    inbox === undefined ? [] : [{ delete: { key: inbox } }]
  );
  for (let attempt = 0; attempt < MAX_RACES; attempt++) {
    const { head, revision } = await readHead(store);
    const puts: Operation[] = [];
    let last = head;
    for (const event of events) {
      const body = { v: 1, seq: last.seq + 1, ...event, previous: last.hash };
      const entry: AuditEntry = { ...body, hash: await hashEntry(body) };
      puts.push({ put: auditKey(entry.seq), value: encodeRecord(entry) });
      last = { v: 1, seq: entry.seq, hash: entry.hash };
    }
    const response = await store.txn({
      compare: [{ key: AUDIT_HEAD, target: "mod", op: "=", revision }, ...compare],
      success: [...puts, { put: AUDIT_HEAD, value: encodeRecord(last) }, ...taken, ...success],
      failure: [{ range: { key: AUDIT_HEAD, keysOnly: true } }],
    });
    if (response.succeeded) return last;
    const [present] = response.results;
    const same = present?.kind === "range" &&
      (present.response.kvs[0]?.modRevision ?? 0) === revision;
    if (same) return undefined;
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

/** What the audit needs of the process. */
export interface AuditContext {
  readonly store: Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** A new ULID. */
  readonly newId: () => string;
}

/**
 * Says that a change begins, before it does: should its author die, an entry with the outcome
 * `unknown` is made of it. What stands in the chain later takes it away again.
 *
 * @returns its key.
 */
export async function beginAudit(
  { store, newId }: AuditContext,
  event: AuditHead,
): Promise<string> {
  const key = auditInboxKey(newId());
  const short = await shorten({ ...event, outcome: "unknown" });
  await store.txn({ success: [{ put: key, value: encodeRecord(short) }] });
  return key;
}

/** So much of the text of events goes into one transaction. */
const BATCH_TEXT = 256 * 1024;

/** Tells the audit from one process: what comes together is written together, in its order. */
export class AuditWriter {
  readonly #context: AuditContext;
  readonly #onLost: (event: AuditEvent, error: unknown) => void;
  #waiting: { readonly told: AuditTold; readonly done: () => void }[] = [];
  #running: Promise<void> | undefined;

  /** `onLost` is told of an event that could not be written: it must stand in the log at least. */
  constructor(context: AuditContext, onLost: (event: AuditEvent, error: unknown) => void) {
    this.#context = context;
    this.#onLost = onLost;
  }

  /** See {@linkcode beginAudit}. */
  async begin(event: AuditHead): Promise<string> {
    return await beginAudit(this.#context, event);
  }

  /** Returns when the event is written, or told to be lost. `inbox` is what `begin` answered. */
  async append(event: AuditEvent, inbox?: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ told: { event, inbox }, done: resolve });
    this.#running ??= this.#run().finally(() => this.#running = undefined);
    await promise;
  }

  /** A change that was begun and changed nothing: nothing is written down. */
  async forget(inbox: string): Promise<void> {
    await this.#context.store.txn({ success: [{ delete: { key: inbox } }] });
  }

  /** Returns when nothing waits. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      let size = 0;
      let count = 0;
      for (const { told } of this.#waiting.slice(0, AUDIT_BATCH)) {
        size += JSON.stringify(told.event).length;
        if (count > 0 && size > BATCH_TEXT) break;
        count++;
      }
      const batch = this.#waiting.splice(0, count);
      await this.#write(batch.map(({ told }) => told));
      for (const { done } of batch) done();
    }
  }

  async #write(told: readonly AuditTold[]): Promise<void> {
    try {
      await appendAudit(this.#context.store, told);
    } catch (error) {
      for (const { event } of told) this.#onLost(event, error);
    }
  }
}
