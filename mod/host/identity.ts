/**
 * Which machine this is, and which of its lives. Together they tell whether the holder of an
 * address can still be running: the same machine with another boot id has forgotten all its pods.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Run, stderrOf } from "./run.ts";

/** machine-id(5) */
const MACHINE_ID = "/etc/machine-id";
/** random(4); another UUID after every boot. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** 32 hex digits, with or without the hyphens of a UUID. */
const ID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/;

export interface Identity {
  readonly machineId: string;
  readonly bootId: string;
}

export interface ReadIdentityOptions {
  /** In place of /etc/machine-id, which is the same on machines that were copied carelessly. */
  readonly machineId?: string;
  /** In place of the kernel's, for hosts that are namespaces of one machine. */
  readonly bootId?: string;
}

/**
 * Reads both ids, unless they are given.
 *
 * @throws {FabricError} `host` when one cannot be read or is none.
 */
export async function readIdentity(
  run: Run,
  options: ReadIdentityOptions = {},
): Promise<Identity> {
  const [machineId, bootId] = await Promise.all([
    options.machineId ?? readId(run, MACHINE_ID),
    options.bootId ?? readId(run, BOOT_ID),
  ]);
  return { machineId, bootId };
}

async function readId(run: Run, path: string): Promise<string> {
  const id = (await readText(run, path)).trim();
  if (ID.test(id)) return id;
  throw new FabricError("host", `${path} holds no id`, {
    value: id.slice(0, 40),
    remedy: path === MACHINE_ID ? "run systemd-machine-id-setup" : "see that /proc is mounted",
  });
}

/** Deno lets only a program with all permissions look below /proc; for others, a shell looks. */
async function readText(run: Run, path: string): Promise<string> {
  let cause: unknown;
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    cause = error;
  }
  try {
    if (cause instanceof Deno.errors.NotCapable) {
      return (await run(["sh", "-c", 'read id <"$1" && echo "$id"', "sh", path])).stdout;
    }
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    cause = error;
  }
  throw new FabricError("host", `cannot read ${path}`, { cause });
}
