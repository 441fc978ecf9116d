/**
 * `fabric uninstall`: takes back what `fabric install` put, the other way round.
 *
 * @module
 */

import { faultPoint } from "fabric/fault";
import { asFabricError, describeError, FabricError } from "../mod/error.ts";
import type { RoleIo } from "../mod/role.ts";
import { type InstallOptions, parseUninstall, UNINSTALL_HELP } from "./install_options.ts";
import {
  contentOf,
  lockFolder,
  readRecord,
  RECORD_NAME,
  removeEmptyFolder,
  takeAway,
} from "./installation.ts";

type Options = Pick<InstallOptions, "binDir" | "force">;

/** Runs `fabric uninstall`; exit status 0, 1 when it failed, 2 for a wrong command line. */
export async function runUninstall(args: readonly string[], io: RoleIo): Promise<number> {
  let options: Options | undefined;
  try {
    options = parseUninstall(args);
  } catch (error) {
    io.writeStderr(`fabric uninstall: ${describeError(asFabricError(error))}\n`);
    return 2;
  }
  if (options === undefined) {
    io.writeStdout(UNINSTALL_HELP);
    return 0;
  }
  try {
    const removed = await uninstall(options);
    io.writeStdout(
      removed === undefined
        ? `nothing was installed into ${options.binDir} by fabric install\n`
        : removed.map((path) => `removed ${path}\n`).join(""),
    );
    return 0;
  } catch (error) {
    io.writeStderr(`fabric uninstall: ${describeError(asFabricError(error))}\n`);
    return 1;
  }
}

/**
 * Takes an installation back; the paths removed, or undefined when there is no record of one.
 *
 * @throws {FabricError} `conflict` when a file was changed since, before anything is removed.
 */
export async function uninstall(options: Options): Promise<readonly string[] | undefined> {
  const { binDir } = options;
  if (readRecord(binDir) === undefined) return undefined;
  using _lock = await lockFolder(binDir);
  const record = readRecord(binDir);
  if (record === undefined) return undefined;
  const removed: string[] = [];
  for (const { path, contents } of record.pieces) {
    const found = await contentOf(path);
    if (found === undefined) continue;
    removed.unshift(path);
    if (options.force || contents.includes(found)) continue;
    throw new FabricError("conflict", `${path} was changed since fabric install put it`, {
      field: path,
      remedy: "move it away, or use --force to remove it",
    });
  }
  for (const { path } of record.pieces.toReversed()) {
    takeAway(path);
    faultPoint(`uninstall:after-${path.slice(path.lastIndexOf("/") + 1)}`);
  }
  takeAway(`${binDir}/${RECORD_NAME}`);
  for (const folder of record.folders.toReversed()) removeEmptyFolder(folder);
  return removed;
}
