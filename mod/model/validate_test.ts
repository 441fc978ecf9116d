import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../error.ts";
import { type FieldError, fieldErrorsOf } from "./field_error.ts";
import type { NetworkSpec } from "./network.ts";
import { API_VERSION } from "./resource.ts";
import { readHead, validateResource } from "./validate.ts";

type Fields = Readonly<Record<string, unknown>>;

function failure(run: () => unknown): FabricError {
  const error = assertThrows(run, FabricError);
  assertEquals(error.kind, "invalid");
  return error;
}

function errorsOf(document: unknown, stored?: unknown): readonly FieldError[] {
  try {
    validateResource(document, { stored });
    return [];
  } catch (error) {
    assert(error instanceof FabricError, String(error));
    assertEquals(error.kind, "invalid");
    return fieldErrorsOf(error);
  }
}

const meta = { apiVersion: API_VERSION, metadata: { name: "prod" } };
const plain: Fields = { physicalNetwork: "wire", vlan: 10, subnets: [{ cidr: "10.0.0.0/24" }] };

function network(spec: Fields, metadata: Fields = { name: "prod" }): Fields {
  return { ...meta, kind: "Network", metadata, spec: { ...plain, ...spec } };
}

function subnet(fields: Fields): Fields {
  return network({ subnets: [{ cidr: "10.0.0.0/24", ...fields }] });
}

/** The one fault that a document has. */
function only(document: unknown): FieldError {
  const errors = errorsOf(document);
  assertEquals(errors.length, 1, JSON.stringify(errors));
  const [error] = errors;
  assert(error?.remedy !== undefined);
  return error;
}

/** Rows: what is written, the field at fault, a part of the message, a part of the remedy. */
type Row = readonly [document: unknown, field: string, message: string, remedy: string];

function assertRows(rows: readonly Row[]): void {
  for (const [document, field, message, remedy] of rows) {
    const error = only(document);
    assertEquals(error.field, field);
    assert(error.message.includes(message), `${field}: ${error.message}`);
    assert(error.remedy?.includes(remedy), `${field}: ${error.remedy}`);
  }
}

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

Deno.test("validateResource() takes the other kinds, and a status as it was shown", () => {
  for (
    const document of [
      { ...meta, kind: "PhysicalNetwork", spec: {} },
      { ...meta, kind: "PhysicalNetwork", spec: { mtu: 9000, description: "core" } },
      { ...meta, kind: "Zone", spec: { physicalNetworks: ["wire", "dmz"] } },
      {
        ...meta,
        kind: "Node",
        metadata: { name: "node-1.example.com" },
        spec: { cluster: "local", zone: "a", fenced: { by: "me", at: "2026-01-31T12:00:00Z" } },
        status: { machineId: "m", ofTheFuture: true },
      },
    ]
  ) {
    assertEquals<unknown>(validateResource(document), document);
  }
});

Deno.test("validateResource() refuses addresses with what was meant", () => {
  assertRows([
    [
      subnet({ cidr: "10.0.0.5/24" }),
      "spec.subnets[0].cidr",
      `Cannot parse CIDR "10.0.0.5/24": host bits are set`,
      "did you mean 10.0.0.0/24",
    ],
    [subnet({ cidr: "10.0.00.0/24" }), "spec.subnets[0].cidr", "leading zero", "10.0.0.0"],
    [subnet({ cidr: "10.0.0.0" }), "spec.subnets[0].cidr", "length is missing", "/24"],
    [subnet({ cidr: "10.0.0.0/33" }), "spec.subnets[0].cidr", "/33 is over /32", "/0 to /32"],
    [subnet({ cidr: "::ffff:10.0.0.0/120" }), "spec.subnets[0].cidr", "IPv4-mapped", "10.0.0.0"],
    [subnet({ cidr: "2001:DB8::/64" }), "spec.subnets[0].cidr", "canonical", "2001:db8::/64"],
    [subnet({ cidr: "2001:db8:0::/64" }), "spec.subnets[0].cidr", "canonical", "2001:db8::/64"],
    [subnet({ cidr: "224.0.0.0/24" }), "spec.subnets[0].cidr", "multicast", "unicast"],
    [subnet({ cidr: "127.0.0.0/24" }), "spec.subnets[0].cidr", "loopback", "unicast"],
    [subnet({ cidr: "0.0.0.0/0" }), "spec.subnets[0].cidr", "this host", "unicast"],
    [subnet({ cidr: "fe80::/64" }), "spec.subnets[0].cidr", "link-local", "unicast"],
    [subnet({ gateway: "10.0.0.01" }), "spec.subnets[0].gateway", "leading zero", "10.0.0.1"],
    [subnet({ gateway: "10.0.0.1/24" }), "spec.subnets[0].gateway", "not a decimal", "10.0.0.5"],
    [
      subnet({ gateway: "10.0.1.1" }),
      "spec.subnets[0].gateway",
      "10.0.1.1 is outside 10.0.0.0/24",
      "use one of 10.0.0.1-10.0.0.254, or say gatewayOnLink: true",
    ],
    [subnet({ gateway: "10.0.0.0" }), "spec.subnets[0].gateway", "network address", "10.0.0.254"],
    [subnet({ gateway: "10.0.0.255" }), "spec.subnets[0].gateway", "broadcast", "10.0.0.254"],
    [subnet({ gateway: "2001:db8::1" }), "spec.subnets[0].gateway", "is IPv6", "an IPv4 address"],
    [
      subnet({ cidr: "2001:db8::/64", gateway: "2001:db8::" }),
      "spec.subnets[0].gateway",
      "subnet-router anycast",
      "2001:db8::1",
    ],
    [subnet({ gatewayOnLink: true }), "spec.subnets[0].gatewayOnLink", "no gateway", "add"],
    [
      subnet({ cidr: "10.0.0.8/31", gateway: "10.0.0.10" }),
      "spec.subnets[0].gateway",
      "outside 10.0.0.8/31",
      "10.0.0.8-10.0.0.9",
    ],
    [
      subnet({ cidr: "10.0.0.8/32", gateway: "10.0.0.9" }),
      "spec.subnets[0].gateway",
      "outside 10.0.0.8/32",
      "gatewayOnLink",
    ],
  ]);
});

