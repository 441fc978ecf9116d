/**
 * Putting the compiled executable on a host, and calling it as a runtime or an administrator does.
 *
 * @module
 */

import { stringify } from "yaml";
import type { Host, Sandbox } from "./host.ts";
import type { LabEtcd } from "./etcd.ts";
import type { ExecOptions, ExecResult } from "./process.ts";

/** What a host's configuration depends on. */
export interface InstallContext {
  readonly etcd: LabEtcd | undefined;
}

/** The executable that `scripts/compile` makes. */
export const FABRIC_BINARY: string = new URL("../../dist/fabric", import.meta.url).pathname;

export interface InstallOptions {
  /** Default: {@linkcode FABRIC_BINARY}. It is shown to the host, not copied. */
  readonly binary?: string;
  /** /etc/fabric/config.yaml as text, or fields that replace those of the default. */
  readonly config?: string | Readonly<Record<string, unknown>>;
  /**
   * Files in /etc/cni/net.d by name. Default: `10-fabric.conflist` with {@linkcode conflist}.
   */
  readonly conflists?: Readonly<Record<string, unknown>>;
}

/** One call of a plugin. */
export interface PluginCall {
  /** Its namespace and container id are the defaults of the two below. */
  readonly sandbox?: Sandbox;
  /** CNI_CONTAINERID. */
  readonly containerId?: string;
  /** CNI_NETNS; `""` leaves it empty, as `ctr` does in DEL. */
  readonly netns?: string;
  /** CNI_IFNAME. Default `eth0`. */
  readonly ifname?: string;
  /** CNI_ARGS. */
  readonly args?: Readonly<Record<string, string>>;
  /** The plugin's network configuration; `cniVersion` and `name` are given unless they are here. */
  readonly conf?: Readonly<Record<string, unknown>>;
  /** Default `fabric`. */
  readonly plugin?: string;
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** What a plugin answered. */
export interface PluginAnswer extends ExecResult {
  /** Its standard output as JSON; undefined when it is empty or something else. */
  readonly json: unknown;
}

/** Latest version of CNI that the plugin speaks. */
const CNI_VERSION = "1.1.0";

/** A network configuration list with our plugin alone. */
export function conflist(options: {
  /** Default `fabric`. */
  readonly name?: string;
  /** Further fields of the plugin, e.g. `network`. */
  readonly plugin?: Readonly<Record<string, unknown>>;
  /** Plugins that follow ours. */
  readonly chained?: readonly Readonly<Record<string, unknown>>[];
  /** One version of CNI. Default: what `fabric install` writes. */
  readonly version?: string;
} = {}): Readonly<Record<string, unknown>> {
  return {
    // Debian's containerd reads the first only and refuses 1.1.0.
    cniVersion: options.version ?? "1.0.0",
    ...(options.version === undefined ? { cniVersions: ["0.4.0", "1.0.0", "1.1.0"] } : {}),
    name: options.name ?? "fabric",
    plugins: [{
      type: "fabric",
      config: "/etc/fabric/config.yaml",
      capabilities: { ips: true, mac: true, bandwidth: true, dns: true },
      ...options.plugin,
    }, ...options.chained ?? []],
  };
}

/** The configuration that fits a host of the lab. */
export function defaultConfig(
  { etcd }: InstallContext,
  host: Host,
): Readonly<Record<string, unknown>> {
  const { plan } = host;
  return {
    cluster: plan.cluster,
    node: plan.name,
    zone: plan.zone,
    physicalNetworks: Object.fromEntries(
      plan.physicalNetworks.map(({ name, bridge }) => [name, { bridge }]),
    ),
    ...(etcd === undefined ? {} : {
      etcd: {
        endpoints: etcd.endpoints,
        ...(etcd.certificates === undefined ? {} : CREDENTIAL_FILES),
        ...(etcd.root === undefined
          ? {}
          : { user: etcd.root.user, passwordFile: "/etc/fabric/etcd-password" }),
      },
    }),
  };
}

const CREDENTIAL_FILES = {
  caFile: "/etc/fabric/etcd-ca.pem",
  certFile: "/etc/fabric/etcd-client.pem",
  keyFile: "/etc/fabric/etcd-client.key",
} as const;

/** Puts executable, links, configuration, credentials of etcd and conflists on a host. */
export async function installFabric(
  context: InstallContext,
  host: Host,
  options: InstallOptions = {},
): Promise<void> {
  const binary = options.binary ?? FABRIC_BINARY;
  await host.mount(binary, "/opt/cni/bin/fabric");
  await host.execOk("cd /opt/cni/bin && ln -sf fabric fabric-admin && ln -sf fabric fabric-ctl");
  const config = typeof options.config === "string"
    ? options.config
    : stringify({ ...defaultConfig(context, host), ...options.config });
  await host.writeFile("/etc/fabric/config.yaml", config);
  if (context.etcd !== undefined) {
    const { certificates, root } = context.etcd;
    for (const key of ["caFile", "certFile", "keyFile"] as const) {
      if (certificates === undefined) break;
      const mode = key === "keyFile" ? 0o600 : 0o644;
      await host.writeFile(CREDENTIAL_FILES[key], certificates[key], { mode });
    }
    if (root !== undefined) {
      const password = `${root.password}\n`;
      await host.writeFile("/etc/fabric/etcd-password", password, { mode: 0o600 });
    }
  }
  const conflists = options.conflists ?? { "10-fabric.conflist": conflist() };
  for (const [name, content] of Object.entries(conflists)) {
    await host.writeFile(`/etc/cni/net.d/${name}`, JSON.stringify(content, null, 2));
  }
}

/**
 * Calls a plugin on a host as a runtime does: an environment of its own, the configuration on
 * standard input.
 */
export async function callPlugin(
  host: Host,
  verb: string,
  call: PluginCall = {},
): Promise<PluginAnswer> {
  const plugin = call.plugin ?? "fabric";
  const perContainer = {
    CNI_CONTAINERID: call.containerId ?? call.sandbox?.containerId ?? "",
    CNI_NETNS: call.netns ?? call.sandbox?.path ?? "",
    CNI_IFNAME: call.ifname ?? "eth0",
    CNI_ARGS: Object.entries(call.args ?? {}).map(([k, v]) => `${k}=${v}`).join(";"),
  };
  const result = await host.exec([`/opt/cni/bin/${plugin}`], {
    clearEnv: true,
    env: {
      CNI_COMMAND: verb,
      CNI_PATH: "/opt/cni/bin",
      ...(["ADD", "DEL", "CHECK"].includes(verb) ? perContainer : {}),
      ...call.env,
    },
    input: JSON.stringify({ cniVersion: CNI_VERSION, name: "fabric", type: plugin, ...call.conf }),
    ...(call.timeoutMs === undefined ? {} : { timeoutMs: call.timeoutMs }),
  });
  return { ...result, json: parse(result.stdout) };
}

/** Runs `fabric-admin` on a host. */
export function callAdmin(
  host: Host,
  args: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  return host.exec(["/opt/cni/bin/fabric-admin", ...args], options);
}

export interface CnitoolCall {
  readonly network: string;
  readonly sandbox: Sandbox;
  /** Default `eth0`. */
  readonly ifname?: string;
  /** CNI_ARGS. */
  readonly args?: Readonly<Record<string, string>>;
  /** CAP_ARGS: what the plugin gets as `runtimeConfig`. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
  /** The program; `scripts/tools` builds it. */
  readonly binary?: string;
}

/** Where `scripts/tools` puts what it builds. */
export const TOOLS: string = new URL("../../.cache/tools/", import.meta.url).pathname;

/** Runs `cnitool` (verbs `add`, `del`, `check`, `gc`, `status`), which keeps results as libcni does. */
export async function callCnitool(
  host: Host,
  verb: string,
  call: CnitoolCall,
): Promise<PluginAnswer> {
  const result = await host.exec(
    [call.binary ?? `${TOOLS}cnitool`, verb, call.network, call.sandbox.path],
    {
      env: {
        CNI_PATH: "/opt/cni/bin",
        NETCONFPATH: "/etc/cni/net.d",
        CNI_IFNAME: call.ifname ?? "eth0",
        ...(call.args === undefined
          ? {}
          : { CNI_ARGS: Object.entries(call.args).map(([k, v]) => `${k}=${v}`).join(";") }),
        ...(call.capabilities === undefined ? {} : { CAP_ARGS: JSON.stringify(call.capabilities) }),
      },
    },
  );
  return { ...result, json: parse(result.stdout) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
