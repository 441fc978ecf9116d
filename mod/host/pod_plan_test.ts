import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import {
  announcementLines,
  type PodInterface,
  podLines,
  sourceAddresses,
  sourceTableOf,
} from "./pod_plan.ts";

const POD: PodInterface = {
  ifname: "eth0",
  mac: "02:00:0a:00:00:05",
  addresses: ["10.0.0.5/24", "2001:db8::5/64"],
  gateways: ["10.0.0.1", "2001:db8::1"],
  defaultRoute: true,
  routes: [],
};

Deno.test("podLines() sets up both families with their default routes", () => {
  assertEquals(podLines(POD, { defaultRoute: true }), [
    "link set lo up",
    "link set dev eth0 address 02:00:0a:00:00:05 up",
    "addr add 10.0.0.5/24 brd + dev eth0",
    "addr add 2001:db8::5/64 nodad dev eth0",
    "route add 0.0.0.0/0 via 10.0.0.1 dev eth0",
    "route add ::/0 via 2001:db8::1 dev eth0",
  ]);
});

Deno.test("podLines() reaches a gateway outside the subnet on the link", () => {
  const pod = { ...POD, addresses: ["10.0.0.5/32"], gateways: ["192.0.2.1"] };
  const lines = podLines(pod, { defaultRoute: true });
  assertEquals(lines.slice(2), [
    "addr add 10.0.0.5/32 dev eth0",
    "route add 0.0.0.0/0 via 192.0.2.1 dev eth0 onlink",
  ]);
});

Deno.test("podLines() adds no default route unless told, but the further routes", () => {
  const routes = [
    { destination: "10.9.0.0/16", gateway: "10.0.0.254" },
    { destination: "2001:db8:9::/48" },
  ];
  const lines = podLines({ ...POD, routes }, { defaultRoute: false });
  assertEquals(lines.slice(4), [
    "route add 10.9.0.0/16 via 10.0.0.254 dev eth0",
    "route add 2001:db8:9::/48 dev eth0",
  ]);
});

Deno.test("podLines() routes by source for a further interface", () => {
  const pod = {
    ...POD,
    gateways: ["10.0.0.1"],
    routes: [{ destination: "10.9.0.0/16", gateway: "10.0.0.254" }],
    sourceTable: 7,
  };
  assertEquals(sourceAddresses(pod), ["10.0.0.5", "2001:db8::5"]);
  assertEquals(sourceAddresses(POD), []);
  assertEquals(podLines(pod, { defaultRoute: false }).slice(4), [
    "route add 10.9.0.0/16 via 10.0.0.254 dev eth0",
    "route add 10.0.0.0/24 dev eth0 src 10.0.0.5 table 7",
    "route add 0.0.0.0/0 via 10.0.0.1 dev eth0 table 7",
    "route add 2001:db8::/64 dev eth0 src 2001:db8::5 table 7",
    "route add unreachable ::/0 table 7",
    "route add 10.9.0.0/16 via 10.0.0.254 dev eth0 table 7",
  ]);
});

Deno.test("podLines() sets the MTU where one is told", () => {
  const lines = podLines({ ...POD, mtu: 9000 }, { defaultRoute: true });
  assertEquals(lines[1], "link set dev eth0 address 02:00:0a:00:00:05 mtu 9000 up");
});

Deno.test("podLines() refuses what is no address", () => {
  const gateways = ["10.0.0.1; reboot"];
  const lines = () => podLines({ ...POD, gateways }, { defaultRoute: true });
  assertThrows(lines, FabricError, "Cannot parse address");
});

Deno.test("announcementLines() names the MAC that the interface has", () => {
  assertEquals(announcementLines(POD)[0], "link set dev eth0 address 02:00:0a:00:00:05");
});

Deno.test("sourceTableOf() is stable, and apart for names that are used together", () => {
  assertEquals(sourceTableOf("eth1"), sourceTableOf("eth1"));
  const names = ["eth", "net"].flatMap((stem) => [0, 1, 2, 3, 4, 5, 6, 7].map((n) => stem + n));
  assertEquals(new Set(names.map(sourceTableOf)).size, names.length);
  assertNotEquals(sourceTableOf("eth1"), 254);
});
