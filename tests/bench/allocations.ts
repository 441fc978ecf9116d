/**
 * Allocations per second of 64 clients in one process, beside the bare reads and transactions of
 * the same keys, bytes and transport: what the allocator does, recorded from one run and replayed
 * with compares that always hold. Rounds of both alternate; the ratio is the median of the rounds'.
 *
 * @module
 */

import type { Compare, Operation, Store, TxnRequest } from "../../mod/etcd/store.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { addRequest, applyNetwork, startIpam } from "../ipam_fixture.ts";
import { median } from "./table.ts";

export interface AllocationsResult {
  readonly allocationsPerSecond: number;
  readonly rawPerSecond: number;
  /** Median over the rounds of allocations / raw. */
  readonly ratio: number;
  /** Commits per allocation, which the raw run does not lose. */
  readonly commits: number;
}

const CLIENTS = 64;

/** A store that keeps the transactions of each client, in order. */
function recording(store: Store, into: TxnRequest[]): Store {
  return {
    range: (...args) => store.range(...args),
    txn: (request, options) => {
      into.push(request);
      return store.txn(request, options);
    },
    watch: (request) => store.watch(request),
    grantLease: (...args) => store.grantLease(...args),
    revokeLease: (...args) => store.revokeLease(...args),
    keepLeaseAlive: (...args) => store.keepLeaseAlive(...args),
    status: (options) => store.status(options),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The same compare (same keys, same cost) made to hold whatever the store says. */
function alwaysTrue(compare: Compare): Compare {
  const { key, end } = compare;
  return { key, ...(end === undefined ? {} : { end }), target: "mod", op: ">", revision: -1 };
}

function isCommit(request: TxnRequest): boolean {
  return (request.success ?? []).some((operation: Operation) => "put" in operation);
}

async function inParallel<T>(
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await run(item);
  }));
  return items.length / ((performance.now() - start) / 1000);
}

/** Measures `rounds` of `count` allocations each. */
export async function measureAllocations(
  options: { readonly count: number; readonly rounds: number },
): Promise<AllocationsResult> {
  await using fixture = await startIpam();
  const { context } = fixture;
  await applyNetwork(context, "pods", { vlan: 100, subnets: [{ cidr: "10.0.0.0/16" }] });
  await allocate(context, addRequest("first"));
  const rates: { allocate: number; raw: number; ratio: number }[] = [];
  let commits = 0;
  for (let round = 0; round < options.rounds; round++) {
    const names = Array.from({ length: options.count }, (_, i) => `round${round}-${i}`);
    const recorded: TxnRequest[][] = [];
    const allocated = await inParallel(names, async (name) => {
      const requests: TxnRequest[] = [];
      const own: IpamContext = { ...context, store: recording(context.store, requests) };
      const { transactions } = await allocate(own, addRequest(name));
      commits += transactions;
      recorded.push(requests);
    });
    // One read and one commit of each; the compares hold, so the same bytes are written again.
    const replay = recorded.map((requests) => [
      ...requests.filter((request) => !isCommit(request)).slice(0, 1),
      ...requests.filter(isCommit).slice(-1).map((request) => ({
        ...request,
        compare: (request.compare ?? []).map(alwaysTrue),
      })),
    ]);
    const raw = await inParallel(replay, async (requests) => {
      for (const request of requests) await fixture.store.txn(request);
    });
    rates.push({ allocate: allocated, raw, ratio: allocated / raw });
  }
  return {
    allocationsPerSecond: median(rates.map((rate) => rate.allocate)),
    rawPerSecond: median(rates.map((rate) => rate.raw)),
    ratio: median(rates.map((rate) => rate.ratio)),
    commits: commits / (options.count * options.rounds),
  };
}

if (import.meta.main) {
  // deno-lint-ignore no-console -- a benchmark prints its table
  console.table([await measureAllocations({ count: 2000, rounds: 5 })]);
}
