/**
 * `fabric-ctl`. This release has its name and its version; it serves nothing yet.
 *
 * @module
 */

import type { RoleIo } from "../mod/role.ts";
import { runVersion } from "../mod/version.ts";

const HELP = `fabric-ctl: the server role of fabric

Usage:
  fabric-ctl version [-o json]
  fabric-ctl help

The REST server and console ("serve") and the per-node controller ("node") are not part of this
release. Pods get their network without them: the plugin speaks to etcd and Open vSwitch itself.
Use fabric-admin to work with networks and addresses.
`;

/** Runs `fabric-ctl`; exit status 0, or 2 for a command that it does not have. */
export function main(args: readonly string[], io: RoleIo): Promise<number> {
  return Promise.resolve(run(args, io));
}

function run([command, ...rest]: readonly string[], io: RoleIo): number {
  switch (command) {
    case "version":
    case "--version":
      return runVersion("fabric-ctl", { args: rest, io });
    case "help":
    case "--help":
    case "-h":
      io.writeStdout(HELP);
      return 0;
    case undefined:
      io.writeStderr(HELP);
      return 2;
    default:
      io.writeStderr(`fabric-ctl: unknown command "${command}"; run "fabric-ctl help"\n`);
      return 2;
  }
}
