import { assert, assertEquals } from "@std/assert";
import {
  assertFaults,
  errorsOf,
  type Fields,
  HEAD,
  networkWith,
  onlyErrorOf,
  subnetWith,
} from "../../tests/faults.ts";
import type { NetworkSpec } from "./network.ts";
import { API_VERSION } from "./resource.ts";
import { validateResource } from "./validate.ts";

Deno.test("validateResource() takes a network with everything in it", () => {
  const spec: NetworkSpec = {
    physicalNetwork: "wire",
    vlan: 4094,
    mtu: 9000,
    zones: ["a", "b"],
    subnets: [
      {
        cidr: "10.0.0.0/24",
        gateway: "10.0.0.1",
        ranges: ["10.0.0.10-10.0.0.99", "10.0.0.128/25"],
        exclude: ["10.0.0.50", "10.0.0.60-10.0.0.62", "10.0.0.0/29"],
      },
      { cidr: "10.1.0.0/31", gateway: "10.1.0.0" },
      { cidr: "10.2.0.7/32", gateway: "10.0.0.1", gatewayOnLink: true },
      { cidr: "2001:db8::/64", gateway: "fe80::1", ranges: [] },
      { cidr: "2001:db8:1::/127", gateway: "2001:db8:1::" },
      { cidr: "2001:db8:2::5/128" },
    ],
    dns: {
      nameservers: ["10.0.0.53", "2001:db8::53"],
      domain: "example.com",
      search: ["a.example.com"],
      options: ["ndots:2"],
    },
    routes: [{ to: "10.9.0.0/16" }, { to: "2001:db8:9::/48", via: "2001:db8::9" }],
    allowed: {
      clusters: ["local", "4dc9dd0e-26d0-4e60-a1f2-8b6a4d6a1c0e"],
      namespaces: ["trade"],
      namespaceSelector: { "example.com/team": "Blue_1" },
      tenants: ["Treasury"],
    },
    coolingSeconds: 0,
    history: { maxAgeDays: 3650, maxRecords: 1_000_000 },
    allowOverlap: false,
    description: "Pods of production",
  };
  const metadata = {
    name: "prod",
    labels: { "beyondfabric.io/tier": "gold", empty: "" },
    annotations: { note: "any text, of any length" },
    uid: "u",
    resourceVersion: "12",
    creationTimestamp: "2026-01-01T00:00:00Z",
  };
  const document = { apiVersion: API_VERSION, kind: "Network", metadata, spec };
  const resource = validateResource(document);
  assertEquals<unknown>(resource, document);
});

Deno.test("validateResource() refuses addresses with what was meant", () => {
  assertFaults([
    [
      subnetWith({ cidr: "10.0.0.5/24" }),
      "spec.subnets[0].cidr",
      `Cannot parse CIDR "10.0.0.5/24": host bits are set`,
      "did you mean 10.0.0.0/24",
    ],
    [subnetWith({ cidr: "10.0.00.0/24" }), "spec.subnets[0].cidr", "leading zero", "10.0.0.0"],
    [subnetWith({ cidr: "10.0.0.0" }), "spec.subnets[0].cidr", "length is missing", "/24"],
    [subnetWith({ cidr: "10.0.0.0/33" }), "spec.subnets[0].cidr", "/33 is over /32", "/0 to /32"],
    [
      subnetWith({ cidr: "::ffff:10.0.0.0/120" }),
      "spec.subnets[0].cidr",
      "IPv4-mapped",
      "10.0.0.0",
    ],
    [subnetWith({ cidr: "2001:DB8::/64" }), "spec.subnets[0].cidr", "canonical", "2001:db8::/64"],
    [subnetWith({ cidr: "2001:db8:0::/64" }), "spec.subnets[0].cidr", "canonical", "2001:db8::/64"],
    [subnetWith({ cidr: "224.0.0.0/24" }), "spec.subnets[0].cidr", "multicast", "unicast"],
    [subnetWith({ cidr: "127.0.0.0/24" }), "spec.subnets[0].cidr", "loopback", "unicast"],
    [subnetWith({ cidr: "0.0.0.0/0" }), "spec.subnets[0].cidr", "this host", "unicast"],
    [subnetWith({ cidr: "fe80::/64" }), "spec.subnets[0].cidr", "link-local", "unicast"],
    [subnetWith({ gateway: "10.0.0.01" }), "spec.subnets[0].gateway", "leading zero", "10.0.0.1"],
    [
      subnetWith({ gateway: "10.0.0.1/24" }),
      "spec.subnets[0].gateway",
      "not a decimal",
      "10.0.0.5",
    ],
    [
      subnetWith({ gateway: "10.0.1.1" }),
      "spec.subnets[0].gateway",
      "10.0.1.1 is outside 10.0.0.0/24",
      "use one of 10.0.0.1-10.0.0.254, or say gatewayOnLink: true",
    ],
    [
      subnetWith({ gateway: "10.0.0.0" }),
      "spec.subnets[0].gateway",
      "network address",
      "10.0.0.254",
    ],
    [subnetWith({ gateway: "10.0.0.255" }), "spec.subnets[0].gateway", "broadcast", "10.0.0.254"],
    [
      subnetWith({ gateway: "2001:db8::1" }),
      "spec.subnets[0].gateway",
      "is IPv6",
      "an IPv4 address",
    ],
    [
      subnetWith({ cidr: "2001:db8::/64", gateway: "2001:db8::" }),
      "spec.subnets[0].gateway",
      "subnet-router anycast",
      "2001:db8::1",
    ],
    [subnetWith({ gatewayOnLink: true }), "spec.subnets[0].gatewayOnLink", "no gateway", "add"],
    [
      subnetWith({ cidr: "10.0.0.8/31", gateway: "10.0.0.10" }),
      "spec.subnets[0].gateway",
      "outside 10.0.0.8/31",
      "10.0.0.8-10.0.0.9",
    ],
    [
      subnetWith({ cidr: "10.0.0.8/32", gateway: "10.0.0.9" }),
      "spec.subnets[0].gateway",
      "outside 10.0.0.8/32",
      "gatewayOnLink",
    ],
  ]);
});

