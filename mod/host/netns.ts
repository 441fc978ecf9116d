/**
 * Network namespaces as files: `/run/netns/cni-…` (a bind mount) or `/proc/<pid>/ns/net`.
 *
 * @module
 */

import { FabricError } from "../error.ts";
import { type Run, stderrOf } from "./run.ts";

const OF_PROCESS = /^\/proc\/(?:self|\d+)(?:\/task\/\d+)?\/ns\/net$/;

/**
 * Identity of the namespace at a path, `<device>:<inode>`; undefined when there is none: no file,
 * or one on which no namespace is mounted (any more). Two paths with the same identity are the same
 * namespace; a later namespace may get the number of one that is gone.
 *
 * Deno lets only a program with all permissions look below /proc; for others, a shell looks.
 */
export async function netnsIdentity(run: Run, path: string): Promise<string | undefined> {
  try {
    const file = await Deno.stat(path);
    if (OF_PROCESS.test(path)) return `${file.dev}:${file.ino}`;
    // A mounted namespace lies on another device than the folder around it.
    const folder = await Deno.stat(path.replace(/\/+[^/]*\/*$/, "") || "/");
    return file.dev === folder.dev ? undefined : `${file.dev}:${file.ino}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return await askShell(run, path);
    return undefined;
  }
}

/**
 * Checks that a path may be handed to `ip`, which reads it as one word of a line.
 *
 * @throws {FabricError} `invalid`
 */
export function checkNetnsPath(path: string): void {
  if (/^\/[^\s"'#\\]+$/.test(path)) return;
  throw new FabricError("invalid", `"${path}" is not the path of a network namespace`, {
    field: "netns",
    value: path,
    remedy: "give an absolute path without blanks, quotes, # and \\",
  });
}

/** The error for a namespace that is not there, in the words of whoever asked for it. */
export function netnsMissing(path: string, cause?: unknown): FabricError {
  return new FabricError("not-found", `there is no network namespace at ${path}`, {
    field: "netns",
    value: path,
    remedy: "whoever runs the pod makes its namespace first",
    details: { reason: "netns" },
    cause,
  });
}

async function askShell(run: Run, path: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(["sh", "-c", 'stat -L -c %d:%i -- "$1"', "sh", path]);
    return stdout.trim();
  } catch (error) {
    if (stderrOf(error) === undefined) throw error;
    return undefined;
  }
}
