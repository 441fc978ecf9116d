/**
 * A line on standard error that says how far a long command is; only on a terminal.
 *
 * @module
 */

import type { RoleIo } from "../mod/role.ts";

export interface Progress extends Disposable {
  /** At most four times a second. */
  show(text: string): void;
  clear(): void;
}

const INTERVAL_MS = 250;

/** Shows nothing where standard error is no terminal. */
export function startProgress(io: RoleIo): Progress {
  const visible = io.colour?.stderr === true;
  let shownAt = -Infinity;
  let shown = false;
  const clear = () => {
    if (shown) io.writeStderr("\r\x1b[K");
    shown = false;
  };
  return {
    show(text) {
      const now = performance.now();
      if (!visible || now - shownAt < INTERVAL_MS) return;
      shownAt = now;
      shown = true;
      io.writeStderr(`\r\x1b[K${text}`);
    },
    clear,
    [Symbol.dispose]: clear,
  };
}
