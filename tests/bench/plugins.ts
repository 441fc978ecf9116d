/**
 * ADD and DEL of the compiled executable, cold, beside the reference plugins and beside the cold
 * start of a compiled `console.log(1)`, in one driver on one host of the lab.
 *
 * @module
 */

import { stringify } from "yaml";
import { type Lab, startLab, TOOLS } from "../lab/mod.ts";
import type { Job, PluginCase, Times } from "./plugin_driver.ts";
import { median, percentile } from "./table.ts";

export interface PluginRow {
  readonly case: string;
  readonly addMedian: number;
  readonly addP95: number;
  readonly delMedian: number;
  readonly delP95: number;
}

export interface PluginOptions {
  readonly rounds: number;
  /** Networks in the store. Default 1. */
  readonly networks?: number;
  /** etcd with TLS and its own auth (user and password). Default false. */
  readonly secured?: boolean;
  /** A compiled `console.log(1)`. */
  readonly coldStart: string;
}

/** Networks as documents: `net0` in VLAN 100 is the one that is used. */
export function networkDocuments(count: number): string {
  const head = [
    { kind: "PhysicalNetwork", metadata: { name: "prod" }, spec: { mtu: 1500 } },
    { kind: "Zone", metadata: { name: "zone1" }, spec: { physicalNetworks: ["prod"] } },
  ];
  const networks = Array.from({ length: count }, (_, i) => ({
    kind: "Network",
    metadata: { name: `net${i}` },
    spec: {
      physicalNetwork: "prod",
      vlan: i === 0 ? 100 : 300 + i,
      coolingSeconds: 0,
      subnets: [{ cidr: `10.${64 + (i >> 8)}.${i & 255}.0/24` }],
    },
  }));
  const apiVersion = "beyondfabric.io/v1alpha1";
  return [...head, ...networks].map((d) => stringify({ apiVersion, ...d })).join("---\n");
}

function reference(bridge: string, ipMasq: boolean): Readonly<Record<string, unknown>> {
  return {
    cniVersion: "1.0.0",
    name: bridge,
    type: "bridge",
    bridge,
    isGateway: true,
    ipMasq,
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: ipMasq ? "10.51.0.0/24" : "10.52.0.0/24" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
}

async function startBenchLab(options: PluginOptions): Promise<Lab> {
  const secured = { tls: "server", auth: true } as const;
  const lab = await startLab({ hosts: 1, ...(options.secured === true ? { etcd: secured } : {}) });
  const host = lab.host(0);
  await host.installFabric({ config: { defaultNetwork: "net0" } });
  const applied = await host.admin(["apply", "-f", "-"], {
    input: networkDocuments(options.networks ?? 1),
    timeoutMs: 120_000,
  });
  if (applied.code !== 0) throw new Error(applied.stderr);
  return lab;
}

/** Runs the cases and gives a row for each. */
export async function measurePlugins(options: PluginOptions): Promise<readonly PluginRow[]> {
  await using lab = await startBenchLab(options);
  const host = lab.host(0);
  const cni = `${TOOLS}cni`;
  const alone = options.secured === true || (options.networks ?? 1) > 1;
  const suffix = [
    ...(options.secured === true ? ["TLS + auth"] : []),
    ...((options.networks ?? 1) > 1 ? [`${options.networks} networks`] : []),
  ].join(", ");
  const cases: PluginCase[] = [
    { name: "cold start", program: options.coldStart },
    {
      name: suffix === "" ? "fabric" : `fabric (${suffix})`,
      program: "/opt/cni/bin/fabric",
      conf: { cniVersion: "1.0.0", name: "fabric", type: "fabric" },
    },
    ...(alone ? [] : [
      { name: "bridge ipMasq", program: `${cni}/bridge`, conf: reference("cni1", true) },
      { name: "bridge", program: `${cni}/bridge`, conf: reference("cni2", false) },
    ]),
  ];
  const job: Job = { rounds: options.rounds, cniPath: `/opt/cni/bin:${cni}`, cases };
  const driver = new URL("./plugin_driver.ts", import.meta.url).pathname;
  const output = await host.execOk(
    [Deno.execPath(), "run", "--quiet", "--no-check", "--no-lock", "-A", driver],
    { input: JSON.stringify(job), timeoutMs: 300_000 },
  );
  const times: Times = JSON.parse(output);
  return Object.entries(times).map(([name, { add, del }]) => ({
    case: name,
    addMedian: median(add),
    addP95: percentile(add, 95),
    delMedian: median(del),
    delP95: percentile(del, 95),
  }));
}
