/**
 * One signal out of a time limit and outer signals. Its reason is "timeout" or "aborted".
 *
 * @module
 */

import { startTimer } from "../timer.ts";

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
  const stopTimer = startTimer(timeoutMs, () => controller.abort("timeout"));
  for (const signal of signals) {
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
  }
  try {
    return await call(controller.signal);
  } finally {
    stopTimer();
    for (const signal of signals) signal?.removeEventListener("abort", abort);
  }
}
