/**
 * What the handlers of all routes work with.
 *
 * @module
 */

import type { Store } from "../mod/etcd/store.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import type { Mirror } from "./mirror/mirror.ts";
import type { Watches } from "./http/watches.ts";
import type { UsageCache } from "./usage.ts";
import type { ServerLog } from "./server_log.ts";

export interface ServerContext {
  readonly store: Store;
  readonly ipam: IpamContext;
  readonly mirror: Mirror;
  readonly watches: Watches;
  readonly usage: UsageCache;
  readonly log: ServerLog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** True while it takes new requests: false once it was told to end. */
  readonly accepting: () => boolean;
}
