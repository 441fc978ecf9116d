/**
 * Secrets: made, hashed, compared. Whatever is stored is a salted hash. What people
 * choose is in `password.ts`.
 *
 * @module
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

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
