/**
 * What everything of the service path is given.
 *
 * @module
 */

import type { Config } from "../../config.ts";
import type { Run } from "../../host/run.ts";
import type { Log } from "../../log.ts";

/** A node, as the service path uses it. */
export interface ServiceContext {
  readonly config: Config;
  readonly run: Run;
  readonly log: Log;
}

/** How ovs-ofctl reaches a bridge: its socket is beside that of ovsdb-server. */
export function bridgeTarget(config: Pick<Config, "ovsdb">, bridge: string): string {
  return `unix:${switchFolder(config)}/${bridge}.mgmt`;
}

/** Where Open vSwitch has its sockets. */
export function switchFolder({ ovsdb }: Pick<Config, "ovsdb">): string {
  return ovsdb.socket.replace(/\/[^/]*$/, "");
}
