/** A pod with an address that was somewhere else a moment ago. */

import { assert, assertMatch } from "@std/assert";
import { eventually, requireOk } from "../lab/mod.ts";
import { confFor, networkObject, startBed } from "./bed.ts";
import { addPod } from "./by_hand.ts";
import { readInterface } from "./records.ts";

const STALE = "02:00:00:00:00:99";

Deno.test("a server with a stale neighbour entry reaches the new pod within a second", async () => {
  const network = networkObject("vlan100", {
    vlan: 100,
    coolingSeconds: 0,
    subnets: [
      { cidr: "10.100.0.0/24", gateway: "10.100.0.1" },
      { cidr: "fd00:100::/64", gateway: "fd00:100::1" },
    ],
  });
  await using lab = await startBed({ hosts: 2, objects: [network] });
  const server = await lab.addServer({
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });
  const addresses = ["10.100.0.60", "fd00:100::60"];
  const conf = confFor("vlan100", { runtimeConfig: { ips: addresses } });

  // It moves from one host to the other, and each time the server knows for sure where it was.
  for (const host of [lab.host(0), lab.host(1)]) {
    for (const address of addresses) {
      await server.execOk(`ip neigh replace ${address} dev eth0 lladdr ${STALE} nud reachable`);
    }
    await using pod = await addPod(host, { conf });
    const added = performance.now();
    const { mac } = await readInterface(pod);
    for (const address of addresses) {
      await eventually(
        `the server reaches ${address}`,
        async () => (await server.ping(address, { waitMs: 100 })).received === 1,
        { timeoutMs: 1_000 },
      );
      assertMatch(await server.execOk(["ip", "neigh", "show", address]), new RegExp(mac));
    }
    const took = performance.now() - added;
    assert(took < 1_000, `${took} ms`);
    requireOk(await pod.again("DEL"));
  }
});
