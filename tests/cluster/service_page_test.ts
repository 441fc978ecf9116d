import { assertEquals } from "@std/assert";
import { withSourcesTable } from "./service_page.ts";
import { cellKey, CLIENTS, expectedCells, WAYS } from "./service_table.ts";

Deno.test("the table of sources says something of every client and every way", () => {
  const keys = WAYS.flatMap((way) => CLIENTS.map((client) => cellKey(way, client)));
  assertEquals([...expectedCells().keys()], keys);
});

Deno.test("docs/services.md has the table of sources that is walked", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/services.md", import.meta.url));
  assertEquals(page, withSourcesTable(page), "run deno run -A scripts/services_page.ts");
});