Deno.test("validateResource() refuses ranges and exclusions that cannot be meant", () => {
  const at = "spec.subnets[0].ranges[0]";
  assertFaults([
    [
      subnetWith({ ranges: ["10.0.0.9-10.0.0.5"] }),
      at,
      `Cannot parse range "10.0.0.9-10.0.0.5": it is reversed`,
      "did you mean 10.0.0.5-10.0.0.9",
    ],
    [subnetWith({ ranges: ["10.0.0.5 - 10.0.0.9"] }), at, "canonical", "10.0.0.5-10.0.0.9"],
    [subnetWith({ ranges: ["10.0.0.5-10.0.0.5"] }), at, "canonical", "did you mean 10.0.0.5"],
    [subnetWith({ ranges: ["10.0.0.5-9"] }), at, "1 part(s)", "10.0.0.5"],
    [subnetWith({ ranges: ["10.0.0.250-10.0.1.5"] }), at, "not inside 10.0.0.0/24", "10.0.0.1-10"],
    [subnetWith({ ranges: ["10.0.0.0/23"] }), at, "not inside 10.0.0.0/24", "10.0.0.1-10"],
    [subnetWith({ ranges: ["2001:db8::5"] }), at, "is IPv6", "IPv4"],
    [subnetWith({ ranges: ["10.0.0.5-2001:db8::5"] }), at, "differ in family", "two ranges"],
    [
      subnetWith({ ranges: ["10.0.0.0-10.0.0.9"] }),
      at,
      "holds the network address",
      "did you mean 10.0.0.1-10.0.0.9",
    ],
    [
      subnetWith({ ranges: ["10.0.0.9-10.0.0.255"] }),
      at,
      "holds the broadcast address",
      "did you mean 10.0.0.9-10.0.0.254",
    ],
    [
      subnetWith({ exclude: ["10.0.0.255"] }),
      "spec.subnets[0].exclude[0]",
      "holds the broadcast address",
      "leave it out",
    ],
    [
      subnetWith({ exclude: ["10.0.2.0/24"] }),
      "spec.subnets[0].exclude[0]",
      "not inside",
      "10.0.0.1",
    ],
    [
      subnetWith({ ranges: ["10.0.0.5-10.0.0.9", "10.0.0.9-10.0.0.12"] }),
      "spec.subnets[0].ranges[1]",
      "overlaps spec.subnets[0].ranges[0]",
      "join it with 10.0.0.5-10.0.0.9",
    ],
    [
      subnetWith({ cidr: "2001:db8::/64", ranges: ["2001:db8::-2001:db8::5"] }),
      at,
      "anycast",
      "2001:db8::1-2001:db8::5",
    ],
  ]);
});

Deno.test("validateResource() takes /31, /32, /127 and /128 whole", () => {
  for (
    const [cidr, range] of [
      ["10.0.0.8/31", "10.0.0.8-10.0.0.9"],
      ["10.0.0.8/32", "10.0.0.8"],
      ["2001:db8::8/127", "2001:db8::8-2001:db8::9"],
      ["2001:db8::8/128", "2001:db8::8"],
    ] as const
  ) {
    assertEquals(errorsOf(subnetWith({ cidr, ranges: [range] })), []);
  }
});

