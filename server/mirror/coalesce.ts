/**
 * One run for many callers, none of whom gets an answer that is older than their question.
 *
 * @module
 */

/**
 * Runs `run` for the callers: whoever comes while a run is under way waits for the next one, which
 * all of them share.
 */
export function coalesce<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    next = undefined;
    const current = run().finally(() => {
      if (running === current) running = undefined;
    });
    running = current;
    return current;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running.then(start, start);
    return next;
  };
}
