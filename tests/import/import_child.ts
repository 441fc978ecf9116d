/**
 * An import in a process of its own, to be killed: `deno run import_child.ts ENDPOINT PREFIX JOURNAL
 * apply|revert`. It prints a line after each step.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openStore } from "../../mod/etcd/open.ts";
import { memoryLeaseCache } from "../../mod/ipam/context.ts";
import { applyImport, revertImport } from "../../mod/ipam/import/apply.ts";
import { parseImportJournal } from "../../mod/ipam/import/journal.ts";

const [endpoint = "", prefix = "", file = "", what = ""] = Deno.args;
await using store = await openStore({ endpoints: [endpoint], prefix }, { transport: "gateway" });
const ipam = { store, now: Date.now, random: Math.random, newId: ulid, leases: memoryLeaseCache() };
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
const journal = parseImportJournal(await Deno.readTextFile(file), file);
say("begin");
const steps = what === "revert" ? revertImport(ipam, journal) : applyImport(ipam, journal);
for await (const { changed } of steps) say(String(changed));
say("end");
