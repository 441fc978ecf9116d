/** A ClusterIP, from a pod to a backend and back, by the executable alone. */

import { assertEquals } from "@std/assert";
import { addressOf } from "../e2e/records.ts";
import { addServicePod, askSource, serveSource, startServiceBed, translate } from "./bed.ts";

Deno.test("a pod reaches a backend on another node by a ClusterIP, as itself", async () => {
  await using lab = await startServiceBed();
  const [near, far] = [lab.host(0), lab.host(1)];
  const [client, backend] = await Promise.all([addServicePod(near), addServicePod(far)]);
  await using _server = await serveSource(backend, 8080);
  for (const [family, clusterIp] of [[4, "10.96.0.10"], [6, "fd00:96::10"]] as const) {
    const target = { backend: await addressOf(backend, family), backendPort: 8080 };
    await translate(near, [{ address: clusterIp, port: 80, ...target }]);
    assertEquals(await askSource(client, clusterIp, 80), await addressOf(client, family));
    assertEquals(await askSource(client, target.backend, 8080), await addressOf(client, family));
  }
});
