import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { parseLabelSelector } from "./label_selector.ts";

const LABELS = { app: "web", "example.org/tier": "front", empty: "" };

Deno.test("parseLabelSelector() joins its terms by and", () => {
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
    ["app in (db, web)", true],
    ["app in (db)", false],
    ["app notin (db,cache),example.org/tier in (front)", true],
    ["missing notin (db)", true],
    ["missing in (db)", false],
    ["empty in ()", true],
    ["toString", false],
  ];
  for (const [text, expected] of cases) {
    assertEquals(parseLabelSelector(text)(LABELS), expected, text);
  }
  assertEquals(parseLabelSelector(undefined)(undefined), true);
  assertEquals(parseLabelSelector("app=web")(undefined), false);
});

Deno.test("parseLabelSelector() refuses what is no selector", () => {
  for (const text of ["", "a b", "app in a,b", "app in (a", "=x", "app=web,", "a in (x y)"]) {
    assertThrows(() => parseLabelSelector(text), FabricError, "Cannot parse selector term");
  }
});
