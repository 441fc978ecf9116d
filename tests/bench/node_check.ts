/**
 * How long a check of a node with many pods takes, by its parts.
 *
 * ```text
 * deno run -A tests/bench/node_check.ts        250 pods
 * ```
 *
 * @module
 */

import { checkNode } from "../../mod/node/check/check.ts";
import { confFor, networkObject, startBed } from "../e2e/bed.ts";
import { resultOf } from "../e2e/by_hand.ts";
import { inFlight } from "../e2e/lanes.ts";
import { nodeBed } from "../node/node_bed.ts";

/** Seconds of one check, by its sources. */
export interface NodeCheckRow {
  readonly pods: number;
  readonly sources: string;
  readonly seconds: number;
  /** Of the check and of all programs that it started. */
  readonly cpuSeconds: number;
  readonly findings: number;
}

/** CPU time of this process and of its children that have ended. */
function cpuSeconds(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat").split(") ")[1]?.split(" ") ?? [];
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

/** Makes the pods with the plugin, and checks. */
export async function measureNodeCheck(pods: number): Promise<readonly NodeCheckRow[]> {
  const big = networkObject("vlan100", {
    vlan: 100,
    subnets: [{
      cidr: "10.100.0.0/20",
      gateway: "10.100.0.1",
      exclude: ["10.100.0.1-10.100.0.19"],
    }],
  });
  const vlans = [{ vlan: 100, router: ["10.100.0.1/20"] }];
  await using lab = await startBed({ hosts: 2, vlans, objects: [big] });
  const host = lab.host(0);
  await using bed = await nodeBed(lab, host);
  const conf = confFor("vlan100");
  const names = Array.from({ length: pods }, (_, index) => `pod${index}`);
  await inFlight(names, 4, async (name) => {
    const sandbox = await host.sandbox(name);
    resultOf(await host.fabric("ADD", { sandbox, conf, timeoutMs: 60_000 }));
  });
  const rows: NodeCheckRow[] = [];
  for (const sources of [["node"], ["node", "pods"], ["wire"]] as const) {
    const context = await bed.context();
    const [began, cpu] = [performance.now(), cpuSeconds()];
    const { findings } = await checkNode(context, { sources });
    const seconds = (performance.now() - began) / 1000;
    rows.push({
      pods,
      sources: sources.join("+"),
      seconds,
      cpuSeconds: cpuSeconds() - cpu,
      findings: findings.length,
    });
  }
  return rows;
}

if (import.meta.main) {
  // deno-lint-ignore no-console -- a benchmark prints its table
  console.table(await measureNodeCheck(Number(Deno.args[0] ?? "250")));
}
