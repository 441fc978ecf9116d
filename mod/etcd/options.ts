/**
 * How to reach etcd, and the files that belong to it.
 *
 * @module
 */
import { FabricError } from "../error.ts";
import { readSecretFile } from "../secret_file.ts";

/** What both transports take. */
export interface StoreOptions {
  /** `http://host:port` or `https://host:port`; all of one scheme. */
  readonly endpoints: readonly string[];
  /** Before every key; begins and ends with a slash. Default {@linkcode DEFAULT_PREFIX}. */
  readonly prefix?: string;
  /** For `https` endpoints. Without `caFile` the runtime's authorities count. */
  readonly tls?: {
    readonly caFile?: string;
    /** The client's certificate and its key (readable by the owner only), both or none. */
    readonly certFile?: string;
    readonly keyFile?: string;
    /** The name in the servers' certificates, where it is not the host's. */
    readonly serverName?: string;
  };
  /** For etcd's own auth. The file holds the password alone and is readable by its owner only. */
  readonly auth?: { readonly user: string; readonly passwordFile: string };
  /** For one call, failover included. Default {@linkcode DEFAULT_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /**
   * Where processes share the token of `auth`, in a folder of its own that only we can enter.
   * Default: the token stays in memory, and each process costs etcd a password check.
   */
  readonly tokenFile?: string;
  /** Which endpoint is asked first, modulo their number, so that nodes spread. Default 0. */
  readonly firstEndpoint?: number;
}

export const DEFAULT_PREFIX = "/beyondfabric.io/";
export const DEFAULT_TIMEOUT_MS = 4000;

/** The contents of the files, as PEM text. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
}

/** Checks the options that do not need a connection and fills in the defaults. */
export function checkOptions(
  options: StoreOptions,
): { readonly prefix: string; readonly timeoutMs: number } {
  const { endpoints, prefix = DEFAULT_PREFIX, timeoutMs = DEFAULT_TIMEOUT_MS, tls } = options;
  if (endpoints.length === 0) {
    throw new FabricError("invalid", "no etcd endpoint is configured", {
      field: "etcd.endpoints",
      remedy: "name at least one, as https://host:port",
    });
  }
  const secure = endpoints.filter((url) => url.startsWith("https:")).length;
  if (secure !== 0 && secure !== endpoints.length) {
    throw new FabricError("invalid", "etcd endpoints mix http and https", {
      field: "etcd.endpoints",
      value: endpoints.join(","),
    });
  }
  if (tls !== undefined && secure === 0) {
    throw new FabricError(
      "invalid",
      "certificates for etcd are configured, but no https endpoint",
      {
        field: "etcd.endpoints",
        value: endpoints.join(","),
        remedy: "write the endpoints as https://host:port",
      },
    );
  }
  if ((tls?.certFile === undefined) !== (tls?.keyFile === undefined)) {
    throw new FabricError("invalid", "etcd's client certificate and its key go together", {
      field: tls?.certFile === undefined ? "etcd.tls.certFile" : "etcd.tls.keyFile",
    });
  }
  if (!/^\/(?:[\x21-\x7e]*\/)?$/.test(prefix)) {
    throw new FabricError("invalid", "the prefix does not begin and end with a slash", {
      field: "etcd.prefix",
      value: prefix,
      remedy: `write it like ${DEFAULT_PREFIX}`,
    });
  }
  return { prefix, timeoutMs };
}

/** Reads the certificates; nothing for plain endpoints. */
export function readTlsFiles(options: StoreOptions): TlsFiles {
  const { caFile, certFile, keyFile, serverName } = options.tls ?? {};
  return {
    ca: caFile === undefined ? undefined : readFile(caFile, "etcd.tls.caFile"),
    cert: certFile === undefined ? undefined : readFile(certFile, "etcd.tls.certFile"),
    key: keyFile === undefined ? undefined : readSecretFile(keyFile, "etcd.tls.keyFile"),
    serverName,
  };
}

function readFile(path: string, field: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new FabricError("invalid", `cannot read ${path}`, { field, value: path, cause });
  }
}
