/**
 * The secrets of this node, to take them out of everything that is put into an archive. They are
 * read for that alone.
 *
 * @module
 */

import type { Config } from "../../mod/config.ts";
import { etcdOptions } from "../../mod/config.ts";
import { secretsOfPem } from "../../mod/redact.ts";

/** Their texts; a file that cannot be read holds none that we could leak. */
export function readSecrets(config: Config): readonly string[] {
  const { passwordFile, keyFile } = config.etcd;
  const { tokenFile } = etcdOptions(config);
  const pem = keyFile === undefined ? undefined : readQuietly(keyFile);
  return [
    ...textsOf(passwordFile === undefined ? undefined : readQuietly(passwordFile)),
    ...(pem === undefined ? [] : secretsOfPem(pem)),
    ...tokensOf(readQuietly(tokenFile)),
  ];
}

function readQuietly(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

function textsOf(text: string | undefined): readonly string[] {
  return text === undefined ? [] : [text, text.trim()];
}

/** The file is JSON around the token, whatever its fields are. */
function tokensOf(text: string | undefined): readonly string[] {
  if (text === undefined) return [];
  const words = [...text.matchAll(/[A-Za-z0-9._~+/=-]{12,}/g)].map(([word]) => word);
  return [text.trim(), ...words];
}
