import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { parseSelector } from "./select.ts";

const LABELS = { app: "web", "example.org/tier": "front", empty: "" };

Deno.test("parseSelector() joins its terms by and", () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ["app=web", true],
    ["app==web", true],
    ["app=db", false],
    ["app!=db", true],
    ["missing!=x", true],
    ["app", true],
    ["missing", false],
    ["!missing", true],
    ["!app", false],
    ["empty=", true],
    ["app=web,example.org/tier=front", true],
    ["app=web, example.org/tier=back", false],
  ];
  for (const [text, expected] of cases) assertEquals(parseSelector(text)(LABELS), expected, text);
  assertEquals(parseSelector(undefined)(undefined), true);
  assertEquals(parseSelector("app=web")(undefined), false);
});

Deno.test("parseSelector() refuses what is no selector", () => {
  for (const text of ["", "a b", "app in (a,b)", "=x", "app=web,"]) {
    assertThrows(() => parseSelector(text), FabricError, "Cannot parse selector term");
  }
});
