/**
 * A restore in a process of its own, to be killed: `deno run restore_child.ts ENDPOINT PREFIX FILE`.
 * It prints a line after each step.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { backupLines } from "../../admin/backup_file.ts";
import { openStore } from "../../mod/etcd/open.ts";
import { restoreStore } from "../../mod/ipam/backup/restore.ts";
import { memoryLeaseCache } from "../../mod/ipam/context.ts";

const [endpoint = "", prefix = "", file = ""] = Deno.args;
await using store = await openStore({ endpoints: [endpoint], prefix }, { transport: "gateway" });
const ipam = { store, now: Date.now, random: Math.random, newId: ulid, leases: memoryLeaseCache() };
const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
await restoreStore(ipam, {
  lines: backupLines(file),
  scratch: `${file}.sort-${Deno.pid}`,
  overwrite: true,
  onProgress: (step, keys) => say(`${step} ${keys}`),
});
say("end");
