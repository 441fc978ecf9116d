import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { parseFieldSelector } from "./field_selector.ts";

const OBJECT = {
  metadata: { name: "pods", labels: { "a.b/c": "x=y,z" } },
  spec: { vlan: 100, subnets: [{ cidr: "10.0.0.0/24" }, { cidr: "2001:db8::/64" }], on: true },
};

Deno.test("parseFieldSelector() joins its terms by and, over any field", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["spec.vlan=100", true],
    [".spec.vlan==100", true],
    ["spec.vlan=10", false],
    ["spec.vlan!=10", true],
    ["spec.vlan=100,metadata.name!=pods", false],
    ["spec.vlan=100, metadata.name=pods", true],
    ["spec.on=true", true],
    ["spec.subnets[*].cidr=2001:db8::/64", true],
    ["spec.subnets[*].cidr!=2001:db8::/64", false],
    ["spec.subnets[0].cidr=2001:db8::/64", false],
    ["spec.subnets[?(@.cidr=='10.0.0.0/24')].cidr=10.0.0.0/24", true],
    ["spec.gone=", true],
    ["spec.gone!=", false],
    ["spec.gone=x", false],
    ["spec.gone!=x", true],
    ["metadata.labels['a.b/c']=x=y\\,z", true],
  ];
  for (const [text, expected] of cases) {
    assertEquals(parseFieldSelector(text)(OBJECT), expected, text);
  }
  assertEquals(parseFieldSelector(undefined)(OBJECT), true);
});

Deno.test("parseFieldSelector() refuses what is no selector", () => {
  for (const text of ["", "a", "=x", "a=b,", "a[=b", "a b=c"]) {
    const error = assertThrows(() => parseFieldSelector(text), FabricError);
    assertEquals([error.kind, error.field], ["invalid", "field-selector"], text);
  }
});
