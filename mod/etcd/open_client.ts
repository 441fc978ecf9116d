/**
 * From options to a store, the same for every transport.
 *
 * @module
 */
import { readSecretFile } from "../secret_file.ts";
import { Client } from "./client.ts";
import { checkOptions, readTlsFiles, type StoreOptions, type TlsFiles } from "./options.ts";
import { openTokens } from "./token.ts";
import type { Transport } from "./transport.ts";

/** Checks the options, reads the files and opens the transport; nothing is sent yet. */
export function openClient<Bytes>(
  options: StoreOptions,
  openTransport: (
    options: StoreOptions,
    files: { readonly prefix: string; readonly tls: TlsFiles },
  ) => Transport<Bytes>,
): Client<Bytes> {
  const { prefix, timeoutMs } = checkOptions(options);
  const { auth, tokenFile, firstEndpoint = 0 } = options;
  const tls = readTlsFiles(options);
  const transport = openTransport(options, { prefix, tls });
  if (auth === undefined) {
    return new Client(transport, { timeoutMs, firstEndpoint });
  }
  return new Client(transport, {
    timeoutMs,
    firstEndpoint,
    credentials: { name: auth.user, password: readPassword(auth.passwordFile) },
    openTokens: (authenticate) => openTokens({ user: auth.user, tokenFile, authenticate }),
  });
}

/** A final line break is not part of the password. */
function readPassword(path: string): string {
  return readSecretFile(path, "etcd.auth.passwordFile").replace(/\r?\n$/, "");
}
