/**
 * Secrets: made, hashed, compared. Whatever is stored is a salted hash.
 *
 * @module
 */

import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";

const WEB = { alphabet: "base64url", omitPadding: true } as const;

/** So many random octets as text. */
export function randomText(octets: number): string {
  return new Uint8Array(randomBytes(octets)).toBase64(WEB);
}

/** Hash of a secret of at least 128 random bits: a fast hash is enough for such. */
export function hashSecret(secret: string, salt: string): string {
  return createHash("sha256").update(`${salt}:${secret}`).digest("hex");
}

/** True for equal texts, in a time that does not tell where they differ. */
export function sameText(a: string, b: string): boolean {
  const [x, y] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return x !== undefined && y !== undefined && timingSafeEqual(x, y);
}

/** Cost of scrypt: 32 MiB and about 60 ms for each try. */
const COST = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;

/** How a password was hashed, so that the cost can be raised later. */
export const PASSWORD_HASH = "scrypt-32768-8-1";

/** Hash of what a person chose. */
export function hashPassword(password: string, salt: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  scrypt(password.normalize("NFKC"), salt, 32, COST, (error, key) => {
    if (error === null) resolve(key.toString("hex"));
    else reject(error);
  });
  return promise;
}
