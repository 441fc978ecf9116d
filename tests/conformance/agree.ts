/**
 * Compares a run with the page.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { cellOf } from "./collect.ts";
import type { GinkgoResult } from "./ginkgo.ts";
import { type Column, COLUMNS, keepResults, PAGE, parsePage } from "./page.ts";

/**
 * Keeps the results of a run for `scripts/conformance_page.ts`; makes each of them a step, which
 * fails where the test did or the page says something else.
 */
export async function checkResults(
  t: Deno.TestContext,
  column: Column,
  results: readonly GinkgoResult[],
): Promise<void> {
  await keepResults(column, results);
  const page = parsePage(await Deno.readTextFile(PAGE));
  for (const result of results) {
    await t.step(result.name, () => {
      if (result.outcome === "failed") throw new Error(result.message);
      const row = [...page.critest, ...page.network].find(({ test }) => test === result.name);
      const columns: readonly Column[] = row !== undefined && page.critest.includes(row)
        ? COLUMNS.critest
        : COLUMNS.network;
      const said = row?.cells[columns.indexOf(column)];
      assertEquals(said, cellOf(result), `docs/conformance.md; this run: ${result.message}`);
    });
  }
}
