/**
 * `fabric` as people and manifests type it.
 *
 * @module
 */

import type { RoleIo } from "../mod/role.ts";
import { runVersion } from "../mod/version.ts";

const HELP = `fabric: pods as plain citizens of the layer-2 network

Usage:
  fabric install [options]      put the plugin where the container runtime looks for it
  fabric uninstall [options]    take back what install put
  fabric configure [options]    put a node's configuration where the plugin reads it
  fabric keep-kubeconfig [...]  keep the plugin's kubeconfig fresh
  fabric version [-o json]
  fabric admin ...              the same as fabric-admin: networks, addresses, history
  fabric ctl ...                the same as fabric-ctl

A container runtime calls it without arguments, with CNI_COMMAND in the environment.
`;

/** Runs `fabric <command>`; exit status 0, 1 when it failed, 2 for a wrong command line. */
export async function main([command, ...rest]: readonly string[], io: RoleIo): Promise<number> {
  switch (command) {
    case "version":
    case "--version":
      return runVersion("fabric", { args: rest, io });
    case "install":
      return await (await import("./install.ts")).runInstall(rest, io);
    case "uninstall":
      return await (await import("./uninstall.ts")).runUninstall(rest, io);
    case "configure":
      return await (await import("./configure.ts")).runConfigure(rest, io);
    case "keep-kubeconfig":
      return await (await import("./keep_kubeconfig.ts")).runKeepKubeconfig(rest, io);
    case "help":
    case "--help":
    case "-h":
      io.writeStdout(HELP);
      return 0;
    case undefined:
      io.writeStderr(HELP);
      return 2;
    default:
      io.writeStderr(`fabric: unknown command "${command}"; run "fabric help"\n`);
      return 2;
  }
}
