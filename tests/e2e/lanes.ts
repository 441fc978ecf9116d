/**
 * Many small scenarios on a few hosts: each host takes the next one when it is done with the last,
 * so that hosts work side by side and no two scenarios meet on one.
 *
 * @module
 */

import type { EquippedHost } from "../lab/mod.ts";

export interface Scenario {
  readonly name: string;
  readonly run: (host: EquippedHost) => Promise<void>;
}

/**
 * Runs all. A host on which one fails is not clean any more, and takes no further one.
 *
 * @throws With the name and the error of each that failed.
 */
export async function runInLanes(
  hosts: readonly EquippedHost[],
  scenarios: readonly Scenario[],
): Promise<void> {
  const queue = scenarios.values();
  const lanes = hosts.map(async (host) => {
    for (const { name, run } of queue) {
      await run(host).catch((cause) => {
        throw new Error(`${host.name}: ${name}`, { cause });
      });
    }
  });
  throwAll(await Promise.allSettled(lanes));
  if (queue.next().done !== true) throw new Error("not all scenarios were run");
}

/** Throws what failed, when something did. */
export function throwAll(results: readonly PromiseSettledResult<unknown>[]): void {
  const failures = results.flatMap((it) => it.status === "rejected" ? [it.reason] : []);
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} failed`);
}

/** Does the action for every item, at most `limit` at a time; the results in the order of items. */
export async function inFlight<T, R>(
  items: readonly T[],
  limit: number,
  action: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = new Array(items.length);
  const queue = items.entries();
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, async () => {
    for (const [index, item] of queue) results[index] = await action(item, index);
  }));
  return results;
}
