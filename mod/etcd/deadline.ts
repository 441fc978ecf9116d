/**
 * One signal out of a time limit and outer signals. Its reason is "timeout" or "aborted".
 *
 * @module
 */

/** Runs the call with a signal that is given when the time is up or one of the others is. */
export async function withDeadline<T>(
  { timeoutMs, signals }: {
    readonly timeoutMs: number;
    readonly signals: readonly (AbortSignal | undefined)[];
  },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = () => controller.abort("aborted");
  const timer = setTimeout(() => controller.abort("timeout"), timeoutMs);
  for (const signal of signals) {
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
  }
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal?.removeEventListener("abort", abort);
  }
}

/** Returns after the time, or at once when the signal is given. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}
