/**
 * The same contract for both transports of the store.
 *
 * @module
 */
import { openStore, type StoreOptions } from "../../mod/etcd/open.ts";
import type { Store } from "../../mod/etcd/store.ts";

export const TRANSPORTS = ["gateway", "grpc"] as const;

export type Open = (options: StoreOptions) => Promise<Store>;

/** Registers a test for each transport; grpc-js keeps timers that the sanitizers would blame. */
export function testBoth(
  name: string,
  fn: (open: Open, t: Deno.TestContext) => Promise<void>,
): void {
  for (const transport of TRANSPORTS) {
    const isClean = transport === "gateway";
    Deno.test({
      name: `${transport}: ${name}`,
      sanitizeOps: isClean,
      sanitizeResources: isClean,
      fn: (t) => fn((options) => openStore(options, { transport }), t),
    });
  }
}

/** What the promise is rejected with; fails when it is not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the promise was not rejected");
}

/** Milliseconds that the call took, with what it gave. */
export async function timed<T>(call: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const began = performance.now();
  const value = await call();
  return { ms: performance.now() - began, value };
}

/** Polls until it holds; fails after 10 s. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error("the condition never held");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
