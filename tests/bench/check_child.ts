/**
 * One check in a process of its own: `deno run check_child.ts ENDPOINT`. Prints what it took.
 *
 * @module
 */

import { ulid } from "@std/ulid";
import { openBulkReader } from "../../mod/etcd/bulk/bulk.ts";
import { openGatewayStore } from "../../mod/etcd/gateway.ts";
import { checkStore } from "../../mod/ipam/check/check.ts";

/** Largest resident size so far, in MiB. */
function peakMiB(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? NaN) / 1024;
}

/** Processor time of this process so far, in seconds (the kernel counts hundredths). */
function cpuSeconds(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat").replace(/^.*\) /, "").split(" ");
  return (Number(stat[11]) + Number(stat[12])) / 100;
}

const [endpoint = ""] = Deno.args;
const options = { endpoints: [endpoint], timeoutMs: 60_000 };
await using store = await openGatewayStore(options);
await using reader = openBulkReader(options, store);
const began = performance.now();
const sections: Record<string, number> = {};
let section = "";
let since = began;
const { findings, keys } = await checkStore({ ipam: { now: Date.now, newId: ulid }, reader }, {
  onProgress: (progress) => {
    if (progress.section === section) return;
    const now = performance.now();
    if (section !== "") sections[section] = Math.round(now - since);
    section = progress.section;
    since = now;
  },
});
const codes = findings.map(({ kind }) => kind.code);
const text = JSON.stringify({
  seconds: (performance.now() - began) / 1000,
  cpuSeconds: cpuSeconds(),
  keys,
  codes,
  peakMiB: peakMiB(),
  sections,
});
await Deno.stdout.write(new TextEncoder().encode(text));
