/**
 * What a look at a node, a check or a repair of it works with: the node's configuration, its
 * programs, its switch and the store. Tests give other values, e.g. a host that is a namespace.
 *
 * @module
 */

import type { Config } from "../config.ts";
import type { SeenClock } from "../etcd/clock.ts";
import type { Run } from "../host/run.ts";
import type { IpamContext } from "../ipam/context.ts";
import { connectOvsdb, type Ovsdb } from "../ovsdb/client.ts";

/** Where `fabric install` put things, unless it was told otherwise. */
export const INSTALLED = {
  binDir: "/opt/cni/bin",
  confDir: "/etc/cni/net.d",
} as const;

/** A node, as whoever runs on it may use it. */
export interface NodeContext {
  readonly config: Config;
  /** The file that the configuration was read from. */
  readonly configFile: string;
  readonly run: Run;
  readonly ipam: IpamContext;
  /** Unique among the processes of the node. */
  readonly id: string;
  /** Folders of the runtime. */
  readonly folders: { readonly binDir: string; readonly confDir: string };
  /** Reaches ovsdb-server; `await using`. */
  connect(): Promise<Ovsdb>;
  /** etcd's clock against ours. */
  clock(): Promise<SeenClock | undefined>;
}

/** How long a look waits for ovsdb-server. */
const OVSDB_TIMEOUT_MS = 4_000;

/** Reaches the ovsdb-server that the configuration names. */
export function connectSwitch(config: Config): Promise<Ovsdb> {
  return connectOvsdb({ socket: config.ovsdb.socket, timeoutMs: OVSDB_TIMEOUT_MS });
}
