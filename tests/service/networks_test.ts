/** Networks that look alike: the same gateway in every VLAN, the same addresses in two of them. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { addPod, failureOf, resultOf } from "../e2e/by_hand.ts";
import { confFor, networkObject } from "../e2e/bed.ts";
import { addressOf } from "../e2e/records.ts";
import { addServicePod, askSource, serveSource, startServiceBed, translate } from "./bed.ts";

Deno.test("networks that look alike are kept apart on the way to Services", async (t) => {
  const spec = (vlan: number) => ({
    vlan,
    subnets: [
      {
        cidr: `10.${vlan}.0.0/24`,
        gateway: `10.${vlan}.0.1`,
        exclude: [`10.${vlan}.0.1-10.${vlan}.0.19`],
      },
      {
        cidr: `fd00:${vlan}::/64`,
        gateway: "fe80::1",
        exclude: [`fd00:${vlan}::1-fd00:${vlan}::19`],
      },
    ],
  });
  await using lab = await startServiceBed({
    router: "strict",
    objects: [
      networkObject("vlan100", spec(100)),
      networkObject("vlan200", spec(200)),
      networkObject("twin", {
        vlan: 300,
        allowOverlap: true,
        coolingSeconds: 0,
        subnets: [{ cidr: "10.100.0.0/24" }],
      }),
    ],
  });
  const [node, other] = [lab.host(0), lab.host(1)];
  await lab.router.execOk(`ip address add fe80::1/64 dev prod.100 nodad
    ip address add fe80::1/64 dev prod.200 nodad`);

  await t.step("one link-local gateway in all of them", async () => {
    const clients = [await addServicePod(node, "vlan100"), await addServicePod(node, "vlan200")];
    for (const network of ["vlan100", "vlan200"]) {
      const backend = await addServicePod(other, network);
      await using _server = await serveSource(backend, 8080);
      const to = { backend: await addressOf(backend, 6), backendPort: 8080 };
      await translate(node, [{ address: "fd00:96::10", port: 80, ...to }]);
      for (const client of clients) {
        assertEquals(await askSource(client, "fd00:96::10", 80), await addressOf(client, 6));
      }
    }
    const seen = await node.execOk("ip -6 neigh show to fe80::1");
    assertEquals(new Set(seen.match(/dev svc\d+/g)), new Set(["dev svc100", "dev svc200"]));
  });

  await t.step("one address for two pods of a node is refused, and named", async () => {
    const asked = { runtimeConfig: { ips: ["10.100.0.77/24"] } };
    const first = await addPod(node, { conf: confFor("vlan100", asked) });
    await using sandbox = await node.sandbox();
    const call = { sandbox, conf: confFor("twin", asked) };
    const { msg } = failureOf(await node.fabric("ADD", call));
    assertStringIncludes(
      msg,
      "Address 10.100.0.77 of network twin is that of a pod of network vlan100 on this node",
    );
    // On another node they do not meet; nor here, when the first is gone.
    await addPod(other, { conf: confFor("twin", asked) }).then((pod) => pod.again("DEL"));
    assertEquals((await first.again("DEL")).code, 0);
    resultOf(await node.fabric("ADD", call));
    assertEquals((await node.fabric("DEL", call)).code, 0);
  });
});
