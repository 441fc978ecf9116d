/**
 * `import`: addresses that are in use outside, workloads' addresses, or networks, from a
 * spreadsheet. Checked whole before anything is written, and taken back by its journal.
 *
 * @module
 */

import { asFabricError, FabricError } from "../mod/error.ts";
import { replaceFile } from "../mod/atomic_file.ts";
import { applyResource } from "../mod/ipam/apply.ts";
import { applyImport, revertImport, type StepDone } from "../mod/ipam/import/apply.ts";
import {
  formatJournal,
  type ImportJournal,
  type ImportStep,
  parseImportJournal,
} from "../mod/ipam/import/journal.ts";
import { planAddresses } from "../mod/ipam/import/plan.ts";
import { ADDRESS_COLUMNS, type InputRow } from "../mod/ipam/import/row.ts";
import { META_ERA } from "../mod/ipam/keys.ts";
import { describeRef } from "../mod/ipam/kinds.ts";
import { timestamp } from "../mod/ipam/context.ts";
import { encodeResource } from "../mod/ipam/stored.ts";
import { DRY_RUN_FLAG, isDryRun, tellFaults } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import { mayGoOn, YES_FLAG } from "./confirm.ts";
import type { AdminContext } from "./context.ts";
import { decodeText, parseCsv } from "../mod/ipam/import/csv.ts";
import { type InputDocument, readDocuments } from "./documents.ts";
import { usageError } from "./exit.ts";
import type { Flag } from "./flags.ts";
import { NETWORK_COLUMNS, networkDocuments } from "./network_rows.ts";
import { startProgress } from "./progress.ts";
import { CLUSTER_FLAG, clusterOf } from "./workload_flags.ts";
import { checkAll, readItems } from "./write_documents.ts";

/** Columns of an export that say how it is, not how it shall be. */
export const TOLD_COLUMNS = ["state", "holder", "node", "mac", "since"] as const;

const FORMAT_FLAG: Flag = {
  name: "format",
  value: "csv|yaml",
  choices: ["csv", "yaml"],
  text: "Default: by the end of the file's name, else csv",
};
const JOURNAL_FLAG: Flag = {
  name: "journal",
  value: "FILE",
  text: "New journal; default: fabric-import-TIME.journal",
};
const RESUME_FLAG: Flag = {
  name: "resume",
  value: "JOURNAL",
  text: "Go on with an import that was stopped",
};
const REVERT_FLAG: Flag = {
  name: "revert",
  value: "JOURNAL",
  text: "Take an import back, as far as nobody changed it since",
};

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new FabricError("invalid", `Cannot read ${path}: ${asFabricError(cause).message}`, {
      field: "FILE",
      value: path,
      remedy: "name a file, or - for standard input",
      cause,
    });
  }
}

/** What a file holds: lines of addresses, or documents of networks. */
interface Input {
  readonly rows: readonly InputRow[];
  readonly documents: readonly InputDocument[];
  readonly faults: readonly FabricError[];
}

async function readInput(context: AdminContext, { args, flags }: Call): Promise<Input> {
  const path = args[0] ?? "";
  const format = flags.text(FORMAT_FLAG.name) ?? (/\.(ya?ml|json)$/.test(path) ? "yaml" : "csv");
  if (format === "yaml") return await readYaml(context, path);
  const text = path === "-"
    ? await context.io.readStdin()
    : decodeText(await readBytes(path), path);
  const known = [...new Set([...ADDRESS_COLUMNS, ...NETWORK_COLUMNS])];
  const table = await parseCsv(text, { name: path, known, ignored: TOLD_COLUMNS });
  const isNetworks = table.columns.includes("cidr");
  const columns: readonly string[] = isNetworks ? NETWORK_COLUMNS : ADDRESS_COLUMNS;
  const foreign = table.columns.find((column) =>
    !columns.includes(column) && !TOLD_COLUMNS.some((one) => one === column)
  );
  const missing = (isNetworks ? ["network", "cidr"] : ["network", "address"]).find((one) =>
    !table.columns.includes(one)
  );
  if (foreign !== undefined || missing !== undefined) {
    const what = isNetworks ? "networks" : "addresses";
    throw new FabricError(
      "invalid",
      missing === undefined
        ? `${path}:1: column ${foreign} is none of a table of ${what}`
        : `${path}:1: column ${missing} of a table of ${what} is missing`,
      { field: "FILE", value: path, remedy: `use ${columns.join(", ")}` },
    );
  }
  if (!isNetworks) return { rows: table.rows, documents: [], faults: [] };
  const { documents, faults } = await networkDocuments(await context.store(), table.rows);
  return { rows: [], documents, faults };
}

