/**
 * `docs/conformance.md`: what the community's tests said. Runs leave what they found in
 * `.cache/conformance/`, from which `scripts/conformance_page.ts` writes the page; each run compares
 * itself with the page.
 *
 * @module
 */

import * as v from "valibot";
import { TOOLS } from "../lab/mod.ts";
import type { GinkgoResult } from "./ginkgo.ts";

/** Where tests ran: kube-proxy's modes, containerd's versions. */
export const COLUMNS = {
  network: ["nftables", "iptables"],
  critest: ["containerd 1.6", "containerd 2.4"],
} as const;
export type Column = typeof COLUMNS[keyof typeof COLUMNS][number];

/** What the page says of one test in one column. */
const Cell = v.union([v.literal("passed"), v.literal("failed"), v.literal("not run")]);
export type Cell = v.InferOutput<typeof Cell>;

/** One line of a table. */
export interface Row {
  readonly test: string;
  /** In the order of the table's columns. */
  readonly cells: readonly Cell[];
  /** Why it was not run everywhere; empty where it was. */
  readonly reason: string;
}

/** What the page says. */
export interface ConformancePage {
  /** Of Kubernetes, e.g. `v1.37.2`; and of critest. */
  readonly versions: { readonly kubernetes: string; readonly critest: string };
  readonly critest: readonly Row[];
  readonly network: readonly Row[];
}

const CONFORMANCE = /\[Conformance\]/;

/** The page as Markdown. */
export function renderPage({ versions, critest, network }: ConformancePage): string {
  const ran = network.filter(({ cells }) => cells.some((cell) => cell !== "not run"));
  const conformance = network.filter(({ test }) => CONFORMANCE.test(test));
  const further = ran.filter((row) => !conformance.includes(row));
  const left = network.filter((row) => !ran.includes(row));
  const counts = COLUMNS.network.map((mode, column) => {
    const count = (rows: readonly Row[], cell: Cell) =>
      rows.filter(({ cells }) => cells[column] === cell).length;
    const passed = (rows: readonly Row[]) =>
      `${count(rows, "passed")} of ${rows.length - count(rows, "not run")}`;
    return `| kube-proxy, ${mode} | ${passed(conformance)} | ${passed(further)} |`;
  });
  return `# Conformance

What the tests of the Kubernetes community say of a cluster whose only network is fabric: Pods are in a
VLAN and have both families, Services come from kube-proxy, hostPort from the reference plugin \`portmap\`.
\`./scripts/test conformance\` runs the conformance tests of the network group with
kube-proxy's nftables mode and critest's tests of networking, \`./scripts/test --long conformance\` all
others named here. This page is written from their reports by \`scripts/conformance_page.ts\`, and a run
that finds something else than it says fails.

Kubernetes ${versions.kubernetes}, critest ${versions.critest}. Passed:

| | conformance | further |
|---|---|---|
${counts.join("\n")}

## critest, networking

${renderTable(critest, COLUMNS.critest)}

## Kubernetes: conformance tests of the network group

${renderTable(conformance, COLUMNS.network)}

## Kubernetes: further tests of the network group

${renderTable(further, COLUMNS.network)}

## Not run

${renderTable(left, [])}
`;
}

function renderTable(rows: readonly Row[], columns: readonly string[]): string {
  const notes = columns.length === 0 || rows.some(({ reason }) => reason !== "");
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = ["test", ...columns, ...(notes ? ["why not"] : [])];
  return [
    line(head),
    `|${"---|".repeat(head.length)}`,
    ...rows.map(({ test, cells, reason }) =>
      line([`\`${test}\``, ...cells.slice(0, columns.length), ...(notes ? [reason] : [])])
    ),
  ].join("\n");
}

/** What a page says. */
export function parsePage(page: string): ConformancePage {
  const [, kubernetes = "", critest = ""] = /^Kubernetes (\S+), critest (\S+?)\. /m.exec(page) ??
    [];
  const rows = [...page.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)].map(([, test = "", rest = ""]) => {
    const fields = rest.split(" | ");
    const cells = fields.flatMap((field) => v.is(Cell, field) ? [field] : []);
    const reason = fields[cells.length] ?? "";
    return { test, cells: cells.length === 0 ? NOT_RUN : cells, reason };
  });
  const isCritest = ({ test }: Row) => test.startsWith("[k8s.io] ");
  return {
    versions: { kubernetes, critest },
    critest: rows.filter(isCritest),
    network: rows.filter((row) => !isCritest(row)),
  };
}

const NOT_RUN = ["not run", "not run"] as const;

/** The page of the repository. */
export const PAGE = new URL("../../docs/conformance.md", import.meta.url);

/** Versions that the tools are built from. */
export async function readVersions(): Promise<ConformancePage["versions"]> {
  const version = async (tool: string, module: string): Promise<string> => {
    const file = new URL(`../../scripts/tools.d/${tool}/go.mod`, import.meta.url);
    const [, found = ""] = new RegExp(`^require ${module} (\\S+)$`, "m")
      .exec(await Deno.readTextFile(file)) ?? [];
    return found;
  };
  return {
    kubernetes: await version("kubernetes", "k8s.io/kubernetes"),
    critest: await version("critools", "sigs.k8s.io/cri-tools"),
  };
}

const Results = v.array(v.object({
  name: v.string(),
  outcome: v.picklist(["passed", "failed", "skipped"]),
  message: v.string(),
}));

const RESULTS = `${TOOLS}../conformance/`;

/** What was found in a column by the runs so far; the last of each test counts. */
export async function readResults(column: Column): Promise<readonly GinkgoResult[]> {
  try {
    return v.parse(Results, JSON.parse(await Deno.readTextFile(`${RESULTS}${column}.json`)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Keeps what a run found. */
export async function keepResults(
  column: Column,
  results: readonly GinkgoResult[],
): Promise<void> {
  const all = new Map((await readResults(column)).map((result) => [result.name, result]));
  for (const result of results) all.set(result.name, result);
  await Deno.mkdir(RESULTS, { recursive: true });
  const text = JSON.stringify([...all.values()], null, 1);
  await Deno.writeTextFile(`${RESULTS}${column}.json.new`, text);
  await Deno.rename(`${RESULTS}${column}.json.new`, `${RESULTS}${column}.json`);
}
