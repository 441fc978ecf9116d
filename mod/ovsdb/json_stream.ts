/**
 * JSON-RPC over a stream (RFC 7047, 4): JSON objects follow each other with nothing between, so
 * where one ends is known only by its braces.
 *
 * @module
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = [0x7b, 0x5b];
const CLOSE = [0x7d, 0x5d];

/** Cuts a stream of bytes into the texts of its JSON objects. */
export interface JsonSplitter {
  /** Takes the next bytes; returns the objects that end in them. */
  push(bytes: Uint8Array): string[];
}

/** A splitter at the beginning of a stream. */
export function createJsonSplitter(): JsonSplitter {
  let parts: Uint8Array[] = [];
  let depth = 0;
  let inString = false;
  let escaped = false;

  const take = (last: Uint8Array): string => {
    const decoder = new TextDecoder();
    const text = parts.map((part) => decoder.decode(part, { stream: true })).join("") +
      decoder.decode(last);
    parts = [];
    return text;
  };

  return {
    push(bytes) {
      const found: string[] = [];
      let start = 0;
      for (let i = 0; i < bytes.length; i++) {
        const byte = bytes[i] ?? 0;
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) inString = false;
        } else if (byte === QUOTE) {
          inString = true;
        } else if (OPEN.includes(byte)) {
          depth++;
        } else if (CLOSE.includes(byte) && --depth === 0) {
          found.push(take(bytes.subarray(start, i + 1)));
          start = i + 1;
        }
      }
      // The caller reuses its buffer, so what is left over is copied.
      if (start < bytes.length) parts.push(bytes.slice(start));
      return found;
    },
  };
}
