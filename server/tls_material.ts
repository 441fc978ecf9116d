/**
 * The server's certificate and key, read and checked: Deno takes any text for a certificate and
 * fails at the first handshake.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { FabricError } from "../mod/error.ts";
import { readSecretFile } from "../mod/secret_file.ts";
import type { TlsMaterial } from "./http/listener.ts";
import type { ServerSettings } from "./settings.ts";

/** @throws {FabricError} `invalid`: a file cannot be read or used, or they do not go together. */
export function readTls({ tls }: Pick<ServerSettings, "tls">): TlsMaterial | undefined {
  if (tls === undefined) return undefined;
  const material = {
    cert: readText(tls.certFile, "server.tls.certFile"),
    key: readSecretFile(tls.keyFile, "server.tls.keyFile"),
    clientCa: tls.clientCaFile === undefined
      ? undefined
      : readText(tls.clientCaFile, "server.tls.clientCaFile"),
  };
  const parse = <T>(field: string, path: string, make: () => T): T => {
    try {
      return make();
    } catch (cause) {
      throw new FabricError("invalid", `Cannot use ${path}: it is not PEM of that kind`, {
        field,
        value: path,
        cause,
      });
    }
  };
  const certificate = parse(
    "server.tls.certFile",
    tls.certFile,
    () => new X509Certificate(material.cert),
  );
  const key = parse("server.tls.keyFile", tls.keyFile, () => createPrivateKey(material.key));
  if (!certificate.checkPrivateKey(key)) {
    throw new FabricError("invalid", `${tls.keyFile} is not the key of ${tls.certFile}`, {
      field: "server.tls.keyFile",
      value: tls.keyFile,
      remedy: "name the key that the certificate was made for",
    });
  }
  const { clientCa } = material;
  if (clientCa !== undefined) {
    parse("server.tls.clientCaFile", tls.clientCaFile ?? "", () => new X509Certificate(clientCa));
  }
  return material;
}

/** @throws {FabricError} `invalid`. */
export function readText(path: string, field: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new FabricError("invalid", `Cannot read ${path}`, { field, value: path, cause });
  }
}
