/**
 * One backup and one restore in a process of its own, for `backup.ts`:
 * `deno run backup_child.ts ENDPOINT backup|restore FILE PREFIX`. Prints what it took as JSON.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { backupLines, createBackup } from "../../admin/backup_file.ts";
import { openBulkReader } from "../../mod/etcd/bulk/bulk.ts";
import { openStore } from "../../mod/etcd/open.ts";
import { backupStore } from "../../mod/ipam/backup/backup.ts";
import { restoreStore } from "../../mod/ipam/backup/restore.ts";
import { memoryLeaseCache } from "../../mod/ipam/context.ts";

const [endpoint = "", what = "", file = "", prefix = ""] = Deno.args;
const options = { endpoints: [endpoint], timeoutMs: 60_000, ...(prefix === "" ? {} : { prefix }) };
await using store = await openStore(options, { transport: "gateway" });
const ipam = { store, now: Date.now, random: Math.random, newId: ulid, leases: memoryLeaseCache() };
const began = performance.now();
let keys = 0;
if (what === "backup") {
  await using reader = openBulkReader(options, store);
  const writer = await createBackup(file);
  const { tail } = await backupStore(ipam, { reader, version: "bench", write: writer.write });
  await writer.finish();
  keys = tail.keys;
} else {
  const lines = backupLines(file);
  keys = (await restoreStore(ipam, { lines, scratch: `${file}.sort` })).keys;
}
const status = await Deno.readTextFile("/proc/self/status");
const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? "0");
const seconds = (performance.now() - began) / 1000;
// deno-lint-ignore no-console -- a benchmark prints its figures
console.log(JSON.stringify({ what, keys, seconds, peakMiB: peak / 1024 }));
