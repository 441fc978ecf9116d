/**
 * A repair in a process of its own, to be killed: `deno run repair_child.ts ENDPOINT PREFIX FILE`.
 * It prints a line before each action.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openBulkReader } from "../../mod/etcd/bulk/bulk.ts";
import { openStore } from "../../mod/etcd/open.ts";
import { checkStore } from "../../mod/ipam/check/check.ts";
import { memoryLeaseCache } from "../../mod/ipam/context.ts";
import { FileJournal } from "../../mod/ipam/repair/journal.ts";
import { applyPlan, planRepair } from "../../mod/ipam/repair/repair.ts";

const [endpoint = "", prefix = "", file = ""] = Deno.args;
const options = { endpoints: [endpoint], prefix };
await using store = await openStore(options, { transport: "gateway" });
await using reader = openBulkReader(options, store);
const ipam = {
  store,
  now: Date.now,
  random: Math.random,
  newId: ulid,
  leases: memoryLeaseCache(),
};
const { findings } = await checkStore({ ipam, reader });
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
using journal = new FileJournal(file);
for await (const { item, outcome } of applyPlan({ ipam, journal }, planRepair(findings))) {
  say(`${item.finding.kind.code} ${outcome}`);
}
say("end");
