/**
 * The command lines of `fabric configure` and `fabric keep-kubeconfig`.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { parseHttpTarget } from "../mod/http.ts";
import { tryParseAddress } from "../mod/ip/address.ts";
import { absolute, parseFlags, usage } from "./command_line.ts";

/** What `fabric configure` reads and writes. All paths are absolute. */
export interface ConfigureOptions {
  readonly config: string;
  /** Folder whose files go beside the configuration. */
  readonly credentials: string | undefined;
  /** The node's name; undefined: the configuration says it. */
  readonly node: string | undefined;
  /** Addresses of the node, for a configuration with services that names none. */
  readonly nodeAddresses?: readonly string[];
  /** Folder that the plugin reads from. */
  readonly to: string;
}

/** What `fabric keep-kubeconfig` reads and writes. All paths are absolute. */
export interface KeepKubeconfigOptions {
  /** URL of the API server, as the node's own network reaches it. */
  readonly server: string;
  readonly tokenFile: string;
  readonly caFile: string;
  readonly kubeconfig: string;
  /** The plugin's folder for state of this boot, where it finds a door; undefined: none is offered. */
  readonly runDir: string | undefined;
  /** Write it and end. */
  readonly once: boolean;
  /** How often the files are looked at. */
  readonly seconds: number;
}

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The text of `fabric configure --help`. */
export const CONFIGURE_HELP = `Usage: fabric configure --config FILE [options]

Checks a configuration and puts it, with the credentials that it names, where the plugin reads it:
what a DaemonSet does before fabric install. Each file appears whole or not at all.

Options:
  --config FILE       the configuration, from a ConfigMap
  --credentials DIR   files that go beside it, readable by root only, from a Secret
  --node NAME         name of the node (default: the field node of the configuration)
  --node-addresses A,B  addresses of the node, where the configuration has services without them
  --to DIR            where to (/etc/fabric)
`;

/** The text of `fabric keep-kubeconfig --help`. */
export const KEEP_KUBECONFIG_HELP = `Usage: fabric keep-kubeconfig --server URL [options]

Writes the kubeconfig of the plugin from the token of a service account, and again whenever the token
is renewed. With --run-dir it also keeps a connection to the API server open, and lets the plugin use it
by a socket that only root reaches: that saves each ADD a TLS handshake. It needs no capability, only
folders to write to. SIGTERM ends it.

Options:
  --server URL        the API server, as the node's own network reaches it
  --kubeconfig FILE   what to write (/etc/fabric/kubeconfig)
  --token-file FILE   (${ACCOUNT}/token)
  --ca-file FILE      (${ACCOUNT}/ca.crt)
  --run-dir DIR       runDir of the plugin's configuration, usually /run/fabric; it is made root's alone
  --interval SECONDS  how often it looks (60)
  --once              write it and end
`;

/** Reads the arguments of `fabric configure`; undefined when help is asked for. */
export function parseConfigure(args: readonly string[]): ConfigureOptions | undefined {
  const flags = parseFlags(args, {
    texts: ["config", "credentials", "node", "node-addresses", "to"],
  });
  if (flags.help) return undefined;
  const config = flags.text("config");
  if (config === undefined) throw missing("--config", "the file of the configuration");
  const credentials = flags.text("credentials");
  return {
    config: absolute("--config", config),
    credentials: credentials === undefined ? undefined : absolute("--credentials", credentials),
    node: flags.text("node"),
    nodeAddresses: (flags.text("node-addresses") ?? "").split(",").map((text) => text.trim())
      .filter((text) => text !== "").map(checkAddress),
    to: absolute("--to", flags.text("to") ?? "/etc/fabric"),
  };
}

/** Reads the arguments of `fabric keep-kubeconfig`; undefined when help is asked for. */
export function parseKeepKubeconfig(
  args: readonly string[],
): KeepKubeconfigOptions | undefined {
  const texts = ["server", "kubeconfig", "token-file", "ca-file", "run-dir", "interval"];
  const flags = parseFlags(args, { texts, switches: ["once"] });
  if (flags.help) return undefined;
  const server = flags.text("server");
  if (server === undefined) throw missing("--server", "the URL of the API server");
  const runDir = flags.text("run-dir");
  const interval = flags.text("interval") ?? "60";
  const seconds = Number(interval);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 600) {
    throw usage("--interval", interval, "give whole seconds from 1 to 600");
  }
  return {
    server: checkServer(server),
    tokenFile: absolute("--token-file", flags.text("token-file") ?? `${ACCOUNT}/token`),
    caFile: absolute("--ca-file", flags.text("ca-file") ?? `${ACCOUNT}/ca.crt`),
    kubeconfig: absolute("--kubeconfig", flags.text("kubeconfig") ?? "/etc/fabric/kubeconfig"),
    runDir: runDir === undefined ? undefined : absolute("--run-dir", runDir),
    once: flags.has("once"),
    seconds,
  };
}

/**
 * A kubelet tells a Pod the address of the Service kubernetes without brackets, also one of IPv6, and
 * its port apart: a manifest can only put a colon between them.
 */
function checkServer(text: string): string {
  const url = text.replace(/^(https:\/\/)([\da-f]*:[\da-f:.]*):(\d+)(?=\/?$)/i, "$1[$2]:$3");
  if (parseHttpTarget(url, { field: "--server" }).tls !== undefined) return url;
  throw usage("--server", text, "give a URL that begins with https://");
}

function checkAddress(text: string): string {
  if (tryParseAddress(text) !== undefined) return text;
  throw usage("--node-addresses", text, "give IP addresses, separated by commas");
}

function missing(flag: string, what: string): FabricError {
  return new FabricError("invalid", `${flag} is missing`, { field: flag, remedy: `give ${what}` });
}
