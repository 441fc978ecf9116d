/**
 * All benchmarks, each as a table. Absolute figures are those of this machine; the ratios within one
 * run are what to rely on.
 *
 * @module
 */

import { measureAllocations } from "./allocations.ts";
import { fill } from "./fill.ts";
import { measureKubernetes } from "./kubernetes.ts";
import { measureLastAddress } from "./last_address.ts";
import { measurePlugins, type PluginRow } from "./plugins.ts";
import { measurePodStart } from "./pod_start.ts";
import { measurePods, measureRollout } from "./pods.ts";
import { measureServer } from "./server.ts";
import { measureServicePaths } from "./service_paths.ts";
import { measurePaths } from "./throughput.ts";

const ROUNDS = 50;

// deno-lint-ignore no-console -- a benchmark prints its tables
const say = (text: string): void => console.log(text);

function table(title: string, rows: readonly object[]): void {
  say(`\n${title}`);
  const round = (value: unknown): unknown =>
    typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
  // deno-lint-ignore no-console -- a benchmark prints its tables
  console.table(
    rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [k, round(v)]))),
  );
}

/** A compiled `console.log(1)`: what every compiled program pays before it does anything. */
async function compileColdStart(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "fabric-bench-" });
  await Deno.writeTextFile(`${folder}/hello.ts`, "console.log(1);\n");
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--quiet", "--no-code-cache", "-o", `${folder}/hello`, `${folder}/hello.ts`],
    cwd: folder,
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return `${folder}/hello`;
}

function ratios(rows: readonly PluginRow[]): readonly object[] {
  const of = (name: string): PluginRow | undefined => rows.find((row) => row.case === name);
  const [cold, ours, masq] = [of("cold start"), of("fabric"), of("bridge ipMasq")];
  if (cold === undefined || ours === undefined || masq === undefined) return [];
  const both = (row: PluginRow): number => row.addMedian + row.delMedian;
  return [
    { figure: "ADD - cold start (ms)", value: ours.addMedian - cold.addMedian, goal: "<= 20" },
    { figure: "(ADD+DEL) / bridge ipMasq", value: both(ours) / both(masq), goal: "<= 0.8" },
  ];
}

const BENCHES: Readonly<Record<string, () => Promise<void>>> = {
  server: async () => {
    table("fabric-ctl: 5,000 nodes, 1,000 networks, 200,000 addresses", await measureServer());
  },
  plugins: async () => {
    const coldStart = await compileColdStart();
    const rows = await measurePlugins({ rounds: ROUNDS, coldStart });
    table("ADD and DEL, cold, milliseconds", rows);
    table("their goals", ratios(rows));
    const many = await measurePlugins({ rounds: ROUNDS, coldStart, networks: 1000 });
    table("the same with 1,000 networks", many);
    const secured = await measurePlugins({ rounds: ROUNDS, coldStart, secured: true });
    table("the same over TLS and with etcd's auth", secured);
    await Deno.remove(coldStart.slice(0, coldStart.lastIndexOf("/")), { recursive: true });
  },
  kubernetes: async () => {
    table("ADD with and without Kubernetes, cold, milliseconds", await measureKubernetes(ROUNDS));
  },
  pods: async () => {
    table("Pods of a whole cluster", [await measurePods(1000)]);
    table("a rollout", [await measureRollout(200)]);
  },
  start: async () => {
    const rows = await measurePodStart({ pods: 20, rounds: 5 });
    table("20 Pods at once on one node, seconds until Ready", rows);
  },
  services: async () => {
    const rows = await measureServicePaths({ rounds: 5, seconds: 2 });
    table("paths in a cluster of two nodes; goal of the ClusterIP's ratios: >= 0.85", rows);
  },
  allocations: async () => {
    table("allocations per second, 64 clients in one process", [
      await measureAllocations({ count: 2000, rounds: 5 }),
    ]);
  },
  fill: async () => {
    table("transactions per allocation while a network fills, 64 clients", [
      await fill("10.0.0.0/24", { addresses: 254, clients: 64 }),
      await fill("10.0.0.0/16", { addresses: 65534, clients: 64 }),
    ]);
  },
  last: async () => {
    table("milliseconds per allocation, one client", await measureLastAddress(300));
  },
  throughput: async () => {
    for (const userspaceTso of [false, true]) {
      const rows = await measurePaths({ rounds: 5, seconds: 2, userspaceTso });
      table(`pod to pod on one host${userspaceTso ? ", with userspace TSO" : ""}`, rows);
    }
  },
};

const wanted = Deno.args.length === 0 ? Object.keys(BENCHES) : Deno.args;
for (const name of wanted) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    say(`bench: unknown benchmark ${name}; there are ${Object.keys(BENCHES).join(", ")}`);
    Deno.exit(2);
  }
  await bench();
}
