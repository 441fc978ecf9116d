import { assertEquals } from "@std/assert";
import { NETWORK_TESTS } from "./collect.ts";
import { listE2eTests } from "./e2e.ts";
import { whyLeftOut } from "./left_out.ts";
import { PAGE, parsePage, readVersions, renderPage } from "./page.ts";

Deno.test("docs/conformance.md names each test of the network group, and why one is not run", async () => {
  const text = await Deno.readTextFile(PAGE);
  const page = parsePage(text);
  assertEquals(renderPage(page), text);
  assertEquals(page.versions, await readVersions());
  const named = page.network.map(({ test }) => test).toSorted();
  assertEquals(named, await listE2eTests(NETWORK_TESTS));
  for (const { test, cells, reason } of page.network) {
    const left = whyLeftOut(test);
    if (left !== undefined) assertEquals([reason, ...cells], [left, "not run", "not run"], test);
    else assertEquals(cells.includes("not run"), reason !== "", test);
  }
});