Deno.test("validateResource() holds the fields of a network against each other", () => {
  const two = (a: Fields, b: Fields, rest: Fields = {}) =>
    networkWith({ subnets: [a, b], ...rest });
  const v6 = { cidr: "2001:db8::/64" };
  assertFaults([
    [
      two({ cidr: "10.0.0.0/16" }, { cidr: "10.0.5.0/24" }),
      "spec.subnets[1].cidr",
      "10.0.5.0/24 overlaps spec.subnets[0].cidr",
      "10.0.0.0/16",
    ],
    [
      two(
        { cidr: "10.0.0.0/24" },
        { cidr: "10.0.1.0/24", gateway: "10.0.0.255", gatewayOnLink: true },
      ),
      "spec.subnets[1].gateway",
      "broadcast address of 10.0.0.0/24",
      "router",
    ],
    [
      networkWith({ mtu: 1000, subnets: [v6] }),
      "spec.mtu",
      "below 1280, the least for IPv6",
      "1280",
    ],
    [networkWith({ mtu: 575 }), "spec.mtu", "575 is below 576", "576 to 65535"],
    [networkWith({ mtu: 65536 }), "spec.mtu", "over 65535", "65535"],
    [networkWith({ subnets: [] }), "spec.subnets", "at least one subnet", "cidr"],
    [
      networkWith({ routes: [{ to: "10.9.0.5/16", via: "10.0.0.9" }] }),
      "spec.routes[0].to",
      "host bits",
      "10.9.0.0/16",
    ],
    [
      networkWith({ routes: [{ to: "10.9.0.0/16", via: "10.1.0.9" }] }),
      "spec.routes[0].via",
      "in no IPv4 subnet",
      "10.0.0.0/24",
    ],
    [
      networkWith({ routes: [{ to: "10.9.0.0/16", via: "2001:db8::1" }] }),
      "spec.routes[0].via",
      "not an IPv4 address",
      "IPv4",
    ],
    [
      networkWith({ routes: [{ to: "10.9.0.0/16" }] }),
      "spec.routes[0].via",
      "no IPv4 gateway",
      "name",
    ],
    [
      networkWith({ routes: [{ to: "2001:db8:9::/48", via: "fe80::1" }] }),
      "spec.routes[0].to",
      "no IPv6 subnet",
      "add a subnet",
    ],
    [
      networkWith({
        routes: [{ to: "10.9.0.0/16", via: "10.0.0.9" }, { to: "10.9.0.0/16", via: "10.0.0.8" }],
      }),
      "spec.routes[1].to",
      "stands in spec.routes[0].to",
      "once",
    ],
    [
      networkWith({
        subnets: [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1" }],
        routes: [{ to: "0.0.0.0/0", via: "10.0.0.9" }],
      }),
      "spec.routes[0].to",
      "the gateway 10.0.0.1 is the default route already",
      "remove",
    ],
  ]);
  const takes = networkWith({ routes: [{ to: "0.0.0.0/0", via: "10.0.0.9" }] });
  assertEquals(errorsOf(takes), []);
});

Deno.test("validateResource() refuses values out of bounds", () => {
  assertFaults([
    [networkWith({ vlan: 4095 }), "spec.vlan", "4095 is over 4094", "0 to 4094 (0 = untagged)"],
    [networkWith({ vlan: -1 }), "spec.vlan", "-1 is below 0", "0 to 4094"],
    [networkWith({ vlan: 1.5 }), "spec.vlan", "1.5 is not a whole number", "whole number"],
    [networkWith({ coolingSeconds: 604801 }), "spec.coolingSeconds", "over 604800", "week"],
    [networkWith({ history: { maxAgeDays: -1 } }), "spec.history.maxAgeDays", "below 0", "0 to"],
    [networkWith({ zones: [] }), "spec.zones", "empty", "leave it out"],
    [networkWith({ zones: ["a", "a"] }), "spec.zones[1]", `"a" stands in spec.zones[0]`, "once"],
    [networkWith({ allowed: { namespaces: [] } }), "spec.allowed.namespaces", "empty", "leave"],
    [
      networkWith({ dns: { nameservers: ["ns1"] } }),
      "spec.dns.nameservers[0]",
      "Cannot parse address",
      "10.0.0.5",
    ],
    [
      networkWith({ dns: { nameservers: ["0.0.0.0"] } }),
      "spec.dns.nameservers[0]",
      "unspec",
      "uni",
    ],
    [networkWith({ dns: { search: ["a_b.c"] } }), "spec.dns.search[0]", "subdomain", "mean a-b.c"],
    [networkWith({ dns: { options: ["a b"] } }), "spec.dns.options[0]", "white space", "one word"],
    [
      { ...HEAD, kind: "PhysicalNetwork", spec: { mtu: 1279 } },
      "spec.mtu",
      "1279 is below 1280",
      "1280 to 65535",
    ],
    [
      {
        ...HEAD,
        kind: "Node",
        spec: { cluster: "local", zone: "a", fenced: { at: "yesterday" } },
      },
      "spec.fenced.at",
      `"yesterday" is not a time`,
      "RFC 3339",
    ],
  ]);
});

Deno.test("validateResource() refuses more subnets and ranges than one edit can hold", () => {
  const subnets = Array.from({ length: 65 }, (_, i) => ({ cidr: `10.0.${i}.0/24` }));
  assert(onlyErrorOf(networkWith({ subnets })).message.includes("65 subnets are over 64"));
  const ranges = Array.from({ length: 257 }, (_, i) => `10.0.${i >> 7}.${1 + (i & 127)}`);
  const error = onlyErrorOf(subnetWith({ cidr: "10.0.0.0/16", ranges }));
  assert(error.message.includes("257 ranges and exclusions are over 256"));
});
