/**
 * The command lines of `fabric install` and `fabric uninstall`.
 *
 * @module
 */

import { absolute, parseFlags, usage } from "./command_line.ts";

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
appears whole or not at all, also over an older version that is running. May be repeated. Where the
configuration of the plugin has services and portmap lies in the folder, it is chained, for hostPorts.

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
  const texts = ["bin-dir", "conf-dir", "conf-name", "network-name", "config"];
  const flags = parseFlags(args, { texts, switches: ["force"] });
  if (flags.help) return undefined;
  const confName = flags.text("conf-name") ?? DEFAULTS.confName;
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*\.conflist$/.test(confName)) {
    throw usage("--conf-name", confName, "give a file name that ends in .conflist");
  }
  const networkName = flags.text("network-name") ?? DEFAULTS.networkName;
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(networkName)) {
    throw usage("--network-name", networkName, "use letters, digits, and _ . - behind the first");
  }
  return {
    binDir: absolute("--bin-dir", flags.text("bin-dir") ?? DEFAULTS.binDir),
    confDir: absolute("--conf-dir", flags.text("conf-dir") ?? DEFAULTS.confDir),
    confName,
    networkName,
    config: absolute("--config", flags.text("config") ?? DEFAULTS.config),
    force: flags.has("force"),
  };
}

/** Reads the arguments of `fabric uninstall`; undefined when help is asked for. */
export function parseUninstall(
  args: readonly string[],
): Pick<InstallOptions, "binDir" | "force"> | undefined {
  const flags = parseFlags(args, { texts: ["bin-dir"], switches: ["force"] });
  if (flags.help) return undefined;
  const binDir = absolute("--bin-dir", flags.text("bin-dir") ?? DEFAULTS.binDir);
  return { binDir, force: flags.has("force") };
}
