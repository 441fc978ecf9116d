/**
 * Writes the table of sources of `docs/services.md` from the one that the tests walk.
 *
 * @module
 */

import { withSourcesTable } from "../tests/cluster/service_page.ts";

const PAGE = new URL("../docs/services.md", import.meta.url);

await Deno.writeTextFile(PAGE, withSourcesTable(await Deno.readTextFile(PAGE)));