/** Documents of networks, or a list of lines with the columns as fields. */
async function readYaml(context: AdminContext, path: string): Promise<Input> {
  const { documents, errors } = await readDocuments([path], context.io);
  const rows: InputRow[] = [];
  const objects: InputDocument[] = [];
  const faults = [...errors];
  for (const document of documents) {
    const list: unknown = document.value;
    if (!Array.isArray(list)) {
      objects.push(document);
      continue;
    }
    list.forEach((item: unknown, index) => {
      const place = document.lineOf(`[${index}]`);
      const cells: Record<string, string> = {};
      for (const [name, value] of Object.entries(Object(item))) {
        const known: readonly string[] = [...ADDRESS_COLUMNS, ...TOLD_COLUMNS];
        const isPlain = typeof value === "string" || typeof value === "number";
        if (known.includes(name) && isPlain) cells[name] = String(value);
        else {
          faults.push(
            new FabricError("invalid", `${place}: unknown field "${name}", or no plain value`, {
              field: name,
              remedy: `use ${ADDRESS_COLUMNS.join(", ")}`,
            }),
          );
        }
      }
      rows.push({ place, cells });
    });
  }
  if (rows.length > 0 && objects.length > 0) {
    throw new FabricError("invalid", `${path} holds networks and addresses`, {
      field: "FILE",
      value: path,
      remedy: "import the networks first, then the addresses",
    });
  }
  return { rows, documents: objects, faults };
}

interface Planned {
  readonly steps: readonly ImportStep[];
  readonly faults: readonly FabricError[];
  readonly unchanged: number;
}

async function planNetworks(
  context: AdminContext,
  documents: readonly InputDocument[],
): Promise<Planned> {
  const { items, faults } = readItems(documents);
  const wrong = items.filter(({ ref }) => ref.kind !== "Network").map(({ ref, document }) =>
    new FabricError("invalid", `${document.lineOf("kind")}: ${describeRef(ref)} is no Network`, {
      field: "kind",
      remedy: "use apply for other kinds",
    })
  );
  const checked = await checkAll(await context.ipam(), items, applyResource);
  const steps = checked.checked.flatMap(({ document, ref, applied }): ImportStep[] => {
    if (applied.outcome === "unchanged") return [];
    return [{
      kind: "network",
      name: ref.name,
      after: fieldsOf(JSON.parse(JSON.stringify(document.value))),
      before: applied.before === undefined
        ? null
        : fieldsOf(JSON.parse(encodeResource(applied.before))),
      place: document.lineOf(""),
    }];
  });
  return {
    steps,
    faults: [...faults, ...wrong, ...checked.faults],
    unchanged: checked.checked.length - steps.length,
  };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  const { v: _, status: __, ...fields }: Record<string, unknown> = Object(value);
  return fields;
}

function countText(steps: readonly ImportStep[]): string {
  let [reserved, fixed, networks] = [0, 0, 0];
  for (const step of steps) {
    if (step.kind === "reserve") reserved += step.items.length;
    else if (step.kind === "fix") fixed += step.addresses.length;
    else networks++;
  }
  const texts = [
    ...reserved > 0 ? [`${reserved} to reserve`] : [],
    ...fixed > 0 ? [`${fixed} to fix`] : [],
    ...networks > 0 ? [`${networks} network${networks === 1 ? "" : "s"} to write`] : [],
  ];
  return texts.length === 0 ? "nothing to do" : texts.join(", ");
}

