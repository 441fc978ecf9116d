/**
 * Puts together what the page says, of what the runs found.
 *
 * @module
 */

import { listE2eTests } from "./e2e.ts";
import type { GinkgoResult } from "./ginkgo.ts";
import { whyLeftOut } from "./left_out.ts";
import {
  type Cell,
  type Column,
  COLUMNS,
  type ConformancePage,
  readResults,
  readVersions,
  type Row,
} from "./page.ts";

/** Kubernetes' tests of networking. */
export const NETWORK_TESTS = "\\[sig-network\\]";

/** All that the page says now. */
export async function collectPage(): Promise<ConformancePage> {
  const critest = await readColumns(COLUMNS.critest);
  return {
    versions: await readVersions(),
    critest: rowsOf(critest.flat().map(({ name }) => name), critest),
    network: rowsOf(await listE2eTests(NETWORK_TESTS), await readColumns(COLUMNS.network)),
  };
}

async function readColumns(
  columns: readonly Column[],
): Promise<readonly (readonly GinkgoResult[])[]> {
  return await Promise.all(columns.map(readResults));
}

function rowsOf(
  tests: readonly string[],
  columns: readonly (readonly GinkgoResult[])[],
): readonly Row[] {
  return [...new Set(tests)].toSorted().map((test) => {
    const results = columns.map((column) => column.find(({ name }) => name === test));
    const left = whyLeftOut(test);
    const why = left ?? results.find((result) => result?.outcome === "skipped")?.message ?? "";
    const cells = results.map((result) => left === undefined ? cellOf(result) : "not run");
    const reason = why === "" && cells.includes("not run") ? "not run yet" : why;
    return { test, cells, reason: reason.split("\n")[0] ?? "" };
  });
}

/** What the page says of a result. */
export function cellOf(result: GinkgoResult | undefined): Cell {
  return result === undefined || result.outcome === "skipped" ? "not run" : result.outcome;
}
