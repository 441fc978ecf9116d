/**
 * `fabric configure`: puts a node's configuration and credentials where the plugin reads them. It is
 * what a DaemonSet runs before `fabric install`, with the files of a ConfigMap and a Secret.
 *
 * @module
 */

import { replaceFile } from "../mod/atomic_file.ts";
import { loadConfig } from "../mod/config.ts";
import { asFabricError, describeError, FabricError } from "../mod/error.ts";
import { refuseUnwritablePaths } from "../mod/may_write.ts";
import type { RoleIo } from "../mod/role.ts";
import { CONFIGURE_HELP, type ConfigureOptions, parseConfigure } from "./configure_options.ts";
import { runCommand } from "./run_command.ts";

/** Runs `fabric configure`; exit status 0, 1 when it failed, 2 for a wrong command line. */
export function runConfigure(args: readonly string[], io: RoleIo): Promise<number> {
  return runCommand({ name: "configure", help: CONFIGURE_HELP, parse: parseConfigure, args, io }, {
    run: async (options) => {
      for (const path of await configure(options)) io.writeStdout(`wrote ${path}\n`);
    },
  });
}

/** Name of the configuration in its folder. */
const CONFIG_NAME = "config.yaml";

/**
 * Checks the configuration, then replaces the files, each whole: credentials first, so that the
 * configuration never names one that is not there.
 *
 * @returns The paths that were written.
 * @throws {FabricError} `invalid`, before anything is written, as `loadConfig()`.
 */
export async function configure(options: ConfigureOptions): Promise<readonly string[]> {
  const { config, credentials, node, nodeAddresses = [], to } = options;
  const flags = node === undefined ? {} : { node };
  const settings = await loadConfig({ file: config, hostname: () => "", flags });
  refuseUnwritablePaths(settings);
  const name = settings.node;
  if (name === "") {
    throw new FabricError("invalid", "the node has no name", {
      field: "--node",
      remedy: "give --node, in a DaemonSet the field spec.nodeName of the Pod",
    });
  }
  const unnamed = settings.services !== undefined && settings.services.nodeAddresses === undefined;
  const text = await withNode(readText(config), name, unnamed ? nodeAddresses : []);
  const secrets = credentials === undefined ? [] : listFiles(credentials).map((file) => ({
    path: `${to}/${file}`,
    text: readText(`${credentials}/${file}`),
    mode: 0o600,
  }));
  const files = [...secrets, { path: `${to}/${CONFIG_NAME}`, text, mode: 0o644 }];
  for (const { path, text, mode } of files) {
    replaceFile(path, text, { unique: "configure", mode, durable: true });
  }
  return files.map(({ path }) => path);
}

/**
 * The configuration's text with the field `node`, and the node's addresses where some are given; its
 * other fields, comments and style stay.
 */
async function withNode(
  text: string,
  node: string,
  addresses: readonly string[],
): Promise<string> {
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text);
  // `null` or `~`: all is default, as in an empty file.
  if (document.toJS() === null) document.contents = null;
  document.set("node", node);
  if (addresses.length > 0) document.setIn(["services", "nodeAddresses"], addresses);
  return document.toString({ lineWidth: 0 });
}

/** Names of the files in a volume of Kubernetes, which keeps its own files behind `..`. */
function listFiles(folder: string): readonly string[] {
  try {
    return [...Deno.readDirSync(folder)]
      .filter(({ name, isDirectory }) => !isDirectory && !name.startsWith(".."))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): FabricError {
  const why = describeError(asFabricError(cause));
  return new FabricError("invalid", `cannot read ${path}: ${why}`, { field: path, cause });
}
