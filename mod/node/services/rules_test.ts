import { assert, assertEquals } from "@std/assert";
import { serviceDevices } from "../../host/service_names.ts";
import { asShown, networkRoutes, podRoutes, serviceRules, serviceTableText } from "./rules.ts";

const DEVICES = serviceDevices({ physicalNetwork: "prod", vlan: 100 });
const { host, table } = DEVICES;

Deno.test("networkRoutes() knows the subnets on the link, and all else by the gateway", () => {
  const network = {
    devices: DEVICES,
    subnets: [
      { cidr: "10.100.0.0/24" },
      { cidr: "10.101.0.0/24", gateway: "10.101.0.1" },
      { cidr: "fd00:100::/64", gateway: "fe80::1" },
    ],
  };
  assertEquals(networkRoutes(network, 4), [
    `route replace 10.100.0.0/24 dev ${host} table ${table}`,
    `route replace 10.101.0.0/24 dev ${host} table ${table}`,
    `route replace default via 10.101.0.1 dev ${host} onlink table ${table}`,
  ]);
  assertEquals(networkRoutes(network, 6), [
    `route replace fd00:100::/64 dev ${host} table ${table}`,
    `route replace default via fe80::1 dev ${host} onlink table ${table}`,
  ]);
});

Deno.test("serviceRules() asks the link, then the node's own routes, then the gateway", () => {
  const ways = { viaNode: ["10.50.0.0/16", "fd00:50::/64"], prefixes: ["fd00:31::/64"] };
  assertEquals(serviceRules(DEVICES, ways, 4), [
    `rule add pref 10100 iif ${host} fwmark 0x100000/0x100000 lookup ${table} suppress_prefixlength 0`,
    "rule add pref 10101 fwmark 0x100000/0x100000 lookup main suppress_prefixlength 0",
    "rule add pref 10101 to 10.50.0.0/16 fwmark 0x100000/0x100000 lookup main",
    `rule add pref 10102 iif ${host} fwmark 0x100000/0x100000 lookup ${table}`,
    "rule add pref 10103 not fwmark 0x100000/0x100000 lookup 2000000",
  ]);
  // What the kernel learns of a path would count as a route of the node.
  assertEquals(serviceRules(DEVICES, ways, 6).slice(1, 3), [
    "rule add pref 10101 to fd00:50::/64 fwmark 0x100000/0x100000 lookup main",
    "rule add pref 10101 to fd00:31::/64 fwmark 0x100000/0x100000 lookup main",
  ]);
});

Deno.test("podRoutes() speaks to pods by the node's address of the family, where it has one", () => {
  const pod = { device: host, mac: "0a:58:0a:64:00:b2", addresses: ["10.100.0.178", "fd00::5"] };
  assertEquals(podRoutes(pod, ["192.0.2.7", "192.0.2.8"]), [
    `neigh replace 10.100.0.178 lladdr 0a:58:0a:64:00:b2 dev ${host} nud permanent`,
    `route replace 10.100.0.178 dev ${host} src 192.0.2.7 table 2000000`,
    `neigh replace fd00::5 lladdr 0a:58:0a:64:00:b2 dev ${host} nud permanent`,
    `route replace fd00::5 dev ${host} table 2000000`,
  ]);
});

Deno.test("serviceTableText() masquerades by the first address of a family, and puts itself in place", () => {
  const text = serviceTableText(["192.0.2.7", "192.0.2.8", "2001:db8::7"]);
  assert(text.includes("snat ip to 192.0.2.7") && text.includes("snat ip6 to 2001:db8::7"));
  assert(!text.includes("192.0.2.8"));
  assert(text.startsWith("add table inet fabric_services\ndelete table inet fabric_services\n"));
  assert(!serviceTableText(["192.0.2.7"]).includes("snat ip6 to 2"));
});

Deno.test("rules and routes are written as the kernel shows them: one address has no length", () => {
  const ways = { viaNode: ["10.50.0.5/32", "10.50.0.5/32", "fd00:50::5/128"], prefixes: [] };
  const to = ([4, 6] as const).map((family) =>
    serviceRules(DEVICES, ways, family).flatMap((rule) => / to (\S+)/.exec(rule)?.[1] ?? [])
  );
  assertEquals(to, [["10.50.0.5"], ["fd00:50::5"]]);
  assertEquals(asShown("fd00:50::/32"), "fd00:50::/32");
});
