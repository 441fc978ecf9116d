/**
 * Importing addresses from a spreadsheet: reservations and workloads' addresses, checked whole
 * before anything is written, by the same code as `fabric-admin import`.
 *
 * @module
 */

import * as v from "valibot";
import { parseDocument } from "yaml";
import { FabricError } from "../../mod/error.ts";
import { applyImport } from "../../mod/ipam/import/apply.ts";
import { parseCsv } from "../../mod/ipam/import/csv.ts";
import { formatJournal, type ImportStep } from "../../mod/ipam/import/journal.ts";
import { planAddresses } from "../../mod/ipam/import/plan.ts";
import { ADDRESS_COLUMNS, type InputRow } from "../../mod/ipam/import/row.ts";
import { type FieldError, fieldError, invalidDocument } from "../../mod/model/field_error.ts";
import { LOCAL_CLUSTER } from "../../mod/model/identity.ts";
import type { BodySpec } from "../http/body.ts";
import { parseJson } from "../http/body.ts";
import { httpError } from "../http/http_error.ts";
import { flag, text } from "../http/param.ts";
import { type Call, defineBodyRoute, type Reply, type Route } from "../http/route.ts";

/** 65,000 lines of 100 characters and some. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Columns that say how it is, not how it shall be: an export has them. */
const TOLD = ["state", "holder", "node", "mac", "since"] as const;

interface Given {
  readonly text: string;
  readonly type: string;
}

const BODY: BodySpec<Given> = {
  types: ["text/csv", "application/yaml", "application/json"],
  maxBytes: MAX_BYTES,
  description: `A table of addresses with the columns ${ADDRESS_COLUMNS.join(", ")}: as CSV, ` +
    "or as a list of objects",
  schema: { type: "string" },
  example: "network,address,reason\npods,10.100.0.30-10.100.0.39,load balancer\n",
  parse: (text, type) => ({ text, type }),
};

const QUERY = {
  dryRun: flag("Check everything and write nothing"),
  cluster: text(`Cluster of the workloads that name none; default: ${LOCAL_CLUSTER}`, {
    maxLength: 253,
  }),
} as const;

const ListSchema = v.array(v.record(v.string(), v.union([v.string(), v.number()])));

async function readRows({ text, type }: Given): Promise<readonly InputRow[]> {
  if (type === "text/csv") {
    const known = [...ADDRESS_COLUMNS];
    const { columns, rows } = await parseCsv(text, { name: "body", known, ignored: TOLD });
    const missing = ["network", "address"].find((name) => !columns.includes(name));
    if (missing === undefined) return rows;
    throw new FabricError("invalid", `Column ${missing} is missing`, {
      field: missing,
      remedy: `use ${ADDRESS_COLUMNS.join(", ")}`,
    });
  }
  const parsed = v.safeParse(
    ListSchema,
    type === "application/json" ? parseJson(text) : yaml(text),
  );
  if (!parsed.success) {
    throw invalidDocument("The body", [
      fieldError(v.getDotPath(parsed.issues[0]) ?? "", "it is no list of objects of plain values", {
        remedy: `write a list of objects with the fields ${ADDRESS_COLUMNS.join(", ")}`,
      }),
    ]);
  }
  return parsed.output.map((item, index) => ({
    place: `[${index}]`,
    cells: Object.fromEntries(Object.entries(item).map(([name, value]) => [name, String(value)])),
  }));
}

function yaml(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) {
    throw httpError(400, "The body is not YAML", {
      remedy: (error.message.split("\n")[0] ?? "").slice(0, 200),
    });
  }
  // A few lines of aliases can stand for gigabytes.
  return document.toJS({ maxAliasCount: 0 });
}

async function runImport(call: Call<typeof QUERY, Given>): Promise<Reply> {
  const { context, query, body, note } = call;
  note({ object: "Import" });
  const rows = await readRows(body);
  const known: readonly string[] = [...ADDRESS_COLUMNS, ...TOLD];
  const strange = rows.flatMap(({ place, cells }): FieldError[] =>
    Object.keys(cells).filter((name) => !known.includes(name)).map((name) =>
      fieldError(`${place}.${name}`, "this field is not known", {
        remedy: `use ${ADDRESS_COLUMNS.join(", ")}`,
      })
    )
  );
  if (strange.length > 0) throw invalidDocument("The body", strange);
  const plan = await planAddresses(context.ipam, rows, { cluster: query.cluster ?? LOCAL_CLUSTER });
  if (plan.faults.length > 0) {
    throw invalidDocument("The body", plan.faults.map(faultOf));
  }
  const counts = { ...countSteps(plan.steps), unchanged: plan.unchanged };
  const dryRun = query.dryRun ?? false;
  note({ object: "Import", after: counts, unchanged: dryRun || plan.steps.length === 0 });
  if (dryRun) return { status: 200, body: { dryRun, ...counts } };
  const { header } = await context.store.range({ key: "meta/era", keysOnly: true });
  const journal = { clusterId: header.clusterId, steps: plan.steps };
  let changed = 0;
  for await (const done of applyImport(context.ipam, journal)) changed += done.changed;
  return {
    status: 200,
    body: {
      dryRun,
      ...counts,
      changed,
      journal: formatJournal(journal, new Date(context.now()).toISOString()),
    },
  };
}

function faultOf(fault: FabricError): FieldError {
  return fieldError(fault.field ?? "", fault.message, { value: fault.value, remedy: fault.remedy });
}

function countSteps(steps: readonly ImportStep[]) {
  let [reserved, fixed] = [0, 0];
  for (const step of steps) {
    if (step.kind === "reserve") reserved += step.items.length;
    else if (step.kind === "fix") fixed++;
  }
  return { reserved, fixed };
}

/** The route of imports. */
export const IMPORT_ROUTES: readonly Route[] = [
  defineBodyRoute({
    method: "POST",
    path: "/api/v1/import",
    id: "importAddresses",
    tag: "operations",
    summary: "Import addresses from a table: checked whole before anything is written",
    description: "The answer holds the journal: `fabric-admin import --revert` takes it back.",
    access: "operator",
    tenant: "none",
    query: QUERY,
    body: BODY,
    answers: { 200: { description: "What became of it", schema: { type: "object" } } },
    problems: [404, 409],
    handle: runImport,
  }),
];
