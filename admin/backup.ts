/**
 * `backup` and `restore`: all of the store in a file, and back.
 *
 * @module
 */

import { BUILD } from "fabric/build";
import { openBulkReader } from "../mod/etcd/bulk/bulk.ts";
import { backupStore } from "../mod/ipam/backup/backup.ts";
import { readBackup, type Verified } from "../mod/ipam/backup/format.ts";
import { restoreStore } from "../mod/ipam/backup/restore.ts";
import { backupLines, createBackup } from "./backup_file.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import { mayGoOn, YES_FLAG } from "./confirm.ts";
import type { AdminContext } from "./context.ts";
import { type Progress, startProgress } from "./progress.ts";

async function runBackup(context: AdminContext, { args }: Call): Promise<void> {
  const path = args[0] ?? "";
  const ipam = await context.ipam();
  await using reader = openBulkReader(await context.storeOptions(), ipam.store);
  using progress = startProgress(context.io);
  const options = {
    reader,
    version: BUILD.version,
    onProgress: (keys: number) => progress.show(`${keys} keys`),
  };
  if (path === "-") {
    await backupStore(ipam, { ...options, write: (text) => context.write(text) });
    return;
  }
  const file = await createBackup(path);
  try {
    const { head, tail } = await backupStore(ipam, { ...options, write: file.write });
    await file.finish();
    progress.clear();
    context.write(
      `${tail.keys} keys written to ${path}: revision ${head.revision}, SHA-256 ${tail.sha256}\n`,
    );
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

/** `backup`. */
export const BACKUP: Command = {
  name: "backup",
  summary: "Write all of the store to a file, as it is at one revision",
  args: "FILE | -",
  count: { min: 1, max: 1 },
  group: "store",
  flags: [],
  notes: [
    "Nothing stops meanwhile. The file has the schema, the number of keys and a checksum; it is",
    "compressed where its name ends in .gz. Accounts of the server are in it: keep it where they are.",
  ],
  examples: [
    ["backup /srv/backup/fabric-2026-11-22.gz", "whole, or not at all"],
    ["backup - | ssh safe 'cat >fabric.backup'", "to another host"],
  ],
  run: runBackup,
};

function backupText({ head, tail }: Verified): string {
  return `Backup of ${head.at}, revision ${head.revision}, by fabric ${head.version}: ` +
    `${tail.keys} keys, schema ${head.schema}, undamaged\n`;
}

async function verify(path: string, progress: Progress): Promise<Verified> {
  let keys = 0;
  return await readBackup(backupLines(path), () => {
    if (++keys % 1000 === 0) progress.show(`${keys} keys verified`);
  });
}

async function runRestore(context: AdminContext, { args, flags }: Call): Promise<void> {
  const path = args[0] ?? "";
  using progress = startProgress(context.io);
  const verified = await verify(path, progress);
  progress.clear();
  context.write(backupText(verified));
  if (isDryRun(flags)) return;
  const overwrite = flags.isSet("overwrite");
  const { prefix, endpoints } = await context.storeOptions();
  const place = `${prefix ?? "the store"} on ${endpoints.join(", ")}`;
  context.write(
    `It is written to ${place}${overwrite ? ", and what is there is lost" : ""}.\n` +
      "Then no pod starts until every node was compared with it: see fabric-admin recover.\n",
  );
  if (!mayGoOn(context, flags, { question: "Restore?" })) return;
  const scratch = await Deno.makeTempDir({ prefix: "fabric-restore-" });
  try {
    const { keys } = await restoreStore(await context.ipam(), {
      lines: backupLines(path),
      scratch: `${scratch}/sort`,
      overwrite,
      onProgress: (step, count) => progress.show(`${step}: ${count} keys`),
    });
    progress.clear();
    context.write(
      `${keys} keys restored. Next, on every node: fabric-admin recover collect\n`,
    );
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** `restore`. */
export const RESTORE: Command = {
  name: "restore",
  summary: "Write a backup into the store",
  args: "FILE",
  count: { min: 1, max: 1 },
  group: "store",
  completes: "file",
  flags: [
    { name: "overwrite", text: "What the store has is lost; default: a store in use is refused" },
    YES_FLAG,
    { ...DRY_RUN_FLAG, text: "Verify the file, and write nothing" },
  ],
  notes: [
    "The file is verified to its end before anything is written. It may be stopped and run again. No",
    "pod starts from its beginning until recover finish.",
  ],
  examples: [
    ["restore /srv/backup/fabric-2026-11-22.gz --dry-run", "whether it is whole"],
    ["restore /srv/backup/fabric-2026-11-22.gz", "into an empty etcd"],
  ],
  run: runRestore,
};
