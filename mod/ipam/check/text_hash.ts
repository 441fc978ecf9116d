/**
 * A fast hash of text, for finding pairs among millions. Two texts with one hash would hide one
 * damage; 64 bits make that as likely as a broken memory.
 *
 * @module
 */

/** Two halves of 32 bits. */
export interface Hash {
  readonly high: number;
  readonly low: number;
}

/** Two chains of multiplications over the characters, mixed at the end (the cyrb53 of bryc). */
export function hashText(text: string): Hash {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return { high: high >>> 0, low: low >>> 0 };
}
