/**
 * The configuration, as `mod/etcd` takes it.
 *
 * @module
 */

import type { Config } from "./config_schema.ts";

/** What `mod/etcd` takes to open the store: the same settings, in its form. */
export interface EtcdOptions {
  readonly endpoints: readonly string[];
  readonly prefix?: string;
  readonly tls?: {
    readonly caFile?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    readonly serverName?: string;
  };
  readonly auth?: { readonly user: string; readonly passwordFile: string };
  readonly tokenFile: string;
  readonly firstEndpoint: number;
}

/**
 * How this host reaches etcd. Nodes begin with different endpoints, by their names; the token of
 * etcd's own authentication is shared by all processes of the host.
 */
export function etcdOptions({ etcd, node, runDir }: Config): EtcdOptions {
  const { endpoints, prefix, user, passwordFile } = etcd;
  const tls = Object.fromEntries(
    (["caFile", "certFile", "keyFile", "serverName"] as const).flatMap((name) => {
      const value = etcd[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  let hash = 0;
  for (let i = 0; i < node.length; i++) hash = (hash * 31 + node.charCodeAt(i)) >>> 0;
  return {
    endpoints,
    ...(prefix === undefined ? {} : { prefix }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    ...(user === undefined || passwordFile === undefined ? {} : { auth: { user, passwordFile } }),
    tokenFile: `${runDir}/etcd/token`,
    firstEndpoint: hash % endpoints.length,
  };
}
