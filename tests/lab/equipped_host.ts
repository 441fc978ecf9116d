/**
 * A host with what tests do on it: our executable, plugins called by hand, container runtimes.
 *
 * @module
 */

import { type Containerd, type ContainerdOptions, startContainerd } from "./containerd.ts";
import {
  callAdmin,
  callCnitool,
  callPlugin,
  type CnitoolCall,
  type InstallContext,
  installFabric,
  type InstallOptions,
  type PluginAnswer,
  type PluginCall,
} from "./fabric.ts";
import type { Host } from "./host.ts";
import { type Podman, setUpPodman } from "./podman.ts";
import type { ExecOptions, ExecResult } from "./process.ts";

export interface EquippedHost extends Host {
  /** Puts executable, links, configuration, credentials of etcd and conflists on the host. */
  installFabric(options?: InstallOptions): Promise<void>;
  /** Calls the plugin as a runtime does, e.g. `fabric("ADD", { sandbox })`. */
  fabric(verb: string, call?: PluginCall): Promise<PluginAnswer>;
  /** Runs `fabric-admin`. */
  admin(args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Runs `cnitool`: `add`, `del`, `check`, `gc`, `status`. */
  cnitool(verb: string, call: CnitoolCall): Promise<PluginAnswer>;
  /** Starts containerd. */
  containerd(options?: ContainerdOptions): Promise<Containerd>;
  /** Configures podman. */
  podman(): Promise<Podman>;
}

/** Gives a host these verbs. */
export function equip(context: InstallContext, host: Host): EquippedHost {
  return {
    ...host,
    installFabric: (options) => installFabric(context, host, options),
    fabric: (verb, call) => callPlugin(host, verb, call),
    admin: (args, options) => callAdmin(host, args, options),
    cnitool: (verb, call) => callCnitool(host, verb, call),
    containerd: (options) => startContainerd(host, options),
    podman: () => setUpPodman(host),
  };
}
