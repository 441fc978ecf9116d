/**
 * Settings that name what is written. The executable may write below a few folders only
 * (`permissions.ts`): a setting that names a path elsewhere is a mistake of the configuration, and
 * told as one, not in Deno's words about compiling.
 *
 * @module
 */

import type { Config } from "./config_schema.ts";
import { FabricError } from "./error.ts";
import { PERMISSIONS } from "./permissions.ts";

/** A setting that names a file or folder. */
export interface PathSetting {
  /** As `log.file`. */
  readonly field: string;
  readonly path: string;
}

type WrittenPaths = Pick<Config, "stateDir" | "runDir"> & { readonly log: { file: string } };

/** The error of a path that cannot be written in, whoever runs us. */
function unwritable({ field, path }: PathSetting, cause?: unknown): FabricError {
  return new FabricError("invalid", `Cannot use ${field} "${path}": fabric may not write there`, {
    field,
    value: path,
    remedy: "use one below /run, /var/lib/fabric or /var/log/fabric",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Why something could not be written; what is not Deno's refusal stays as it is. */
export function asWriteFault(cause: unknown, setting: PathSetting): unknown {
  return cause instanceof Deno.errors.NotCapable ? unwritable(setting, cause) : cause;
}

/**
 * Without its state a node does not notice that the store is another one, and cannot keep what a
 * DEL has to say: no ADD should begin there.
 *
 * @throws {FabricError} `invalid`
 */
export function refuseUnwritableState({ stateDir, runDir }: WrittenPaths): void {
  for (const [field, path] of [["stateDir", stateDir], ["runDir", runDir]] as const) {
    const { state } = Deno.permissions.querySync({ name: "write", path });
    if (state !== "granted") throw unwritable({ field, path });
  }
}

/**
 * Finds, for whoever writes a node's configuration, the first setting that the plugin could not use.
 *
 * @throws {FabricError} `invalid`
 */
export function refuseUnwritablePaths({ log, stateDir, runDir }: WrittenPaths): void {
  const settings = [["log.file", log.file], ["stateDir", stateDir], ["runDir", runDir]] as const;
  for (const [field, path] of settings) {
    // A folder is no file for a log.
    const start = field === "log.file" ? path.replace(/\/+$/, "") : `${path}/`;
    const isBelow = (folder: string): boolean => start.startsWith(`${folder}/`);
    if (path.split("/").includes("..") || !PERMISSIONS.cni.write.some(isBelow)) {
      throw unwritable({ field, path });
    }
  }
}
