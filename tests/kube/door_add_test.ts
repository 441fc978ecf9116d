/** An ADD by its node's door. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makePod, makeWorkload, ours, runPod, startKubeBed } from "./bed.ts";
import { openDoorOn } from "./door_fixture.ts";

Deno.test("an ADD uses its node's door, and goes without it", async () => {
  await using bed = await startKubeBed({ hosts: 1 });
  const host = bed.host(0);
  const keeper = await openDoorOn(host, bed.kube);
  const owner = await makeWorkload(bed.kube, "StatefulSet", "db", {
    annotations: ours({ fixed: "true" }),
  });
  const deployment = await makeWorkload(bed.kube, "Deployment", "web", {
    annotations: ours({ fixed: "true" }),
  });
  const replicaSet = await makeWorkload(bed.kube, "ReplicaSet", "web-7d4b9c6f58", {
    owner: deployment,
  });
  // Directly the server would not be trusted: what works goes by the door.
  const right = await host.readFile("/etc/fabric/kubeconfig");
  const other = btoa(await otherAuthority());
  const wrong = right.replace(/("certificate-authority-data": )"[^"]*"/, `$1"${other}"`);
  assert(wrong !== right);
  await host.writeFile("/etc/fabric/kubeconfig", wrong, { mode: 0o600 });
  const zero = await runPod(host, await makePod(bed.kube, "db-0", { owner }));
  const web = await runPod(
    host,
    await makePod(bed.kube, "web-7d4b9c6f58-x2k9p", { owner: replicaSet }),
  );
  const { stdout } = await host.admin(["get", "workloads", "-o", "json"]);
  assertStringIncludes(stdout, '"Deployment"');
  assertStringIncludes(stdout, '"StatefulSet"');
  await host.writeFile("/etc/fabric/kubeconfig", right, { mode: 0o600 });
  await keeper.stop();
  await zero.stop();
  const again = await runPod(host, zero.pod);
  assertEquals(again.addresses, zero.addresses);
  const log = await host.readFile("/var/log/fabric/fabric.log");
  assertStringIncludes(log, "nobody is behind it");
  await again.stop();
  await web.stop();
});

/** A certificate that has nothing to do with the server's. */
async function otherAuthority(): Promise<string> {
  const { stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null " +
      "-days 2 -subj /CN=other 2>/dev/null",
    ],
  }).output();
  return new TextDecoder().decode(stdout);
}
