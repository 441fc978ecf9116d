/**
 * What a page reads when it opens. What was read before is shown at once and read again behind it,
 * and stays in sight when the server does not answer.
 *
 * @module
 */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { asProblem, type Problem } from "./problem.ts";
import { reachable } from "./request.ts";

/** The state of what is read. */
export interface Loaded<T> {
  readonly value: T | undefined;
  /** When the value was read. */
  readonly at: number | undefined;
  readonly problem: Problem | undefined;
  readonly reload: () => void;
  /** Puts a value that is known otherwise, from a change that was told. */
  readonly put: (change: (value: T) => T) => void;
}

const kept = new Map<string, { readonly value: unknown; readonly at: number }>();

/** Forgets everything that was read: somebody else signs in. */
export function forgetAll(): void {
  kept.clear();
}

/** Pages that are kept for Back. */
const MAX_KEPT = 40;

/** Reads what `key` names; again whenever the key changes. */
export function useLoad<T>(key: string, read: (aborted: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string } & Omit<Loaded<T>, "reload" | "put">>(
    () => ({ key, ...recall<T>(key), problem: undefined }),
  );
  const reading = useRef<AbortController>(undefined);
  const reader = useRef(read);
  reader.current = read;

  const reload = useCallback(() => {
    reading.current?.abort();
    const controller = new AbortController();
    reading.current = controller;
    reader.current(controller.signal).then((value) => {
      if (controller.signal.aborted) return;
      const at = Date.now();
      keep(key, { value, at });
      setState({ key, value, at, problem: undefined });
    }, (error) => {
      if (controller.signal.aborted) return;
      const problem = asProblem(error);
      setState((before) => ({
        ...(before.key === key ? before : { key, ...recall<T>(key) }),
        problem,
      }));
    });
  }, [key]);

  useEffect(() => {
    reload();
    return () => reading.current?.abort();
  }, [reload]);

  // The server is back: what failed is read again by itself.
  const failed = state.problem !== undefined;
  const back = reachable.value;
  useEffect(() => {
    if (!failed) return;
    const timer = setTimeout(reload, back ? 300 : 2000);
    const again = setInterval(reload, 4000);
    return () => {
      clearTimeout(timer);
      clearInterval(again);
    };
  }, [failed, back, reload]);

  const put = useCallback((change: (value: T) => T) => {
    setState((before) => {
      if (before.value === undefined || before.key !== key) return before;
      const value = change(before.value);
      keep(key, { value, at: Date.now() });
      return { ...before, value, at: Date.now() };
    });
  }, [key]);

  const current = state.key === key ? state : { ...recall<T>(key), problem: undefined };
  return { value: current.value, at: current.at, problem: current.problem, reload, put };
}

function keep(key: string, entry: { readonly value: unknown; readonly at: number }): void {
  kept.delete(key);
  kept.set(key, entry);
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
}

// A key names what was read by the same function before.
function recall<T>(key: string): { readonly value: T | undefined; readonly at: number | undefined };
function recall(key: string): { readonly value: unknown; readonly at: number | undefined } {
  return kept.get(key) ?? { value: undefined, at: undefined };
}

/** Calls `run` at most once in so many milliseconds, and once behind the last call. */
export function useThrottled(run: () => void, ms: number): () => void {
  const latest = useRef(run);
  latest.current = run;
  const timer = useRef<number>(undefined);
  const due = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    if (timer.current !== undefined) return;
    const wait = Math.max(0, due.current - Date.now());
    timer.current = setTimeout(() => {
      timer.current = undefined;
      due.current = Date.now() + ms;
      latest.current();
    }, wait);
  }, [ms]);
}
