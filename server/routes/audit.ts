/**
 * The audit: who did what.
 *
 * @module
 */

import {
  AUDIT_ENTRIES,
  type AuditEntry,
  AuditEntrySchema,
  auditKey,
} from "../../mod/audit/record.ts";
import { readAudit, verifyAudit } from "../../mod/audit/read.ts";
import { readHead } from "../../mod/audit/append.ts";
import { decodeRecord } from "../../mod/ipam/stored.ts";
import { fieldAt, LIST_PARAMS, parseConditions, satisfies } from "../http/list_query.ts";
import { integer, text, time } from "../http/param.ts";
import { type Call, defineRoute, type Reply, type Route } from "../http/route.ts";

const QUERY = {
  limit: LIST_PARAMS.limit,
  filter: LIST_PARAMS.filter,
  before: integer("Only entries before this number: the page before", { min: 1, max: 1e15 }),
  who: text("Only of this person", { maxLength: 200 }),
  object: text("Only about objects whose name contains this", { maxLength: 200 }),
  since: time("Only since then"),
} as const;

/** Entries read at once. */
const READ = 500;
/** A page that the conditions leave nearly empty ends after so many. */
const MAX_READ = 20_000;

async function listAudit(call: Call<typeof QUERY>): Promise<Reply> {
  const { context, query } = call;
  const { limit = 200, before, who, object, since } = query;
  const conditions = parseConditions(query.filter, AuditEntrySchema);
  const { head } = await readHead(context.store);
  let end = Math.min(before ?? Infinity, head.seq + 1);
  const items: AuditEntry[] = [];
  let read = 0;
  let next: number | undefined;
  while (items.length < limit && end > 1 && read < MAX_READ) {
    const { kvs } = await context.store.range({
      key: AUDIT_ENTRIES,
      end: auditKey(end),
      limit: READ,
      sort: { by: "key", order: "descend" },
    });
    if (kvs.length === 0) break;
    let old = false;
    for (const kv of kvs) {
      const entry = decodeRecord(AuditEntrySchema, kv);
      end = entry.seq;
      read++;
      if (since !== undefined && Date.parse(entry.at) < since) {
        old = true;
        break;
      }
      const wanted = (who === undefined || entry.who === who) &&
        (object === undefined ||
          (entry.object ?? "").toLowerCase().includes(object.toLowerCase())) &&
        satisfies(conditions, (path) => fieldAt(entry, path));
      if (wanted) items.push(entry);
      if (items.length === limit) break;
    }
    if (old) {
      end = 1;
      break;
    }
  }
  if (end > 1 && (items.length === limit || read >= MAX_READ)) next = end;
  return {
    status: 200,
    body: { items: items.map(shown), ...(next === undefined ? {} : { next }) },
  };
}

function shown({ v: _, ...entry }: AuditEntry) {
  return entry;
}

function exportAudit({ context }: Call): Reply {
  const entries = readAudit(context.store);
  const encoder = new TextEncoder();
  const content = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const lines: string[] = [];
      while (lines.length < 200) {
        const { done, value } = await entries.next();
        if (done === true) break;
        lines.push(JSON.stringify(value));
      }
      if (lines.length > 0) controller.enqueue(encoder.encode(`${lines.join("\n")}\n`));
      if (lines.length < 200) controller.close();
    },
    async cancel() {
      await entries.return(undefined);
    },
  });
  return {
    status: 200,
    headers: { "content-disposition": 'attachment; filename="audit.jsonl"' },
    raw: { type: "application/jsonl", content },
  };
}

/** Routes of the audit. */
export const AUDIT_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/api/v1/audit",
    id: "listAudit",
    tag: "audit",
    summary: "List what was done and refused, the newest first",
    description: "`next` is the `before` of the next page.",
    access: "admin",
    tenant: "none",
    query: QUERY,
    answers: {
      200: {
        description: "Entries",
        schema: {
          type: "object",
          required: ["items"],
          properties: {
            items: { type: "array", items: { type: "object" } },
            next: { type: "integer" },
          },
        },
      },
    },
    handle: listAudit,
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/audit/verdict",
    id: "verifyAudit",
    tag: "audit",
    summary: "Whether the chain of the audit is whole",
    access: "admin",
    tenant: "none",
    answers: { 200: { description: "What was looked at, and faults", schema: { type: "object" } } },
    handle: async ({ context }) => ({ status: 200, body: await verifyAudit(context.store) }),
  }),
  defineRoute({
    method: "GET",
    path: "/api/v1/audit/export",
    id: "exportAudit",
    tag: "audit",
    summary: "The whole audit as JSON lines, oldest first",
    access: "admin",
    tenant: "none",
    answers: { 200: { description: "One entry on each line", type: "application/jsonl" } },
    handle: exportAudit,
  }),
];
