/**
 * Passwords of local accounts: scrypt (RFC 7914) with N=2^15, r=8, p=3, which is one of the settings
 * of OWASP's cheat sheet and takes 32 MiB. The settings stand beside each hash, so they can rise.
 *
 * @module
 */

import { scrypt, timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { FabricError } from "../../mod/error.ts";
import { httpError } from "../http/http_error.ts";
import { randomText } from "./secret.ts";

/** A password as it is kept. */
export const PasswordSchema = v.object({
  scheme: v.literal("scrypt"),
  n: v.pipe(v.number(), v.integer(), v.minValue(1024), v.maxValue(1 << 20)),
  r: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(32)),
  p: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)),
  salt: v.string(),
  hash: v.string(),
});
export type PasswordHash = v.InferOutput<typeof PasswordSchema>;
type Cost = Omit<PasswordHash, "hash" | "scheme">;

const COST = { n: 1 << 15, r: 8, p: 3 } as const;
const BYTES = 32;
/** So many are worked out at once: each takes memory and a processor. */
const AT_ONCE = 2;
/** More than so many waiting: somebody floods. */
const MAX_WAITING = 32;

const MIN_LENGTH = 12;
const MAX_LENGTH = 256;

/** @throws {FabricError} `invalid`: too short, too long, or just the name. */
export function checkNewPassword(password: string, name: string): void {
  const length = [...password].length;
  const why = length < MIN_LENGTH
    ? `it has ${length} characters`
    : length > MAX_LENGTH
    ? `it has more than ${MAX_LENGTH} characters`
    : new Set(password.normalize("NFKC")).size < 5
    ? "it repeats the same few characters"
    : password.toLowerCase().includes(name.toLowerCase()) && length < name.length + 8
    ? "it is hardly more than the name of the account"
    : undefined;
  if (why === undefined) return;
  throw new FabricError("invalid", `The new password cannot be used: ${why}`, {
    field: "password",
    remedy: `choose ${MIN_LENGTH} to ${MAX_LENGTH} characters; a few words are good`,
  });
}

const NOBODY = { ...COST, salt: randomText(16) };

/** Works out hashes, a few at once. */
export class Passwords {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** The password as it may be kept. */
  async hash(password: string): Promise<PasswordHash> {
    const cost = { ...COST, salt: randomText(16) };
    return { scheme: "scrypt", ...cost, hash: (await this.#derive(password, cost)).toHex() };
  }

  /**
   * True where it is the password. Without a hash it takes as long, and is false.
   *
   * @throws {FabricError} 503: too many ask at once.
   */
  async verify(password: string, kept: PasswordHash | undefined): Promise<boolean> {
    const found = await this.#derive(password.slice(0, 1024), kept ?? NOBODY);
    if (kept === undefined) return false;
    const wanted = Uint8Array.fromHex(kept.hash);
    return wanted.length === found.length && timingSafeEqual(wanted, found);
  }

  async #derive(password: string, cost: Cost): Promise<Uint8Array> {
    await this.#enter();
    try {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      const { n, r, p, salt } = cost;
      const options = { N: n, r, p, maxmem: 256 * n * r };
      scrypt(
        password.normalize("NFKC"),
        salt,
        BYTES,
        options,
        (error, key) => error === null ? resolve(key) : reject(error),
      );
      return await promise;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw httpError(503, "Too many people sign in at the moment", {
        headers: { "retry-after": "5" },
      });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** 20 characters that are easy to read out, 98 bits: for the first sign-in. */
export function generatePassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const words = Array.from({ length: 4 }, () => {
    let word = "";
    while (word.length < 5) {
      const [byte = 255] = crypto.getRandomValues(new Uint8Array(1));
      // The rest would make some letters likelier.
      if (byte < 248) word += letters[byte % letters.length];
    }
    return word;
  });
  return words.join("-");
}
