import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { parseCustomColumns } from "./custom_columns.ts";

Deno.test("parseCustomColumns() gives a cell per column", () => {
  const columns = parseCustomColumns(
    "NAME:.metadata.name, VLAN:{.spec.vlan},CIDRS:.spec.subnets[*]['cidr','gw'],NONE:.x.y",
  );
  const object = {
    metadata: { name: "pods" },
    spec: { vlan: 7, subnets: [{ cidr: "a", gw: "b" }, { cidr: "c" }] },
  };
  assertEquals(columns.map(({ header, cell }) => [header, cell(object)]), [
    ["NAME", "pods"],
    ["VLAN", "7"],
    ["CIDRS", "a,b,c"],
    ["NONE", ""],
  ]);
});

Deno.test("parseCustomColumns() refuses what is no column", () => {
  for (const text of ["", "NAME", ":.metadata.name", "A:.a,,B:.b", "A:", "A:.a["]) {
    const error = assertThrows(() => parseCustomColumns(text), FabricError);
    assertEquals([error.kind, error.field], ["invalid", "custom-columns"], text);
  }
});
