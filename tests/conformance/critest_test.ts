/** The networking part of critest, in which containerd calls fabric. */

import { assertEquals } from "@std/assert";
import { PORTMAP } from "../cluster/cluster.ts";
import { SERVICE_CIDRS } from "../cluster/control_plane.ts";
import { startBed } from "../e2e/bed.ts";
import { conflist, TOOLS } from "../lab/mod.ts";
import { checkResults } from "./agree.ts";
import { runCritest } from "./critest.ts";

async function checkNetworking(
  t: Deno.TestContext,
  { release, binaries }: { readonly release: "1.6" | "2.4"; readonly binaries?: string },
): Promise<void> {
  await using lab = await startBed({
    hosts: 1,
    install: () => ({
      config: { defaultNetwork: "vlan100", services: { cidrs: SERVICE_CIDRS } },
      conflists: { "10-fabric.conflist": conflist({ chained: [PORTMAP] }) },
    }),
  });
  const host = lab.host(0);
  await host.mount(`${TOOLS}cni/portmap`, "/opt/cni/bin/portmap");
  const run = await runCritest(host, {
    focus: "\\[k8s.io\\] Networking",
    ...(binaries === undefined ? {} : { binaries }),
  });
  assertEquals(run.version.split(".").slice(0, 2).join("."), release);
  await checkResults(t, `containerd ${release}`, run.results);
  assertEquals(run.results.length, 4);
}

Deno.test("Debian's containerd 1.6 passes critest's tests of networking with fabric", (t) =>
  checkNetworking(t, { release: "1.6" }));

Deno.test("containerd 2.4 passes critest's tests of networking with fabric", (t) =>
  checkNetworking(t, { release: "2.4", binaries: `${TOOLS}containerd2` }));
