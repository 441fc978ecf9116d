/**
 * How long backup and restore of a large store take, and how much memory.
 *
 * ```text
 * deno run -A tests/bench/backup.ts            20,000 addresses: 100,000 keys
 * deno run -A tests/bench/backup.ts 200000     a million keys; needs 6 GB in /dev/shm
 * ```
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openStore } from "../../mod/etcd/open.ts";
import { memoryLeaseCache } from "../../mod/ipam/context.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { applyKind } from "../ipam_fixture.ts";
import { fillStore } from "./full_store.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function run(args: readonly string[]): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-check",
      `--config=${ROOT}deno.json`,
      `${ROOT}tests/bench/backup_child.ts`,
      ...args,
    ],
    stdout: "piped",
    stderr: "inherit",
  });
  return new TextDecoder().decode((await child.output()).stdout).trim();
}

if (import.meta.main) {
  const addresses = Number(Deno.args[0] ?? "20000");
  await using etcd = await startEtcd({
    args: [`--quota-backend-bytes=${8 * 1024 ** 3}`, "--auto-compaction-retention=0"],
  });
  const [endpoint = ""] = etcd.endpoints;
  await using store = await openStore({ endpoints: etcd.endpoints, timeoutMs: 60_000 }, {
    transport: "gateway",
  });
  const context = {
    store,
    now: Date.now,
    random: Math.random,
    newId: ulid,
    leases: memoryLeaseCache(),
  };
  await applyKind(context, "PhysicalNetwork", { name: "prod", spec: { mtu: 9000 } });
  await applyKind(context, "Zone", { name: "z1", spec: { physicalNetworks: ["prod"] } });
  await fillStore(context, addresses);
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/a.gz`;
    // deno-lint-ignore no-console -- a benchmark prints its figures
    console.log(await run([endpoint, "backup", file]));
    const { size } = await Deno.stat(file);
    // deno-lint-ignore no-console -- a benchmark prints its figures
    console.log(await run([endpoint, "restore", file, "/restored/"]), `${size} bytes`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
