/**
 * Writes `docs/check.md` from the tables of kinds.
 *
 * @module
 */

import { checkPage } from "../mod/ipam/check/page.ts";

await Deno.mkdir(new URL("../docs", import.meta.url), { recursive: true });
await Deno.writeTextFile(new URL("../docs/check.md", import.meta.url), checkPage());
