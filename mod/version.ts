/**
 * `version`, the same for every role.
 *
 * @module
 */

import { BUILD } from "fabric/build";
import type { RoleIo } from "./role.ts";

/** What `version -o json` prints. */
export interface VersionInfo {
  readonly version: string;
  readonly commit: string;
  /** The commit's date, RFC 3339 in UTC: the same commit gives the same bytes. */
  readonly date: string;
  /** Version of the Deno runtime inside. */
  readonly deno: string;
  /** `official`, or the package that it was recovered from. */
  readonly denort: string;
  /** E.g. `x86_64-unknown-linux-gnu`. */
  readonly target: string;
}

/** This build and its runtime. */
export function versionInfo(): VersionInfo {
  return {
    version: BUILD.version,
    commit: BUILD.commit,
    date: BUILD.date,
    deno: Deno.version.deno,
    denort: BUILD.denort,
    target: Deno.build.target,
  };
}

/**
 * Runs `<program> version [-o json]`; `args` are those behind `version`. Exit status 0, or 2 for
 * arguments that it does not know.
 */
export function runVersion(
  program: string,
  { args, io }: { readonly args: readonly string[]; readonly io: RoleIo },
): number {
  const info = versionInfo();
  switch (args.join(" ")) {
    case "":
      io.writeStdout(
        `${program} ${info.version}\ncommit  ${info.commit}\ndate    ${info.date}\n` +
          `deno    ${info.deno} (${info.target})\ndenort  ${info.denort}\n`,
      );
      return 0;
    case "-o json":
    case "-ojson":
    case "-o=json":
    case "--output json":
    case "--output=json":
      io.writeStdout(JSON.stringify(info, null, 2) + "\n");
      return 0;
    default:
      io.writeStderr(
        `${program} version: unknown arguments "${args.join(" ")}"; use: version [-o json]\n`,
      );
      return 2;
  }
}
