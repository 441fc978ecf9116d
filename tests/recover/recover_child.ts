/**
 * Answers of nodes, merged in a process of its own, to be killed:
 * `deno run recover_child.ts ENDPOINT PREFIX FILE...`. It prints a line after each step.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openStore } from "../../mod/etcd/open.ts";
import { memoryLeaseCache } from "../../mod/ipam/context.ts";
import { parseAnswer } from "../../mod/ipam/recover/answer.ts";
import { mergeAnswer, retryWaiting } from "../../mod/ipam/recover/merge.ts";

const [endpoint = "", prefix = "", ...files] = Deno.args;
await using store = await openStore({ endpoints: [endpoint], prefix }, { transport: "gateway" });
const ipam = { store, now: Date.now, random: Math.random, newId: ulid, leases: memoryLeaseCache() };
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
for (const file of files) {
  await mergeAnswer(ipam, parseAnswer(await Deno.readTextFile(file), file), say);
  await retryWaiting(ipam, say);
}
say("end");
