import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  assertFaults,
  errorsOf,
  HEAD,
  networkWith,
  onlyErrorOf,
  PLAIN,
  subnetWith,
} from "../../tests/faults.ts";
import { FabricError } from "../error.ts";
import { fieldErrorsOf } from "./field_error.ts";
import { API_VERSION } from "./resource.ts";
import { readHead, validateResource } from "./validate.ts";

function failure(run: () => unknown): FabricError {
  const error = assertThrows(run, FabricError);
  assertEquals(error.kind, "invalid");
  return error;
}

Deno.test("validateResource() takes the other kinds, and a status as it was shown", () => {
  for (
    const document of [
      { ...HEAD, kind: "PhysicalNetwork", spec: {} },
      { ...HEAD, kind: "PhysicalNetwork", spec: { mtu: 9000, description: "core" } },
      { ...HEAD, kind: "Zone", spec: { physicalNetworks: ["wire", "dmz"] } },
      {
        ...HEAD,
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

Deno.test("validateResource() holds names to DNS-1123", () => {
  const named = (name: string) => networkWith({}, { name });
  assertFaults([
    [named("Prod_1"), "metadata.name", `"Prod_1" is not a DNS-1123 label`, "did you mean prod-1"],
    [named("-prod"), "metadata.name", "not a DNS-1123 label", "did you mean prod"],
    [named("a.b"), "metadata.name", "not a DNS-1123 label", "did you mean a-b"],
    [named(""), "metadata.name", "not a DNS-1123 label", "prod-1"],
    [named("a".repeat(64)), "metadata.name", "at most 63", `did you mean ${"a".repeat(63)}`],
    [
      networkWith({ physicalNetwork: "Wire" }),
      "spec.physicalNetwork",
      "label",
      "did you mean wire",
    ],
    [networkWith({ zones: ["a b"] }), "spec.zones[0]", "label", "did you mean a-b"],
    [
      { ...HEAD, kind: "Node", metadata: { name: "n1..x" }, spec: { cluster: "local", zone: "a" } },
      "metadata.name",
      "subdomain",
      "n1--x",
    ],
    [
      networkWith({}, { name: "prod", labels: { "a b": "x" } }),
      `metadata.labels["a b"]`,
      "no key",
      "prefix",
    ],
    [
      networkWith({}, { name: "prod", labels: { a: "-x" } }),
      `metadata.labels["a"]`,
      "value of a label",
      "annotations",
    ],
    [
      networkWith({}, { name: "prod", resourceVersion: "abc" }),
      "metadata.resourceVersion",
      "no revision",
      "leave it out",
    ],
  ]);
  assertEquals(errorsOf(named("a".repeat(63))), []);
});

Deno.test("validateResource() names unknown fields anywhere, with the nearest known one", () => {
  assertFaults([
    [networkWith({ subnet: [] }), "spec.subnet", "not known", "did you mean subnets"],
    [subnetWith({ gatway: "10.0.0.1" }), "spec.subnets[0].gatway", "not known", "mean gateway"],
    [networkWith({ dns: { servers: [] } }), "spec.dns.servers", "not known", "nameservers"],
    [networkWith({}, { name: "prod", lables: {} }), "metadata.lables", "not known", "mean labels"],
    [{ ...networkWith({}), specs: {} }, "specs", "not known", "did you mean spec"],
    [networkWith({ zzzzzz: 1 }), "spec.zzzzzz", "not known", "known here: physicalNetwork, vlan"],
    [networkWith({ constructor: 1 }), "spec.constructor", "not known", "known here"],
    [
      networkWith(JSON.parse(`{"__proto__": {"vlan": 5}}`)),
      "spec.__proto__",
      "not known",
      "known here",
    ],
  ]);
});

Deno.test("validateResource() says which type a value must have", () => {
  assertFaults([
    [networkWith({ vlan: "10" }), "spec.vlan", `"10" is text, not a number`, "without quotes: 10"],
    [networkWith({ vlan: null }), "spec.vlan", "no value", "leave it out"],
    [
      networkWith({ physicalNetwork: 10 }),
      "spec.physicalNetwork",
      "10 is a number",
      `quotes: "10"`,
    ],
    [networkWith({ subnets: "10.0.0.0/24" }), "spec.subnets", "is text, not a list", "list"],
    [networkWith({ subnets: ["10.0.0.0/24"] }), "spec.subnets[0]", "not an object", "fields"],
    [networkWith({ dns: [] }), "spec.dns", "is a list, not an object", "fields"],
    [networkWith({ allowOverlap: "yes" }), "spec.allowOverlap", "not true or false", "quotes"],
    [networkWith({}, { name: "prod", labels: { a: 5 } }), `metadata.labels["a"]`, "number", `"5"`],
    [
      networkWith({}, { name: "prod", labels: "x" }),
      "metadata.labels",
      "text, not an object",
      "names",
    ],
  ]);
});

Deno.test("validateResource() says what is missing and what it means", () => {
  const { spec: _, ...without } = networkWith({});
  assertFaults([
    [without, "spec", "missing", "add it"],
    [
      { ...HEAD, kind: "Network", spec: { vlan: 1, subnets: PLAIN["subnets"] } },
      "spec.physicalNetwork",
      "missing",
      "Physical network that carries the VLAN",
    ],
    [{ ...HEAD, kind: "Network", spec: PLAIN, metadata: {} }, "metadata.name", "missing", "Name"],
    [{ ...HEAD, kind: "Node", spec: { zone: "a" } }, "spec.cluster", "missing", "local"],
  ]);
});

Deno.test("validateResource() reports every fault of a document at once", () => {
  const document = networkWith({
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
  assertEquals(readHead(networkWith({})), { kind: "Network", name: "prod", cluster: undefined });
  const node = { ...HEAD, kind: "Node", spec: { cluster: "local", zone: "a" } };
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
    const error = failure(() => readHead({ ...networkWith({}), ...head }));
    assertEquals(error.field, field);
    assert(error.remedy?.includes(remedy), error.remedy);
  }
  for (const document of [null, undefined, 5, "text", []]) {
    assert(failure(() => readHead(document)).message.includes("is not an object"));
  }
});

Deno.test("validateResource() refuses a document over 128 KiB", () => {
  const error = onlyErrorOf(networkWith({ description: "x".repeat(128 * 1024) }));
  assert(error.message.includes("are too many"), error.message);
});

Deno.test("validateResource() keeps fields of a newer version that stand in the store", () => {
  const stored = networkWith({
    future: { a: 1 },
    subnets: [{ cidr: "10.0.0.0/24", pool: "x" }, { cidr: "10.1.0.0/24", pool: "y" }],
  });
  const edited = networkWith({
    subnets: [{ cidr: "10.1.0.0/24" }, { cidr: "10.0.0.0/24", pool: "z" }],
    future: { a: 2 },
  });
  const { spec } = validateResource(edited, { stored });
  assertEquals<unknown>(spec, {
    ...PLAIN,
    future: { a: 2 },
    subnets: [{ cidr: "10.1.0.0/24", pool: "y" }, { cidr: "10.0.0.0/24", pool: "z" }],
  });
  assertEquals<unknown>(validateResource(networkWith({}), { stored }).spec, {
    ...PLAIN,
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
  }, { requiredKeys: [] }).map((spec) => networkWith(spec));
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
