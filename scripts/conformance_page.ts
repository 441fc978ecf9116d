/**
 * Writes `docs/conformance.md` of what the last runs of the suite `conformance` found, which are to
 * be `./scripts/test --long conformance`.
 *
 * @module
 */

import { collectPage } from "../tests/conformance/collect.ts";
import { PAGE, renderPage } from "../tests/conformance/page.ts";

await Deno.writeTextFile(PAGE, renderPage(await collectPage()));