async function runImport(context: AdminContext, call: Call): Promise<void> {
  const { args, flags } = call;
  const resume = flags.text(RESUME_FLAG.name);
  const revert = flags.text(REVERT_FLAG.name);
  const said = [args[0], resume, revert].filter((one) => one !== undefined);
  if (said.length !== 1) {
    throw usageError("Name a file to import, or a journal to resume or to revert", {
      remedy: "write import FILE, import --resume JOURNAL or import --revert JOURNAL",
    });
  }
  if (resume !== undefined) return await runJournal(context, call, { path: resume, back: false });
  if (revert !== undefined) return await runJournal(context, call, { path: revert, back: true });
  const ipam = await context.ipam();
  using progress = startProgress(context.io);
  const input = await readInput(context, call);
  const cluster = await clusterOf(context, flags);
  const plan = input.documents.length > 0
    ? await planNetworks(context, input.documents)
    : await planAddresses(ipam, input.rows, {
      cluster,
      onProgress: (read) => progress.show(`${read} addresses compared`),
    });
  progress.clear();
  if (tellFaults(context, [...input.faults, ...plan.faults])) return;
  const unchanged = plan.unchanged === 0 ? "" : `, ${plan.unchanged} unchanged`;
  context.write(`${args[0]}: ${countText(plan.steps)}${unchanged}\n`);
  if (isDryRun(flags) || plan.steps.length === 0) return;
  if (!mayGoOn(context, flags, { question: "Import?" })) return;
  const { header } = await ipam.store.range({ key: META_ERA });
  const path = journalPath(context, flags.text(JOURNAL_FLAG.name));
  const journal: ImportJournal = { clusterId: header.clusterId, steps: plan.steps };
  writeJournal(path, formatJournal(journal, timestamp(ipam)), ipam.newId());
  await apply(context, { path, journal });
}

function journalPath(context: AdminContext, given: string | undefined): string {
  const time = new Date(context.now()).toISOString().replace(/[:.]/g, "-");
  const path = given ?? `fabric-import-${time}.journal`;
  try {
    Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
  throw new FabricError("conflict", `File ${path} exists`, {
    field: `--${JOURNAL_FLAG.name}`,
    value: path,
    remedy: "name another file",
  });
}

function writeJournal(path: string, text: string, unique: string): void {
  try {
    replaceFile(path.includes("/") ? path : `./${path}`, text, { unique, durable: true });
  } catch (cause) {
    throw new FabricError(
      "host",
      `Cannot write the journal ${path}: ${asFabricError(cause).message}`,
      {
        field: `--${JOURNAL_FLAG.name}`,
        value: path,
        remedy: "name a file in a folder that you may write to; nothing was changed",
        cause,
      },
    );
  }
}

interface Work {
  readonly path: string;
  readonly journal: ImportJournal;
}

async function apply(context: AdminContext, { path, journal }: Work): Promise<void> {
  try {
    const changed = await count(context, applyImport(await context.ipam(), journal));
    context.write(`${changed} changed; to take it back: import --revert ${path}\n`);
  } catch (cause) {
    const error = asFabricError(cause);
    throw new FabricError(error.kind, error.message, {
      remedy: `${error.remedy ?? "mend it"}; then import --resume ${path}, or --revert ${path}`,
      details: error.details,
      cause,
    });
  }
}

async function count(context: AdminContext, steps: AsyncGenerator<StepDone>): Promise<number> {
  using progress = startProgress(context.io);
  let changed = 0;
  for await (const done of steps) {
    changed += done.changed;
    progress.show(`${changed} changed`);
    for (const text of done.kept) {
      progress.clear();
      context.warn(`${text} was changed since, and stays as it is`);
    }
  }
  return changed;
}

async function runJournal(
  context: AdminContext,
  { flags }: Call,
  { path, back }: { readonly path: string; readonly back: boolean },
): Promise<void> {
  const journal = parseImportJournal(decodeText(await readBytes(path), path), path);
  context.write(`${path}: ${journal.steps.length} steps\n`);
  const question = back ? "Take the import back?" : "Go on with the import?";
  if (!mayGoOn(context, flags, { question })) return;
  if (!back) return await apply(context, { path, journal });
  const changed = await count(context, revertImport(await context.ipam(), journal));
  context.write(`${changed} taken back\n`);
}

/** `import`. */
export const IMPORT: Command = {
  name: "import",
  summary: "Take addresses in use, or networks, from a spreadsheet",
  args: "FILE | --resume JOURNAL | --revert JOURNAL",
  count: { min: 0, max: 1 },
  group: "addresses",
  completes: "file",
  flags: [
    FORMAT_FLAG,
    CLUSTER_FLAG,
    JOURNAL_FLAG,
    RESUME_FLAG,
    REVERT_FLAG,
    YES_FLAG,
    DRY_RUN_FLAG,
  ],
  notes: [
    "Addresses: network, address, reason (or workload, slot, interface, cluster, tenant). Networks, a",
    "line for each subnet: network, physicalNetwork, vlan, cidr, gateway, ranges, exclude, zones, mtu.",
    "Nothing is written unless every line is right.",
  ],
  examples: [
    ["import in-use.csv --dry-run", "every bad line, by its number"],
    ["import in-use.csv --journal a.journal", "asks, then writes"],
    ["import --revert a.journal", "takes it back"],
  ],
  run: runImport,
};
