/**
 * Timers for processes that live for milliseconds.
 *
 * The first `setTimeout` of a process costs 9 to 15 ms (Deno 2.9.4 loads node's timers for it), so
 * nothing on the way of a CNI call may use it. `AbortSignal.timeout` costs 0.3 ms; it cannot be
 * taken back, but it is forgotten when nobody listens, and then keeps no process alive.
 *
 * @module
 */

/** Calls back once after the time; the returned function takes it back. */
export function startTimer(ms: number, callback: () => void): () => void {
  const signal = AbortSignal.timeout(ms);
  signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}

/** Returns after the time, or at once when the signal is given. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const cancel = startTimer(ms, end);
  signal?.addEventListener("abort", end, { once: true });
  try {
    await promise;
  } finally {
    cancel();
    signal?.removeEventListener("abort", end);
  }
}
