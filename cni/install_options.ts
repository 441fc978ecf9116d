/**
 * The command lines of `fabric install` and `fabric uninstall`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { FabricError } from "../mod/error.ts";

/** Where what goes. All paths are absolute. */
export interface InstallOptions {
  /** Folder that the runtime runs plugins from. */
  readonly binDir: string;
  /** Folder that the runtime reads network configurations from. */
  readonly confDir: string;
  /** File name of ours; runtimes take the first by name. */
  readonly confName: string;
  /** The conflist's `name`. */
  readonly networkName: string;
  /** The plugin's configuration file, which the conflist names. */
  readonly config: string;
  /** Replace, or remove, also what `install` did not put there. */
  readonly force: boolean;
}

const DEFAULTS: InstallOptions = {
  binDir: "/opt/cni/bin",
  confDir: "/etc/cni/net.d",
  confName: "10-fabric.conflist",
  networkName: "fabric",
  config: "/etc/fabric/config.yaml",
  force: false,
};

/** The text of `fabric install --help`. */
export const INSTALL_HELP = `Usage: fabric install [options]

Copies this executable and the links fabric-ctl and fabric-admin into the folder of CNI plugins, then
writes the network configuration, so that no runtime ever calls a plugin that is not there. Each file
appears whole or not at all, also over an older version that is running. May be repeated.

Options:
  --bin-dir DIR         folder of CNI plugins (${DEFAULTS.binDir})
  --conf-dir DIR        folder of network configurations (${DEFAULTS.confDir})
  --conf-name FILE      name of ours; runtimes take the first by name (${DEFAULTS.confName})
  --network-name NAME   "name" in it (${DEFAULTS.networkName})
  --config FILE         configuration of the plugin (${DEFAULTS.config})
  --force               replace files that fabric install did not put there
`;

/** The text of `fabric uninstall --help`. */
export const UNINSTALL_HELP = `Usage: fabric uninstall [options]

Takes back what fabric install put, and nothing else: first the network configuration, so that no
runtime calls a plugin that is gone, then the links and the executable. May be repeated.

Options:
  --bin-dir DIR   folder of CNI plugins that it was installed into (${DEFAULTS.binDir})
  --force         remove also files that were changed since
`;

/** Reads the arguments of `fabric install`; undefined when help is asked for. */
export function parseInstall(args: readonly string[]): InstallOptions | undefined {
  const flags = parse(args, ["bin-dir", "conf-dir", "conf-name", "network-name", "config"]);
  if (flags.help) return undefined;
  const confName = flags.text("conf-name", DEFAULTS.confName);
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*\.conflist$/.test(confName)) {
    throw usage("--conf-name", confName, "give a file name that ends in .conflist");
  }
  const networkName = flags.text("network-name", DEFAULTS.networkName);
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(networkName)) {
    throw usage("--network-name", networkName, "use letters, digits, and _ . - behind the first");
  }
  return {
    binDir: absolute("--bin-dir", flags.text("bin-dir", DEFAULTS.binDir)),
    confDir: absolute("--conf-dir", flags.text("conf-dir", DEFAULTS.confDir)),
    confName,
    networkName,
    config: absolute("--config", flags.text("config", DEFAULTS.config)),
    force: flags.force,
  };
}

/** Reads the arguments of `fabric uninstall`; undefined when help is asked for. */
export function parseUninstall(
  args: readonly string[],
): Pick<InstallOptions, "binDir" | "force"> | undefined {
  const flags = parse(args, ["bin-dir"]);
  if (flags.help) return undefined;
  const binDir = absolute("--bin-dir", flags.text("bin-dir", DEFAULTS.binDir));
  return { binDir, force: flags.force };
}

interface Flags {
  readonly help: boolean;
  readonly force: boolean;
  text(name: string, otherwise: string): string;
}

function parse(args: readonly string[], texts: readonly string[]): Flags {
  const parsed = parseArgs(args, {
    string: texts,
    boolean: ["help", "force"],
    alias: { h: "help" },
    unknown: (argument) => {
      throw usage(argument, undefined, "run it with --help to see its options");
    },
  });
  return {
    help: parsed["help"] === true,
    force: parsed["force"] === true,
    text: (name, otherwise) => {
      const value = parsed[name];
      if (value === undefined) return otherwise;
      if (typeof value === "string" && value !== "") return value;
      throw usage(`--${name}`, String(value), "give it once, with a value");
    },
  };
}

function absolute(flag: string, path: string): string {
  if (!path.startsWith("/") || path.split("/").includes("..")) {
    throw usage(flag, path, "give an absolute path without ..");
  }
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}

function usage(field: string, value: string | undefined, remedy: string): FabricError {
  return value === undefined
    ? new FabricError("invalid", `unknown argument ${field}`, { field, remedy })
    : new FabricError("invalid", `${field} "${value}" cannot be used`, { field, value, remedy });
}