Deno.test("validateResource() refuses ranges and exclusions that cannot be meant", () => {
  const at = "spec.subnets[0].ranges[0]";
  assertRows([
    [
      subnet({ ranges: ["10.0.0.9-10.0.0.5"] }),
      at,
      `Cannot parse range "10.0.0.9-10.0.0.5": it is reversed`,
      "did you mean 10.0.0.5-10.0.0.9",
    ],
    [subnet({ ranges: ["10.0.0.5 - 10.0.0.9"] }), at, "canonical", "10.0.0.5-10.0.0.9"],
    [subnet({ ranges: ["10.0.0.5-10.0.0.5"] }), at, "canonical", "did you mean 10.0.0.5"],
    [subnet({ ranges: ["10.0.0.5-9"] }), at, "1 part(s)", "10.0.0.5"],
    [subnet({ ranges: ["10.0.0.250-10.0.1.5"] }), at, "not inside 10.0.0.0/24", "10.0.0.1-10"],
    [subnet({ ranges: ["10.0.0.0/23"] }), at, "not inside 10.0.0.0/24", "10.0.0.1-10"],
    [subnet({ ranges: ["2001:db8::5"] }), at, "is IPv6", "IPv4"],
    [subnet({ ranges: ["10.0.0.5-2001:db8::5"] }), at, "differ in family", "two ranges"],
    [
      subnet({ ranges: ["10.0.0.0-10.0.0.9"] }),
      at,
      "holds the network address",
      "did you mean 10.0.0.1-10.0.0.9",
    ],
    [
      subnet({ ranges: ["10.0.0.9-10.0.0.255"] }),
      at,
      "holds the broadcast address",
      "did you mean 10.0.0.9-10.0.0.254",
    ],
    [
      subnet({ exclude: ["10.0.0.255"] }),
      "spec.subnets[0].exclude[0]",
      "holds the broadcast address",
      "leave it out",
    ],
    [
      subnet({ exclude: ["10.0.2.0/24"] }),
      "spec.subnets[0].exclude[0]",
      "not inside",
      "10.0.0.1",
    ],
    [
      subnet({ ranges: ["10.0.0.5-10.0.0.9", "10.0.0.9-10.0.0.12"] }),
      "spec.subnets[0].ranges[1]",
      "overlaps spec.subnets[0].ranges[0]",
      "join it with 10.0.0.5-10.0.0.9",
    ],
    [
      subnet({ cidr: "2001:db8::/64", ranges: ["2001:db8::-2001:db8::5"] }),
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
    assertEquals(errorsOf(subnet({ cidr, ranges: [range] })), []);
  }
});

Deno.test("validateResource() holds the fields of a network against each other", () => {
  const two = (a: Fields, b: Fields, rest: Fields = {}) => network({ subnets: [a, b], ...rest });
  const v6 = { cidr: "2001:db8::/64" };
  assertRows([
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
    [network({ mtu: 1000, subnets: [v6] }), "spec.mtu", "below 1280, the least for IPv6", "1280"],
    [network({ mtu: 575 }), "spec.mtu", "575 is below 576", "576 to 65535"],
    [network({ mtu: 65536 }), "spec.mtu", "over 65535", "65535"],
    [network({ subnets: [] }), "spec.subnets", "at least one subnet", "cidr"],
    [
      network({ routes: [{ to: "10.9.0.5/16", via: "10.0.0.9" }] }),
      "spec.routes[0].to",
      "host bits",
      "10.9.0.0/16",
    ],
    [
      network({ routes: [{ to: "10.9.0.0/16", via: "10.1.0.9" }] }),
      "spec.routes[0].via",
      "in no IPv4 subnet",
      "10.0.0.0/24",
    ],
    [
      network({ routes: [{ to: "10.9.0.0/16", via: "2001:db8::1" }] }),
      "spec.routes[0].via",
      "not an IPv4 address",
      "IPv4",
    ],
    [network({ routes: [{ to: "10.9.0.0/16" }] }), "spec.routes[0].via", "no IPv4 gateway", "name"],
    [
      network({ routes: [{ to: "2001:db8:9::/48", via: "fe80::1" }] }),
      "spec.routes[0].to",
      "no IPv6 subnet",
      "add a subnet",
    ],
    [
      network({
        routes: [{ to: "10.9.0.0/16", via: "10.0.0.9" }, { to: "10.9.0.0/16", via: "10.0.0.8" }],
      }),
      "spec.routes[1].to",
      "stands in spec.routes[0].to",
      "once",
    ],
    [
      network({
        subnets: [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1" }],
        routes: [{ to: "0.0.0.0/0", via: "10.0.0.9" }],
      }),
      "spec.routes[0].to",
      "the gateway 10.0.0.1 is the default route already",
      "remove",
    ],
  ]);
  const takes = network({ routes: [{ to: "0.0.0.0/0", via: "10.0.0.9" }] });
  assertEquals(errorsOf(takes), []);
});

Deno.test("validateResource() refuses values out of bounds", () => {
  assertRows([
    [network({ vlan: 4095 }), "spec.vlan", "4095 is over 4094", "0 to 4094 (0 = untagged)"],
    [network({ vlan: -1 }), "spec.vlan", "-1 is below 0", "0 to 4094"],
    [network({ vlan: 1.5 }), "spec.vlan", "1.5 is not a whole number", "whole number"],
    [network({ coolingSeconds: 604801 }), "spec.coolingSeconds", "over 604800", "week"],
    [network({ history: { maxAgeDays: -1 } }), "spec.history.maxAgeDays", "below 0", "0 to"],
    [network({ zones: [] }), "spec.zones", "empty", "leave it out"],
    [network({ zones: ["a", "a"] }), "spec.zones[1]", `"a" stands in spec.zones[0]`, "once"],
    [network({ allowed: { namespaces: [] } }), "spec.allowed.namespaces", "empty", "leave"],
    [
      network({ dns: { nameservers: ["ns1"] } }),
      "spec.dns.nameservers[0]",
      "Cannot parse address",
      "10.0.0.5",
    ],
    [network({ dns: { nameservers: ["0.0.0.0"] } }), "spec.dns.nameservers[0]", "unspec", "uni"],
    [network({ dns: { search: ["a_b.c"] } }), "spec.dns.search[0]", "subdomain", "mean a-b.c"],
    [network({ dns: { options: ["a b"] } }), "spec.dns.options[0]", "white space", "one word"],
    [
      { ...meta, kind: "PhysicalNetwork", spec: { mtu: 1279 } },
      "spec.mtu",
      "1279 is below 1280",
      "1280 to 65535",
    ],
    [
      {
        ...meta,
        kind: "Node",
        spec: { cluster: "local", zone: "a", fenced: { at: "yesterday" } },
      },
      "spec.fenced.at",
      `"yesterday" is not a time`,
      "RFC 3339",
    ],
  ]);
});

Deno.test("validateResource() holds names to DNS-1123", () => {
  const named = (name: string) => network({}, { name });
  assertRows([
    [named("Prod_1"), "metadata.name", `"Prod_1" is not a DNS-1123 label`, "did you mean prod-1"],
    [named("-prod"), "metadata.name", "not a DNS-1123 label", "did you mean prod"],
    [named("a.b"), "metadata.name", "not a DNS-1123 label", "did you mean a-b"],
    [named(""), "metadata.name", "not a DNS-1123 label", "prod-1"],
    [named("a".repeat(64)), "metadata.name", "at most 63", `did you mean ${"a".repeat(63)}`],
    [network({ physicalNetwork: "Wire" }), "spec.physicalNetwork", "label", "did you mean wire"],
    [network({ zones: ["a b"] }), "spec.zones[0]", "label", "did you mean a-b"],
    [
      { ...meta, kind: "Node", metadata: { name: "n1..x" }, spec: { cluster: "local", zone: "a" } },
      "metadata.name",
      "subdomain",
      "n1--x",
    ],
    [
      network({}, { name: "prod", labels: { "a b": "x" } }),
      `metadata.labels["a b"]`,
      "no key",
      "prefix",
    ],
    [
      network({}, { name: "prod", labels: { a: "-x" } }),
      `metadata.labels["a"]`,
      "value of a label",
      "annotations",
    ],
    [
      network({}, { name: "prod", resourceVersion: "abc" }),
      "metadata.resourceVersion",
      "no revision",
      "leave it out",
    ],
  ]);
  assertEquals(errorsOf(named("a".repeat(63))), []);
});

Deno.test("validateResource() names unknown fields anywhere, with the nearest known one", () => {
  assertRows([
    [network({ subnet: [] }), "spec.subnet", "not known", "did you mean subnets"],
    [subnet({ gatway: "10.0.0.1" }), "spec.subnets[0].gatway", "not known", "mean gateway"],
    [network({ dns: { servers: [] } }), "spec.dns.servers", "not known", "nameservers"],
    [network({}, { name: "prod", lables: {} }), "metadata.lables", "not known", "mean labels"],
    [{ ...network({}), specs: {} }, "specs", "not known", "did you mean spec"],
    [network({ zzzzzz: 1 }), "spec.zzzzzz", "not known", "known here: physicalNetwork, vlan"],
    [network({ constructor: 1 }), "spec.constructor", "not known", "known here"],
    [
      network(JSON.parse(`{"__proto__": {"vlan": 5}}`)),
      "spec.__proto__",
      "not known",
      "known here",
    ],
  ]);
});

Deno.test("validateResource() says which type a value must have", () => {
  assertRows([
    [network({ vlan: "10" }), "spec.vlan", `"10" is text, not a number`, "without quotes: 10"],
    [network({ vlan: null }), "spec.vlan", "no value", "leave it out"],
    [network({ physicalNetwork: 10 }), "spec.physicalNetwork", "10 is a number", `quotes: "10"`],
    [network({ subnets: "10.0.0.0/24" }), "spec.subnets", "is text, not a list", "list"],
    [network({ subnets: ["10.0.0.0/24"] }), "spec.subnets[0]", "not an object", "fields"],
    [network({ dns: [] }), "spec.dns", "is a list, not an object", "fields"],
    [network({ allowOverlap: "yes" }), "spec.allowOverlap", "not true or false", "quotes"],
    [network({}, { name: "prod", labels: { a: 5 } }), `metadata.labels["a"]`, "number", `"5"`],
    [network({}, { name: "prod", labels: "x" }), "metadata.labels", "text, not an object", "names"],
  ]);
});

Deno.test("validateResource() says what is missing and what it means", () => {
  const { spec: _, ...without } = network({});
  assertRows([
    [without, "spec", "missing", "add it"],
    [
      { ...meta, kind: "Network", spec: { vlan: 1, subnets: plain["subnets"] } },
      "spec.physicalNetwork",
      "missing",
      "Physical network that carries the VLAN",
    ],
    [{ ...meta, kind: "Network", spec: plain, metadata: {} }, "metadata.name", "missing", "Name"],
    [{ ...meta, kind: "Node", spec: { zone: "a" } }, "spec.cluster", "missing", "local"],
  ]);
});

Deno.test("validateResource() reports every fault of a document at once", () => {
  const document = network({
    vlan: "x",
    mtu: 1,
    subnets: [
      { cidr: "10.0.0.5/24", gatewya: "10.0.0.1" },
      { cidr: "10.1.0.0/24", gateway: "10.2.0.1", ranges: [5, "10.1.0.9-10.1.0.1"] },
      { cidr: "10.1.0.0/25" },
    ],
  });
  const error = failure(() => validateResource(document));
  assertEquals(fieldErrorsOf(error).map(({ field }) => field), [
    "spec.vlan",
    "spec.subnets[0].cidr",
    "spec.subnets[0].gatewya",
    "spec.subnets[1].ranges[0]",
    "spec.subnets[1].ranges[1]",
    "spec.subnets[1].gateway",
    "spec.mtu",
    "spec.subnets[2].cidr",
  ]);
  assertEquals(
    error.message,
    `Network prod: spec.vlan: "x" is text, not a number (and 7 more errors)`,
  );
  assertEquals([error.field, error.value], ["spec.vlan", "x"]);
});

Deno.test("readHead() says what a document is", () => {
  assertEquals(readHead(network({})), { kind: "Network", name: "prod", cluster: undefined });
  const node = { ...meta, kind: "Node", spec: { cluster: "local", zone: "a" } };
  assertEquals(readHead(node), { kind: "Node", name: "prod", cluster: "local" });
});

Deno.test("readHead() refuses other kinds and versions with the nearest known one", () => {
  for (
    const [head, field, remedy] of [
      [{ kind: "network" }, "kind", "did you mean Network"],
      [{ kind: "Netwrok" }, "kind", "did you mean Network"],
      [{ kind: "Deployment" }, "kind", "write one of PhysicalNetwork, Zone, Node, Network"],
      [{ kind: "Address" }, "kind", "use fabric-admin reserve to keep an address"],
      [{ kind: 5 }, "kind", "write one of"],
      [{ kind: undefined }, "kind", "write one of"],
      [{ apiVersion: "v1" }, "apiVersion", `write ${API_VERSION}`],
      [{ apiVersion: undefined }, "apiVersion", `write ${API_VERSION}`],
    ] as const
  ) {
    const error = failure(() => readHead({ ...network({}), ...head }));
    assertEquals(error.field, field);
    assert(error.remedy?.includes(remedy), error.remedy);
  }
  for (const document of [null, undefined, 5, "text", []]) {
    assert(failure(() => readHead(document)).message.includes("is not an object"));
  }
});

Deno.test("validateResource() refuses a document over 128 KiB", () => {
  const error = only(network({ description: "x".repeat(128 * 1024) }));
  assert(error.message.includes("are too many"), error.message);
});

Deno.test("validateResource() refuses more subnets and ranges than one edit can hold", () => {
  const subnets = Array.from({ length: 65 }, (_, i) => ({ cidr: `10.0.${i}.0/24` }));
  assert(only(network({ subnets })).message.includes("65 subnets are over 64"));
  const ranges = Array.from({ length: 257 }, (_, i) => `10.0.${i >> 7}.${1 + (i & 127)}`);
  const error = only(subnet({ cidr: "10.0.0.0/16", ranges }));
  assert(error.message.includes("257 ranges and exclusions are over 256"));
});

Deno.test("validateResource() keeps fields of a newer version that stand in the store", () => {
  const stored = network({
    future: { a: 1 },
    subnets: [{ cidr: "10.0.0.0/24", pool: "x" }, { cidr: "10.1.0.0/24", pool: "y" }],
  });
  const edited = network({
    subnets: [{ cidr: "10.1.0.0/24" }, { cidr: "10.0.0.0/24", pool: "z" }],
    future: { a: 2 },
  });
  const { spec } = validateResource(edited, { stored });
  assertEquals<unknown>(spec, {
    ...plain,
    future: { a: 2 },
    subnets: [{ cidr: "10.1.0.0/24", pool: "y" }, { cidr: "10.0.0.0/24", pool: "z" }],
  });
  assertEquals<unknown>(validateResource(network({}), { stored }).spec, {
    ...plain,
    future: { a: 1 },
    subnets: [{ cidr: "10.0.0.0/24", pool: "x" }],
  });
});

Deno.test("validateResource() of anything answers a resource or names fields", () => {
  const anything = fc.anything({ withBigInt: false, withNullPrototype: false });
  const leaf = fc.oneof(
    anything,
    fc.constantFrom<unknown>("10.0.0.0/24", "10.0.0.1", "::", "2001:db8::/64", 0, 10, "", null),
  );
  const document = fc.record({
    physicalNetwork: leaf,
    vlan: leaf,
    mtu: leaf,
    zones: fc.oneof(leaf, fc.array(leaf)),
    dns: fc.oneof(leaf, fc.record({ nameservers: leaf, search: fc.array(leaf) })),
    routes: fc.oneof(leaf, fc.array(fc.record({ to: leaf, via: leaf }))),
    subnets: fc.oneof(
      leaf,
      fc.array(fc.record({
        cidr: leaf,
        gateway: leaf,
        ranges: fc.oneof(leaf, fc.array(leaf)),
        exclude: leaf,
      }, { requiredKeys: [] })),
    ),
  }, { requiredKeys: [] }).map((spec) => network(spec));
  fc.assert(
    fc.property(fc.oneof(anything, document), (given) => {
      try {
        validateResource(given);
      } catch (error) {
        assert(error instanceof FabricError && error.kind === "invalid", String(error));
        assert(error.remedy !== undefined);
      }
    }),
    { numRuns: 1000 },
  );
});
