/**
 * The kubeconfig that `fabric keep-kubeconfig` writes, and whether one that it finds is still good.
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";
import { parseKubeconfig } from "../mod/kube/kubeconfig.ts";
import { httpHost, parseHttpTarget } from "../mod/http.ts";

/** What the plugin has to know of an API server. */
export interface KeptAccount {
  readonly server: string;
  readonly token: string;
  /** The authority, as PEM text. */
  readonly ca: string;
}

/** The text; JSON, which is YAML too. */
export function keptKubeconfig({ server, token, ca }: KeptAccount): string {
  const authority = new TextEncoder().encode(ca).toBase64();
  const cluster = { server, "certificate-authority-data": authority };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "cluster", cluster }],
    users: [{ name: "fabric", user: { token } }],
    contexts: [{ name: "fabric", context: { cluster: "cluster", user: "fabric" } }],
    "current-context": "fabric",
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/**
 * A file that is being written may end in the middle: with it, no ADD would reach the server.
 *
 * @throws {FabricError} `invalid`, field `--ca-file`.
 */
export function checkAuthority(ca: string, path: string): void {
  try {
    if (!ca.includes("-----BEGIN CERTIFICATE-----")) throw new Error("it holds none");
    Deno.createHttpClient({ caCerts: [ca] }).close();
  } catch (cause) {
    throw new FabricError("invalid", `${path} is no certificate as PEM text`, {
      field: "--ca-file",
      value: path,
      remedy: "give the certificate of the API server's authority",
      cause,
    });
  }
}

const ANSWER_MS = 3_000;

/**
 * Whether the API server refuses the token of a kubeconfig for this server: that of a Pod that is gone,
 * which nobody would renew. Without an answer nothing is known, and what is for another server, or is no
 * such kubeconfig, is none of our business.
 */
export async function isRefused(
  kubeconfig: string,
  { options: { server, kubeconfig: path }, ca }: {
    readonly options: { readonly server: string; readonly kubeconfig: string };
    readonly ca: string;
  },
): Promise<boolean> {
  const ours = httpHost(parseHttpTarget(server.replace(/\/$/, ""), { field: "--server" }));
  let token: string | undefined;
  try {
    const found = parseKubeconfig(JSON.parse(kubeconfig), path);
    if (httpHost(found.target) !== ours) return false;
    token = found.token;
  } catch {
    return false;
  }
  if (token === undefined) return false;
  const client = Deno.createHttpClient({ caCerts: [ca] });
  try {
    // Everybody may read it whose token is good.
    const { status, body } = await fetch(`https://${ours}/version`, {
      client,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await body?.cancel();
    return status === 401;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
