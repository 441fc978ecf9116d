/**
 * Small pieces of output, written together: a line per system call is most of what a long list costs.
 *
 * @module
 */

/** Characters that are written together. */
const SIZE = 32_768;

/** Where a printer writes to. */
export interface Buffer {
  write(text: string): void;
  /** Writes what is left: at the end, and where nothing follows for the moment. */
  flush(): void;
}

/** A buffer in front of `write`. */
export function bufferOf(write: (text: string) => void): Buffer {
  let parts: string[] = [];
  let length = 0;
  const flush = () => {
    if (length > 0) write(parts.join(""));
    parts = [];
    length = 0;
  };
  return {
    write(text) {
      parts.push(text);
      length += text.length;
      if (length >= SIZE) flush();
    },
    flush,
  };
}
