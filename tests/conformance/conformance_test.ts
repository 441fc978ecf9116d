/**
 * Kubernetes' own tests of networking, in a cluster whose only network is fabric. The everyday run is
 * what a conformant cluster must pass; `--long` adds all others that can be run here, and kube-proxy's
 * other mode.
 */

import { assertEquals } from "@std/assert";
import { startCluster } from "../cluster/cluster.ts";
import type { ProxyMode } from "../cluster/node.ts";
import { effort } from "../effort.ts";
import { checkResults } from "./agree.ts";
import { NETWORK_TESTS } from "./collect.ts";
import { listE2eTests, runE2eTests } from "./e2e.ts";
import { whyLeftOut } from "./left_out.ts";

const CONFORMANCE = `${NETWORK_TESTS}.*\\[Conformance\\]`;
const FOCUS = [CONFORMANCE, NETWORK_TESTS][effort(0, 1)] ?? NETWORK_TESTS;
const MODES: readonly ProxyMode[] = ["nftables", "iptables"];

for (const proxy of MODES.slice(0, effort(1, 2))) {
  Deno.test(`Kubernetes' tests of networking pass with kube-proxy's mode ${proxy}`, async (t) => {
    const tests = (await listE2eTests(FOCUS)).filter((name) => whyLeftOut(name) === undefined);
    await using cluster = await startCluster({
      services: true,
      proxy,
      nodes: effort(2, 3),
      patient: true,
      // Two tests give Services addresses of this range, which is for documentation.
      externalCidrs: ["203.0.113.0/24"],
    });
    const run = await runE2eTests(cluster, { tests, timeoutMs: effort(20, 90) * 60_000 });
    await checkResults(t, proxy, run.results);
    assertEquals(run.results.map(({ name }) => name), tests, run.output.slice(-8000));
  });
}
