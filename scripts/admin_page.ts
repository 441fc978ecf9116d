/**
 * Writes what the commands of `docs/admin.md` print behind them, by a real run.
 *
 * @module
 */

import { makePage } from "../tests/admin/page.ts";

const PAGE = new URL("../docs/admin.md", import.meta.url);

await Deno.writeTextFile(PAGE, await makePage(await Deno.readTextFile(PAGE)));
