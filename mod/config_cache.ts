/**
 * The configuration as it was read and checked, kept for the next call: reading YAML, checking it
 * and loading the code for both costs more than all the rest of what a call does before its first
 * request.
 *
 * A cache is good while the file is the same by version of fabric, path, size, times and inode, and
 * while nobody but us can have written it.
 *
 * @module
 */

import { replaceFile } from "./atomic_file.ts";
import type { Config } from "./config_schema.ts";

/** Where it is kept; a configuration that names another folder for such things is not cached. */
export const CONFIG_CACHE_FOLDER = "/run/fabric";

/** A file may change once more within the resolution of its times: so long it is not cached. */
const SETTLED_MS = 2_000;

export interface ConfigCacheOptions {
  /** Path of the configuration. */
  readonly file: string;
  /** Of fabric: another one may read the same file in another way. */
  readonly version: string;
  /** The node's name where the file has none. */
  readonly hostname: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Default {@linkcode CONFIG_CACHE_FOLDER}. */
  readonly folder?: string;
}

export interface CachedConfig {
  /** Undefined: read the file. */
  readonly config: Config | undefined;
  /** Keeps what was read, if it may be; never throws. */
  keep(config: Config): void;
}

/** Opens the cache of a file; undefined where the file cannot be looked at. */
export function openConfigCache(options: ConfigCacheOptions): CachedConfig | undefined {
  const { folder = CONFIG_CACHE_FOLDER, now } = options;
  const info = statOrUndefined(() => Deno.statSync(options.file));
  if (info === undefined) return undefined;
  const path = `${folder}/config.json`;
  const { size, ino, dev, mtime, ctime } = info;
  const times = [mtime?.getTime() ?? 0, ctime?.getTime() ?? 0];
  const key = [options.version, options.file, options.hostname, size, ino, dev, ...times].join("|");
  return {
    config: isOurs(folder, true) && isOurs(path, false) ? read(path, key) : undefined,
    keep(config) {
      if (now - Math.max(...times) < SETTLED_MS) return;
      try {
        replaceFile(path, JSON.stringify({ key, config }), { unique: String(Deno.pid) });
      } catch {
        // The next call reads the file again.
      }
    },
  };
}

function read(path: string, key: string): Config | undefined {
  try {
    const value: unknown = JSON.parse(Deno.readTextFileSync(path));
    return isKept(value, key) ? value.config : undefined;
  } catch {
    return undefined;
  }
}

/** What `keep()` of this very version wrote, into a folder that is ours alone, was checked then. */
function isKept(value: unknown, key: string): value is { readonly config: Config } {
  return typeof value === "object" && value !== null && "key" in value && value.key === key &&
    "config" in value;
}

/** True for what only root, who runs the plugin, can have put there. */
function isOurs(path: string, folder: boolean): boolean {
  const info = statOrUndefined(() => Deno.lstatSync(path));
  if (info === undefined || info.isDirectory !== folder || info.isSymlink) return false;
  return info.uid === 0 && ((info.mode ?? 0) & 0o077) === 0;
}

function statOrUndefined(stat: () => Deno.FileInfo): Deno.FileInfo | undefined {
  try {
    return stat();
  } catch {
    return undefined;
  }
}
