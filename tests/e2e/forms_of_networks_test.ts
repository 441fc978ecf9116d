/** Networks of one family, untagged, with gateways elsewhere, with routes of their own. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Place, requireOk } from "../lab/mod.ts";
import { confFor, networkObject, startBed } from "./bed.ts";
import { addPod } from "./by_hand.ts";
import { addressOf, assertNothingLeft } from "./records.ts";

const VLANS = [
  { vlan: 0, router: ["10.1.0.1/24", "fd00:1::1/64"] },
  { vlan: 10, router: ["10.10.0.1/24"] },
  { vlan: 11, router: ["fd00:11::1/64"] },
  // Its gateways are outside of the subnets: 192.0.2.1, and the router's link-local address.
  { vlan: 12, router: ["192.0.2.1/32", "fe80::1/64"] },
];

const NETWORKS = [
  networkObject("vlan12", {
    vlan: 12,
    subnets: [
      { cidr: "10.12.0.0/24", gateway: "192.0.2.1", gatewayOnLink: true },
      { cidr: "fd00:12::/64", gateway: "fe80::1" },
    ],
  }),
  networkObject("routes", {
    vlan: 13,
    subnets: [{ cidr: "10.13.0.0/24" }],
    routes: [{ to: "198.51.100.0/24", via: "10.13.0.254" }],
  }),
];

/** All addresses that an interface answers to, also the link-local one. */
async function allAddresses(pod: Place): Promise<string> {
  return await pod.execOk("ip -o address show dev eth0");
}

Deno.test("each form of network connects its pods", async (t) => {
  await using lab = await startBed({ hosts: 2, vlans: VLANS, objects: NETWORKS });
  const [host1, host2] = [lab.host(0), lab.host(1)];
  const pair = async (network: string) => {
    const one = await addPod(host1, { conf: confFor(network) });
    const two = await addPod(host2, { conf: confFor(network) });
    return {
      one,
      two,
      [Symbol.asyncDispose]: async () => {
        for (const pod of [one, two]) requireOk(await pod.again("DEL"));
      },
    };
  };

  await t.step("untagged: pods, and a server on an untagged port", async () => {
    await using server = await lab.addServer({ vlan: 0, addresses: ["10.1.0.10/24"] });
    await using pods = await pair("vlan0");
    for (const family of [4, 6] as const) {
      assert(await pods.one.reaches(await addressOf(pods.two, family)));
    }
    await using capture = await host1.capture("eth1", "icmp");
    assert(await server.reaches(await addressOf(pods.one, 4)));
    const line = await capture.until(/echo reply/);
    assert(!line.includes("vlan"), line);
    assert(await pods.one.reaches("10.1.0.1"));
  });

  await t.step(
    "IPv4 alone: the pod has no IPv6 at all, not even a link-local address",
    async () => {
      await using pods = await pair("vlan10");
      assertEquals((await allAddresses(pods.one)).includes("inet6"), false);
      assert(await pods.one.reaches(await addressOf(pods.two, 4)));
      assertEquals(pods.one.result.routes.map(({ dst }) => dst), ["0.0.0.0/0"]);
    },
  );

  await t.step("IPv6 alone", async () => {
    await using pods = await pair("vlan11");
    assertEquals(/inet /.test(await allAddresses(pods.one)), false);
    assert(await pods.one.reaches(await addressOf(pods.two, 6)));
    assert(await pods.one.reaches("fd00:11::1"));
    assertEquals(pods.one.result.routes.map(({ dst, gw }) => [dst, gw]), [["::/0", "fd00:11::1"]]);
  });

  await t.step("gateways outside the subnet, on the link", async () => {
    await lab.router.execOk(
      "ip route add 10.12.0.0/24 dev prod.12; ip route add fd00:12::/64 dev prod.12",
    );
    await using pods = await pair("vlan12");
    const { one, two } = pods;
    assertMatch(
      await one.execOk("ip route; ip -6 route"),
      /default via 192\.0\.2\.1 dev eth0 onlink[^]*default via fe80::1 dev eth0/,
    );
    for (const family of [4, 6] as const) assert(await one.reaches(await addressOf(two, family)));
    // By the gateway into another VLAN.
    assert(await one.reaches("10.10.0.1"));
    assert(await one.reaches("fd00:11::1"));
  });

  await t.step("no gateway, but routes: no default route", async () => {
    await using pods = await pair("routes");
    const { one, two } = pods;
    const routes = await one.execOk("ip route");
    assertEquals(routes.includes("default"), false);
    assertMatch(routes, /198\.51\.100\.0\/24 via 10\.13\.0\.254/);
    assertEquals(one.result.routes.map(({ dst, gw }) => [dst, gw]), [
      ["198.51.100.0/24", "10.13.0.254"],
    ]);
    assert(await one.reaches(await addressOf(two, 4)));
  });

  await assertNothingLeft(host1);
  await assertNothingLeft(host2);
});
