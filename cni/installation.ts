/**
 * What `fabric install` put on a host, and its record: a small file beside the executable that
 * says which files are ours, and as what. It is written before the files (with all the contents
 * that may be found if we are stopped half way) and once more when they are in place.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../mod/error.ts";
import { PROGRAM_PATH } from "../mod/permissions.ts";

/** One file or symbolic link of ours. */
export interface Piece {
  readonly path: string;
  /** What may be found there: `sha256:<hex>` of a file, `link:<target>` of a link. */
  readonly contents: readonly string[];
}

/** The record. */
export interface Installation {
  /** In the order of installing; uninstalling goes backwards. */
  readonly pieces: readonly Piece[];
  /** Folders that install made, the outer first. */
  readonly folders: readonly string[];
}

/** Name of the record in the folder of plugins. */
export const RECORD_NAME = ".fabric-install.json";

/** What a temporary file ends in; no runtime reads such a file. */
const TEMPORARY_SUFFIX = ".fabric-install";

const RecordSchema = v.object({
  pieces: v.array(v.object({ path: v.string(), contents: v.array(v.string()) })),
  folders: v.array(v.string()),
});

/** The record in `binDir`; undefined when there is none. */
export function readRecord(binDir: string): Installation | undefined {
  const path = `${binDir}/${RECORD_NAME}`;
  const text = ifExists(() => Deno.readTextFileSync(path));
  if (text === undefined) return undefined;
  try {
    return v.parse(RecordSchema, JSON.parse(text));
  } catch (cause) {
    throw new FabricError("invalid", `${path} is not a record of fabric install`, {
      field: path,
      remedy: "remove it, and with it what it stood for",
      cause,
    });
  }
}

/** Writes the record. */
export function writeRecord(binDir: string, record: Installation): void {
  putFile(`${binDir}/${RECORD_NAME}`, {
    bytes: new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`),
    mode: 0o644,
  });
}

/** What is at `path`, as in {@linkcode Piece}; undefined when nothing is. */
export async function contentOf(path: string): Promise<string | undefined> {
  const info = ifExists(() => Deno.lstatSync(path));
  if (info === undefined) return undefined;
  if (info.isSymlink) return `link:${Deno.readLinkSync(path)}`;
  if (!info.isFile) return "other";
  return await contentOfBytes(Deno.readFileSync(path));
}

/** A file with these bytes, as in {@linkcode Piece}. */
export async function contentOfBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return `sha256:${new Uint8Array(hash).toHex()}`;
}

/** Puts a file in its place, whole and durable: beside it, fsync, rename, fsync of the folder. */
export function putFile(
  path: string,
  { bytes, mode, beforeRename }: {
    readonly bytes: Uint8Array;
    readonly mode: number;
    readonly beforeRename?: () => void;
  },
): void {
  const temporary = temporaryOf(path);
  removeIfExists(temporary);
  {
    using file = Deno.openSync(temporary, { write: true, createNew: true, mode: 0o600 });
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
    Deno.chmodSync(temporary, mode);
    file.syncSync();
  }
  beforeRename?.();
  Deno.renameSync(temporary, path);
  syncFolder(parentOf(path));
}

/** Puts a symbolic link in its place, over whatever file or link is there. */
export function putLink(path: string, target: string): void {
  const temporary = temporaryOf(path);
  removeIfExists(temporary);
  const { success, stderr } = new Deno.Command("ln", {
    args: ["-s", "--", target, temporary],
    clearEnv: true,
    env: { PATH: PROGRAM_PATH },
  }).outputSync();
  if (!success) {
    throw new FabricError("host", `ln failed: ${new TextDecoder().decode(stderr).trim()}`);
  }
  Deno.renameSync(temporary, path);
  syncFolder(parentOf(path));
}

/** Removes a file or link, durably, and what a stopped install left beside it. */
export function takeAway(path: string): void {
  removeIfExists(temporaryOf(path));
  removeIfExists(path);
  const folder = parentOf(path);
  if (ifExists(() => Deno.statSync(folder)) !== undefined) syncFolder(folder);
}

/**
 * Makes the folder and those above it that are missing; the ones made, the outer first. Refuses a
 * folder that others may write to: they could put code there that the runtime runs as root.
 */
export function makeFolder(path: string): readonly string[] {
  const made: string[] = [];
  for (const folder of [...parentsOf(path), path]) {
    let info = ifExists(() => Deno.statSync(folder));
    if (info === undefined) {
      if (makeOne(folder)) made.push(folder);
      info = Deno.statSync(folder);
    }
    refuseUnsafe(folder, { info, isTarget: folder === path });
  }
  return made;
}

/** False when another install has made it in this moment. */
function makeOne(folder: string): boolean {
  try {
    Deno.mkdirSync(folder, { mode: 0o755 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
  // The mode above is subject to the umask of whoever calls.
  Deno.chmodSync(folder, 0o755);
  syncFolder(parentOf(folder));
  return true;
}

/** Removes the folder if it is there and empty. */
export function removeEmptyFolder(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It is gone, or others keep files there.
  }
}

/** Holds off other installs and uninstalls of the same folder. */
export async function lockFolder(path: string): Promise<Disposable> {
  const folder = await Deno.open(path, { read: true });
  await folder.lock(true);
  return { [Symbol.dispose]: () => folder.close() };
}

function refuseUnsafe(
  path: string,
  { info, isTarget }: { readonly info: Deno.FileInfo; readonly isTarget: boolean },
): void {
  if (!info.isDirectory) {
    throw new FabricError("invalid", `${path} is not a folder`, { field: path });
  }
  const mode = info.mode ?? 0;
  const sticky = (mode & 0o1000) !== 0;
  // Below a sticky folder such as /tmp, what is root's stays root's; in it, others may add files.
  if ((mode & 0o002) === 0 || (sticky && !isTarget)) return;
  throw new FabricError("invalid", `everybody may write to ${path}`, {
    field: path,
    remedy: `a local user could plant a program there that runs as root; run: chmod o-w ${path}`,
  });
}

function parentsOf(path: string): readonly string[] {
  const names = path.split("/").slice(1, -1);
  return ["/", ...names.map((_, index) => `/${names.slice(0, index + 1).join("/")}`)];
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function temporaryOf(path: string): string {
  const folder = parentOf(path);
  const name = path.slice(path.lastIndexOf("/") + 1);
  return `${folder}/.${name.replace(/^\./, "")}${TEMPORARY_SUFFIX}`;
}

function syncFolder(path: string): void {
  const folder = Deno.openSync(path, { read: true });
  try {
    folder.syncSync();
  } finally {
    folder.close();
  }
}

function removeIfExists(path: string): void {
  ifExists(() => Deno.removeSync(path));
}

function ifExists<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
