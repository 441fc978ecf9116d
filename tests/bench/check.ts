/**
 * How long a check of a large store takes, how much memory, and what the allocations beside it
 * notice: 200 a second through the library, with and without the check.
 *
 * ```text
 * deno run -A tests/bench/check.ts            65,000 addresses
 * deno run -A tests/bench/check.ts 1000000    16 networks of a /16; needs 6 GB in /dev/shm
 * ```
 *
 * @module
 */

import { ulid } from "@std/ulid";
import * as v from "valibot";
import { openStore } from "../../mod/etcd/open.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { type IpamContext, memoryLeaseCache } from "../../mod/ipam/context.ts";
import { startEtcd } from "../etcd_fixture.ts";
import { addRequest, applyKind, applyNetwork } from "../ipam_fixture.ts";
import { fillStore } from "./full_store.ts";
import { percentile } from "./table.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PER_SECOND = 200;

const CheckedSchema = v.object({
  seconds: v.number(),
  /** Of the check alone, without etcd. */
  cpuSeconds: v.number(),
  keys: v.number(),
  codes: v.array(v.string()),
  peakMiB: v.number(),
  sections: v.record(v.string(), v.number()),
});
/** What one check took. */
export type CheckCost = v.InferOutput<typeof CheckedSchema>;

/** Milliseconds of the allocations of one span. */
export interface Latency {
  readonly count: number;
  readonly perSecond: number;
  readonly median: number;
  readonly p99: number;
}

export interface CheckResult {
  readonly addresses: number;
  readonly fillSeconds: number;
  readonly alone: CheckCost;
  readonly beside: CheckCost;
  readonly latencyAlone: Latency;
  readonly latencyBeside: Latency;
}

async function checkOnce(endpoint: string): Promise<CheckCost> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--no-check",
      `--config=${ROOT}deno.json`,
      `${ROOT}tests/bench/check_child.ts`,
      endpoint,
    ],
    stdout: "piped",
    stderr: "inherit",
  });
  const { stdout } = await child.output();
  return v.parse(CheckedSchema, JSON.parse(new TextDecoder().decode(stdout)));
}

/** Allocates at a steady rate until told to stop. */
function startAllocations(context: IpamContext): { readonly stop: () => Promise<Latency> } {
  const taken: number[] = [];
  const began = performance.now();
  let running = true;
  const pending = new Set<Promise<void>>();
  const loop = (async () => {
    for (let serial = 0; running; serial++) {
      const due = began + serial * 1000 / PER_SECOND;
      const wait = due - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      const start = performance.now();
      const one = allocate(context, addRequest(ulid(), { networks: ["beside"] })).then(() =>
        void taken.push(performance.now() - start)
      );
      pending.add(one);
      one.finally(() => pending.delete(one)).catch(() => {});
    }
  })();
  return {
    async stop() {
      running = false;
      await loop;
      await Promise.all(pending);
      const seconds = (performance.now() - began) / 1000;
      return {
        count: taken.length,
        perSecond: taken.length / seconds,
        median: percentile(taken, 50),
        p99: percentile(taken, 99),
      };
    },
  };
}

/** Fills a store and measures. */
export async function measureCheck(addresses: number): Promise<CheckResult> {
  await using etcd = await startEtcd({
    args: [`--quota-backend-bytes=${8 * 1024 ** 3}`, "--auto-compaction-retention=0"],
  });
  const endpoint = etcd.endpoints[0] ?? "";
  await using store = await openStore({ endpoints: etcd.endpoints, timeoutMs: 60_000 }, {
    transport: "gateway",
  });
  const context: IpamContext = {
    store,
    now: Date.now,
    random: Math.random,
    newId: ulid,
    leases: memoryLeaseCache(),
  };
  await applyKind(context, "PhysicalNetwork", { name: "prod", spec: { mtu: 9000 } });
  await applyKind(context, "Zone", { name: "z1", spec: { physicalNetworks: ["prod"] } });
  const began = performance.now();
  await fillStore(context, addresses);
  const fillSeconds = (performance.now() - began) / 1000;
  await applyNetwork(context, "beside", { vlan: 4000, subnets: [{ cidr: "172.16.0.0/15" }] });
  await allocate(context, addRequest("first", { networks: ["beside"] }));
  const alone = await checkOnce(endpoint);
  const quiet = startAllocations(context);
  await new Promise((resolve) => setTimeout(resolve, Math.max(5_000, alone.seconds * 1000)));
  const latencyAlone = await quiet.stop();
  const busy = startAllocations(context);
  const beside = await checkOnce(endpoint);
  const latencyBeside = await busy.stop();
  return { addresses, fillSeconds, alone, beside, latencyAlone, latencyBeside };
}

if (import.meta.main) {
  const addresses = Number(Deno.args[0] ?? "65000");
  // deno-lint-ignore no-console -- a benchmark prints its table
  console.log(JSON.stringify(await measureCheck(addresses), null, 2));
}
