/**
 * What a command of an administrator changes, told to the audit. It stands around the store, so that
 * no command can forget it: before the first write the audit is told that a change begins, at the
 * end of the command what was changed.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { appendAudit, type AuditContext, beginAudit } from "../mod/audit/append.ts";
import { outcomeOf } from "../mod/audit/audited.ts";
import { commandActor } from "../mod/audit/command_actor.ts";
import { AUDIT_INBOX, type AuditEvent, type AuditHead } from "../mod/audit/record.ts";
import { type FabricError, isKind } from "../mod/error.ts";
import type { KeyRange, KeyValue, Operation, Store } from "../mod/etcd/store.ts";
import { META_FENCE, PREFIXES } from "../mod/ipam/keys.ts";
import { encodeRecord } from "../mod/ipam/stored.ts";
import type { RoleIo } from "../mod/role.ts";
import type { Command } from "./command.ts";

/** What is no decision of a person: it follows from one, or is a node's own word. */
const FOLLOWS: readonly string[] = [
  PREFIXES.audit,
  PREFIXES.findings,
  PREFIXES.free,
  PREFIXES.freeSize,
  PREFIXES.cooling,
  PREFIXES.tombstones,
  META_FENCE,
];

/** So many keys are told with what was there and what is. */
const MAX_TOLD = 20;

/** Kinds of errors that mean no, where others mean that it could not be asked. */
const REFUSALS = ["in-use", "conflict", "not-found", "exhausted", "forbidden"] as const;

interface Write {
  readonly range: KeyRange;
  readonly revision: number;
}

/** Gathers the changes of one command. */
export class ChangeRecorder {
  readonly #command: Command;
  readonly #head: AuditHead;
  readonly #context: Omit<AuditContext, "store">;
  #store: Store | undefined;
  #inbox: string | undefined;
  readonly #writes: Write[] = [];
  readonly #counts = new Map<string, number>();

  constructor(
    command: Command,
    { args, io, now }: {
      readonly args: readonly string[];
      readonly io: RoleIo;
      readonly now: () => number;
    },
  ) {
    this.#command = command;
    this.#context = { now, newId: ulid };
    this.#head = {
      at: new Date(now()).toISOString(),
      requestId: ulid(),
      ...commandActor((name) => io.env(name)),
      action: `fabric-admin ${command.name}`,
      object: args.join(" ").slice(0, 500),
    };
  }

  /** The store, whose writes are recorded. */
  wrap(store: Store): Store {
    this.#store = store;
    return {
      range: (request, options) => store.range(request, options),
      watch: (request) => store.watch(request),
      grantLease: (seconds, options) => store.grantLease(seconds, options),
      revokeLease: (id, options) => store.revokeLease(id, options),
      keepLeaseAlive: (id, options) => store.keepLeaseAlive(id, options),
      status: (options) => store.status(options),
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
      txn: async (request, options) => {
        const { success = [], failure = [] } = request;
        const [done, otherwise] = [success, failure].map((list) => list.flatMap(rangesOf));
        if (done?.length === 0 && otherwise?.length === 0) return await store.txn(request, options);
        await this.#begin(store);
        const response = await store.txn(request, options);
        this.#record((response.succeeded ? done : otherwise) ?? [], response.header.revision);
        return response;
      },
    };
  }

  /** A restore needs an empty store: nothing may be written before it. */
  async #begin(store: Store): Promise<void> {
    if (this.#inbox !== undefined || this.#command.name === "restore") return;
    this.#inbox = await beginAudit({ ...this.#context, store }, this.#head);
  }

  #record(ranges: readonly KeyRange[], revision: number): void {
    for (const range of ranges) {
      const part = range.key.split("/")[0] ?? "";
      this.#counts.set(part, (this.#counts.get(part) ?? 0) + 1);
      const known = this.#writes.some(({ range: one }) =>
        one.key === range.key && one.end === range.end
      );
      if (!known && this.#writes.length < MAX_TOLD) this.#writes.push({ range, revision });
    }
  }

  /** Tells what came of the command; nothing where nothing was changed, or refused to be. */
  async end(error: FabricError | undefined): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    const wrote = this.#counts.size > 0;
    if (!wrote && this.#inbox === undefined && !this.#isRefusal(error)) return;
    if (!wrote && error === undefined) {
      // It only looked, by a transaction that would have written.
      if (this.#inbox !== undefined) {
        await store.txn({ success: [{ delete: { key: this.#inbox } }] });
      }
      return;
    }
    const event: AuditEvent = {
      ...this.#head,
      object: this.#head.object || this.#objects(),
      // Of several objects some may have been changed, and others refused.
      outcome: wrote || error === undefined ? "done" : outcomeOf(error),
      ...(error === undefined ? {} : { detail: error.message.slice(0, 500) }),
      ...(wrote ? await this.#told(store) : {}),
    };
    try {
      await appendAudit(store, [{ event, inbox: this.#inbox }]);
    } catch (cause) {
      // A node's credentials may tell, but not write the chain: a server does.
      if (!isKind(cause, "forbidden")) throw cause;
      const put = this.#inbox ?? `${AUDIT_INBOX}${ulid()}`;
      await store.txn({ success: [{ put, value: encodeRecord(event) }] });
    }
  }

  /** What was written, where the command's arguments do not say it. */
  #objects(): string {
    const keys = this.#writes.map(({ range }) => range.key).filter((key) =>
      !key.startsWith("meta/")
    );
    return `${keys.slice(0, 5).join(" ")}${keys.length > 5 ? " ..." : ""}`;
  }

  #isRefusal(error: FabricError | undefined): boolean {
    const { group } = this.#command;
    return error !== undefined && (group === "change" || group === "addresses") &&
      isKind(error, ...REFUSALS);
  }

  async #told(store: Store): Promise<Pick<AuditEvent, "before" | "after">> {
    const changes = Object.fromEntries(this.#counts);
    const read = async (at: (write: Write) => number | undefined) => {
      try {
        const { results } = await store.txn({
          success: this.#writes.map((write) => {
            const revision = at(write);
            return {
              range: { ...write.range, limit: 5, ...(revision === undefined ? {} : { revision }) },
            };
          }),
        });
        const kvs = results.flatMap((result) => result.kind === "range" ? result.response.kvs : []);
        return Object.fromEntries(kvs.map((kv) => [kv.key, valueOf(kv)]));
      } catch {
        // etcd has compacted it away: that there was a change is told all the same.
        return { unknown: "etcd does not know it any more" };
      }
    };
    return {
      before: await read(({ revision }) => revision - 1),
      after: { ...await read(() => undefined), changes },
    };
  }
}

/** The keys that an operation writes, other than those that follow from it. */
function rangesOf(operation: Operation): readonly KeyRange[] {
  if ("txn" in operation) {
    const { success = [], failure = [] } = operation.txn;
    return [...success, ...failure].flatMap(rangesOf);
  }
  const range = "put" in operation
    ? { key: operation.put }
    : "delete" in operation
    ? operation.delete
    : undefined;
  if (range === undefined || FOLLOWS.some((prefix) => range.key.startsWith(prefix))) return [];
  return [range];
}

function valueOf({ value }: KeyValue): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value.slice(0, 1000);
  }
}
