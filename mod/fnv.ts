/**
 * 32-bit FNV-1a: a number from a name, the same wherever it is asked for. Not for secrets.
 *
 * @module
 */

/** The hash of the text's UTF-8 bytes; another `start` gives another one. */
export function fnv1a(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}
