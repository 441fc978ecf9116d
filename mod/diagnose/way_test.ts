import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import type { Network } from "../model/network.ts";
import type { AttachmentRecord } from "../model/records.ts";
import { API_VERSION } from "../model/resource.ts";
import { flowText } from "./packet.ts";
import { parseTarget, type Target, waysToGateways, wayTo } from "./way.ts";

const record: AttachmentRecord = {
  v: 1,
  cluster: "local",
  node: "n1",
  containerId: "c1",
  ifname: "eth0",
  confName: "fabric",
  netns: "/run/netns/c1",
  machineId: "m",
  bootId: "b",
  network: { name: "pods", uid: "" },
  physicalNetwork: "prod",
  vlan: 100,
  mac: "02:00:00:00:00:01",
  addresses: [
    { address: "10.0.0.5/24", id: "a", gateway: "10.0.0.1" },
    { address: "fd00::5/64", id: "b", gateway: "fe80::1" },
  ],
  since: "",
};
const network: Network = {
  apiVersion: API_VERSION,
  kind: "Network",
  metadata: { name: "pods" },
  spec: {
    physicalNetwork: "prod",
    vlan: 100,
    subnets: [],
    routes: [{ to: "10.9.0.0/16", via: "10.0.0.9" }, { to: "10.9.9.0/24", via: "10.0.0.8" }],
  },
};

Deno.test("parseTarget() reads addresses, ports and pods", () => {
  const address = (address: string, port?: number): Target => ({ kind: "address", address, port });
  assertEquals(parseTarget("10.0.0.5"), address("10.0.0.5"));
  assertEquals(parseTarget("10.0.0.5:80"), address("10.0.0.5", 80));
  assertEquals(parseTarget("FD00::0:5"), address("fd00::5"));
  assertEquals(parseTarget("[fd00::5]:80"), address("fd00::5", 80));
  assertEquals(parseTarget("[fd00::5]"), address("fd00::5"));
  assertEquals(parseTarget("web/a"), { kind: "pod", name: "web/a", port: undefined });
  assertEquals(parseTarget("web/a:80"), { kind: "pod", name: "web/a", port: 80 });
  for (
    const wrong of ["", "a", "10.0.0", "10.0.0.5:", "10.0.0.5:0", "[x]:1", "a/b/c", "[fd00::5]:x"]
  ) {
    assertThrows(() => parseTarget(wrong), FabricError, undefined, wrong);
  }
});

Deno.test("wayTo() leaves from the address of the family, by link, gateway or route", () => {
  const way = (target: string) => {
    const found = wayTo({ record, network }, target);
    return found && [found.source, found.hop, found.onLink];
  };
  assertEquals(way("10.0.0.77"), ["10.0.0.5", "10.0.0.77", true]);
  assertEquals(way("10.1.0.1"), ["10.0.0.5", "10.0.0.1", false]);
  assertEquals(way("10.9.1.1"), ["10.0.0.5", "10.0.0.9", false]);
  assertEquals(way("10.9.9.1"), ["10.0.0.5", "10.0.0.8", false]);
  assertEquals(way("fd00::9"), ["fd00::5", "fd00::9", true]);
  assertEquals(way("2001:db8::1"), ["fd00::5", "fe80::1", false]);
  assertEquals(way("fe80::1"), ["fd00::5", "fe80::1", true]);
  const only4 = { ...record, addresses: record.addresses.slice(0, 1) };
  assertEquals(wayTo({ record: only4, network }, "fd00::9"), undefined);
});

Deno.test("waysToGateways() has one for each family with a gateway", () => {
  assertEquals(waysToGateways(record).map(({ target, source }) => [target, source]), [
    ["10.0.0.1", "10.0.0.5"],
    ["fe80::1", "fd00::5"],
  ]);
});

Deno.test("flowText() writes packets as ovs-ofctl takes them", () => {
  const ends = {
    source: { mac: "02:00:00:00:00:01", address: "fd00::5" },
    destination: { mac: "02:00:00:00:00:02", address: "fd00::12:3456" },
    inPort: 3,
    vlan: undefined,
  };
  assertEquals(
    flowText({ ...ends, family: 6, content: "ask" }),
    "in_port=3,dl_src=02:00:00:00:00:01,dl_dst=33:33:ff:12:34:56,icmp6,ipv6_src=fd00::5," +
      "ipv6_dst=ff02::1:ff12:3456,nw_ttl=255,icmpv6_type=135,icmpv6_code=0," +
      "nd_target=fd00::12:3456,nd_sll=02:00:00:00:00:01",
  );
  assertEquals(
    flowText({ ...ends, vlan: 100, family: 6, content: { protocol: "tcp", from: 1, to: 2 } }),
    "in_port=3,dl_vlan=100,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,tcp6," +
      "ipv6_src=fd00::5,ipv6_dst=fd00::12:3456,nw_ttl=64,tcp_src=1,tcp_dst=2",
  );
});
