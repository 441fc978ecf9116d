import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../admin/commands.ts";
import { makePage, masked } from "./page.ts";

const PAGE = new URL("../../docs/admin.md", import.meta.url);

Deno.test("docs/admin.md shows what the commands print", async () => {
  const page = await Deno.readTextFile(PAGE);
  const made = await makePage(page);
  assertEquals(masked(page), masked(made), "run deno run -A scripts/admin_page.ts");
});

Deno.test("docs/admin.md speaks of every command", async () => {
  const page = await Deno.readTextFile(PAGE);
  const missing = COMMANDS.filter(({ name, hidden }) =>
    hidden !== true && !page.includes(`fabric-admin ${name}`) && !page.includes(`\n  ${name}  `)
  );
  assertEquals(missing.map(({ name }) => name), []);
});
