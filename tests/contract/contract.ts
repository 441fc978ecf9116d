/**
 * Contract tests: the same cases for both transports of the store, on a real etcd.
 *
 * @module
 */
import { FabricError } from "../../mod/error.ts";
import { openStore, type StoreOptions } from "../../mod/etcd/open.ts";
import type { Store } from "../../mod/etcd/store.ts";

export type Open = (options: StoreOptions) => Promise<Store>;

/** One case; `open` opens a store over the transport under test. */
export interface Case {
  readonly name: string;
  readonly fn: (open: Open, t: Deno.TestContext) => Promise<void>;
}

/** A list of cases and the function that adds one, to be written like `Deno.test`. */
export function startContract(): {
  readonly cases: readonly Case[];
  readonly test: (name: Case["name"], fn: Case["fn"]) => void;
} {
  const cases: Case[] = [];
  return { cases, test: (name, fn) => void cases.push({ name, fn }) };
}

/** Registers the cases for one transport. */
export function runContract(transport: "gateway" | "grpc", cases: readonly Case[]): void {
  // grpc-js keeps timers beyond the end of its channels, which the sanitizers would blame.
  const isClean = transport === "gateway";
  for (const { name, fn } of cases) {
    Deno.test({
      name: `${transport}: ${name}`,
      sanitizeOps: isClean,
      sanitizeResources: isClean,
      fn: (t) => fn((options) => openStore(options, { transport }), t),
    });
  }
}

/** Writes the pairs in one transaction; its revision. */
export async function put(store: Store, pairs: Readonly<Record<string, string>>): Promise<number> {
  const success = Object.entries(pairs).map(([put, value]) => ({ put, value }));
  return (await store.txn({ success })).header.revision;
}

/** Writes the key once more: its version counts how often that happened. */
export function write(store: Store, key: string, timeoutMs?: number): Promise<unknown> {
  return store.txn({ success: [{ put: key, value: "" }] }, timeoutMs ? { timeoutMs } : {});
}

/** How often the key was written. */
export async function version(store: Store, key: string): Promise<number> {
  return (await store.range({ key })).kvs[0]?.version ?? 0;
}

/** Kind and reason of an error. */
export function summary(error: unknown): readonly unknown[] {
  if (!(error instanceof FabricError)) return [error];
  return [error.kind, error.details["reason"]];
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
