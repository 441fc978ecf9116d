import { assert, assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { type ExplainedField, explainField } from "./explain.ts";
import { OBJECT_SCHEMAS } from "./object_schemas.ts";
import { KINDS } from "./resource.ts";

Deno.test("explainField() knows types, lists, maps and choices", () => {
  const at = (path: string) => {
    const { type, required, values } = explainField(OBJECT_SCHEMAS.Network, path.split("."), {
      name: "network",
    });
    return [type, required, values];
  };
  assertEquals(at("spec"), ["Object", true, []]);
  assertEquals(at("spec.vlan"), ["number", true, []]);
  assertEquals(at("spec.subnets"), ["[]Object", true, []]);
  assertEquals(at("spec.subnets.gatewayOnLink"), ["boolean", false, []]);
  assertEquals(at("spec.dns.search"), ["[]string", false, []]);
  assertEquals(at("metadata.labels"), ["map[string]string", false, []]);
  assertEquals(at("kind"), ["string", true, ["Network"]]);
  const state = explainField(OBJECT_SCHEMAS.Address, ["spec", "state"], { name: "address" });
  assertEquals(state.values, ["used", "owned", "reserved"]);
});

Deno.test("explainField() names the nearest field", () => {
  const wrong = (path: readonly string[]) =>
    assertThrows(
      () => explainField(OBJECT_SCHEMAS.Network, path, { name: "network" }),
      FabricError,
    );
  assertEquals(wrong(["spec", "subnet"]).remedy, "did you mean subnets");
  assertEquals(wrong(["spec", "vlan", "x"]).remedy, "it is of type number");
});

Deno.test("every field of every kind says what it is", () => {
  const silent = (field: ExplainedField, path: string): readonly string[] => [
    ...field.text === undefined ? [path] : [],
    ...field.fields.flatMap((inner) => silent(inner, `${path}.${inner.name}`)),
  ];
  // What every object has, and what stands for a whole.
  const known = /^\w+(\.(apiVersion|kind|metadata|spec|status))?$/;
  for (const kind of KINDS) {
    const whole = explainField(OBJECT_SCHEMAS[kind], [], { name: kind });
    assert(whole.fields.length > 0, kind);
    assertEquals(silent(whole, kind).filter((path) => !known.test(path)), []);
  }
});
