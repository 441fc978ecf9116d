import { assertEquals } from "@std/assert";
import { withSourcesTable } from "./service_page.ts";

Deno.test("docs/services.md has the table of sources that is walked", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/services.md", import.meta.url));
  assertEquals(page, withSourcesTable(page), "run deno run -A scripts/services_page.ts");
});
