/**
 * What every container runtime has to give its pods: a place in the VLAN, as a physical machine has
 * one. The same checks for each runtime.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { EquippedHost, Lab, Place, Server } from "../lab/mod.ts";
import { addressOf, assertNothingLeft, assertRecorded, readInterface } from "./records.ts";

/** A pod of whatever runtime. */
export interface Pod extends Place {
  readonly containerId: string;
  /** Has the runtime end it, with a DEL. */
  remove(): Promise<unknown>;
}

/** A runtime on one host. */
export interface Runtime {
  /** Starts a pod in a network that a conflist of {@linkcode NETWORKS} names. */
  run(name: string, network: "vlan100" | "vlan200"): Promise<Pod>;
}

const FAMILIES = [4, 6] as const;

/**
 * Starts pods by the runtime on the first two hosts, checks all that makes them citizens, and ends
 * them.
 */
export async function checkCitizens(
  t: Deno.TestContext,
  lab: Lab,
  startRuntime: (host: EquippedHost) => Promise<Runtime>,
): Promise<void> {
  const [host1, host2] = [lab.host(0), lab.host(1)];
  const [one, two] = await Promise.all([startRuntime(host1), startRuntime(host2)]);
  const server = await lab.addServer({
    vlan: 100,
    addresses: ["10.100.0.10/24", "fd00:100::10/64"],
  });
  const [a, b, far] = await Promise.all([
    one.run("a", "vlan100"),
    // Two at once on one host.
    one.run("b", "vlan100"),
    two.run("c", "vlan100"),
  ]);
  const other = await two.run("d", "vlan200");
  const pods = [[host1, a], [host1, b], [host2, far]] as const;

  await t.step("etcd says of each pod what it has: addresses of both families, MAC", async () => {
    for (const [host, pod] of pods) await assertRecorded(host, pod, { network: "vlan100" });
    const attachment = await assertRecorded(host2, other, { network: "vlan200" });
    assertEquals([attachment.vlan, attachment.confName], [200, "vlan200"]);
    const all = await Promise.all(
      [...pods.map(([, pod]) => pod), other].map((p) => readInterface(p)),
    );
    assertEquals(new Set(all.flatMap(({ addresses }) => addresses)).size, 8);
    assertEquals(new Set(all.map(({ mac }) => mac)).size, 4);
    for (const { mac, mtu } of all) {
      assertMatch(mac, /^.[26ae]:/, "locally administered, unicast");
      assertEquals(mtu, 1500);
    }
  });

  await t.step("pods reach each other on one host and across hosts", async () => {
    for (const family of FAMILIES) {
      assert(await a.reaches(await addressOf(b, family)));
      assert(await a.reaches(await addressOf(far, family)));
      assert(await far.reaches(await addressOf(b, family)));
    }
  });

  await t.step("TCP passes, so checksums are right", async () => {
    await using _near = await b.serveTcp(7000);
    await using _far = await far.serveTcp(7000);
    for (const family of FAMILIES) {
      assertEquals(await a.askTcp(await addressOf(b, family), 7000), "hello\n");
      assertEquals(await a.askTcp(await addressOf(far, family), 7000), "hello\n");
    }
  });

  await t.step("a physical server and the pods are neighbours, both ways", async () => {
    await checkNeighbours(server, a);
    await checkNeighbours(server, far);
  });

  await t.step("a pod in another VLAN is reached by the router only", async () => {
    for (const family of FAMILIES) {
      assert(await a.reaches(await addressOf(other, family)));
      assert(await other.reaches(await addressOf(a, family)));
    }
    await lab.router.execOk("ip link set prod.200 down");
    assertEquals((await a.ping(await addressOf(other, 4), { waitMs: 300 })).received, 0);
    assertEquals((await a.ping(await addressOf(other, 6), { waitMs: 300 })).received, 0);
    await lab.router.execOk("ip link set prod.200 up");
  });

  await t.step("when the pods end, nothing is left of them", async () => {
    for (const pod of [a, b, far, other]) await pod.remove();
    await assertNothingLeft(host1);
    await assertNothingLeft(host2);
  });
}

/** The server reaches the pod and the pod the server, directly: by each other's own MAC. */
async function checkNeighbours(server: Server, pod: Place): Promise<void> {
  const { mac } = await readInterface(pod);
  assertNotEquals(mac, server.mac);
  for (const family of FAMILIES) {
    const address = await addressOf(pod, family);
    assert(await server.reaches(address));
    assert(await pod.reaches(server.address(family)));
    const seen = await server.execOk(["ip", "neighbour", "show", address]);
    assertMatch(seen, new RegExp(`lladdr ${mac} `));
  }
}
