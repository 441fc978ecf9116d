/**
 * What the handlers of all routes work with.
 *
 * @module
 */

import type { AuditWriter } from "../mod/audit/append.ts";
import type { Store } from "../mod/etcd/store.ts";
import type { IpamContext } from "../mod/ipam/context.ts";
import type { Log } from "../mod/log.ts";
import type { AccountContext } from "./auth/accounts.ts";
import type { OidcLogin } from "./auth/oidc.ts";
import type { Passwords } from "./auth/password.ts";
import type { Role } from "./auth/principal.ts";
import type { Refusals } from "./auth/refusals.ts";
import type { SessionSettings } from "./auth/sessions.ts";
import type { Watches } from "./http/watches.ts";
import type { Metrics } from "./metrics.ts";
import type { Mirror } from "./mirror/mirror.ts";
import type { TrendCache } from "./trend.ts";
import type { OwnLease } from "./own_lease.ts";
import type { SearchIndex } from "./search_index.ts";
import type { UsageCache } from "./usage.ts";

/** How people come in. */
export interface AccessContext {
  readonly session: SessionSettings;
  /** Over TLS. */
  readonly secure: boolean;
  readonly oidc: OidcLogin | undefined;
  readonly anonymous: Role | undefined;
  readonly passwords: Passwords;
  /** Client certificates are asked for. */
  readonly certificates: boolean;
}

export interface ServerContext {
  readonly store: Store;
  readonly ipam: IpamContext;
  readonly mirror: Mirror;
  readonly watches: Watches;
  readonly usage: UsageCache;
  readonly index: SearchIndex;
  readonly trend: TrendCache;
  readonly audit: AuditWriter;
  readonly access: AccessContext;
  /** Ends with this server. */
  readonly lease: OwnLease;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** True while it takes new requests: false once it was told to end. */
  readonly accepting: () => boolean;
  /** Which refusals the audit is told of. */
  readonly refusals: Refusals;
}

/** What handlers of accounts need of it. */
export function accountContext({ ipam, access }: ServerContext): AccountContext {
  return { store: ipam.store, now: ipam.now, passwords: access.passwords };
}
