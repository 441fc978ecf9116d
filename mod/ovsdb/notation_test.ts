import { assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { FabricError } from "../error.ts";
import { checkResults, failedWait } from "./error.ts";
import { createJsonSplitter } from "./json_stream.ts";
import { encodeMap, MapColumn } from "./map.ts";
import { rowsOf } from "./operation.ts";
import { encodeSet, optionalOf, setOf } from "./set.ts";
import { encodeUuid, UuidColumn } from "./uuid.ts";

Deno.test("setOf() reads a set, a set of one and a bare atom", () => {
  const schema = setOf(v.number());
  assertEquals(v.parse(schema, ["set", [1, 2]]), [1, 2]);
  assertEquals(v.parse(schema, ["set", []]), []);
  assertEquals(v.parse(schema, 7), [7]);
  assertEquals(v.is(schema, "7"), false);
  assertEquals(v.is(schema, ["set", ["7"]]), false);
});

Deno.test("setOf() does not take a uuid for a set", () => {
  assertEquals(v.parse(setOf(UuidColumn), ["uuid", "a"]), ["a"]);
  assertEquals(v.parse(setOf(UuidColumn), ["set", [["uuid", "a"], ["uuid", "b"]]]), ["a", "b"]);
});

Deno.test("optionalOf() reads none as undefined", () => {
  assertEquals(v.parse(optionalOf(v.string()), ["set", []]), undefined);
  assertEquals(v.parse(optionalOf(v.string()), "x"), "x");
});

Deno.test("encodeMap() and MapColumn are inverse, in sorted order", () => {
  const encoded = encodeMap({ b: "2", a: "1" });
  assertEquals(encoded, ["map", [["a", "1"], ["b", "2"]]]);
  assertEquals(v.parse(MapColumn, encoded), { a: "1", b: "2" });
  assertEquals(encodeSet([encodeUuid("x")]), ["set", [["uuid", "x"]]]);
});

Deno.test("rowsOf() refuses rows of another type", () => {
  const columns = { name: v.string() };
  assertEquals(rowsOf({ rows: [{ name: "x" }] }, columns), [{ name: "x" }]);
  assertThrows(() => rowsOf({ rows: [{ name: 1 }] }, columns), FabricError, "another schema");
});

Deno.test("checkResults() finds the error of an operation, with nulls behind it", () => {
  const error = assertThrows(
    () => checkResults([{}, { error: "timed out", details: "x" }, null], 3),
    FabricError,
  );
  assertEquals([error.kind, error.details["operation"]], ["conflict", 1]);
  assertEquals(failedWait(error), 1);
});

Deno.test("checkResults() finds the further element of a commit that failed", () => {
  const results = [{}, {}, { error: "referential integrity violation", details: "d" }];
  const error = assertThrows(() => checkResults(results, 2), FabricError);
  assertEquals([error.kind, error.details["operation"]], ["conflict", 2]);
  assertEquals(error.message, "ovsdb-server refused: referential integrity violation: d");
  assertEquals(failedWait(error), undefined);
});

Deno.test("checkResults() refuses too few results", () => {
  assertThrows(() => checkResults([{}], 2), FabricError, "1 results to 2 operations");
});

Deno.test("a JSON splitter cuts at braces, whatever the pieces", () => {
  const objects = ['{"a":"}{\\"","b":[1,{"c":"é€"}]}', '{"id":1}', '["x"]'];
  const bytes = new TextEncoder().encode(objects.join(""));
  for (const size of [1, 2, 3, 7, 1000]) {
    const splitter = createJsonSplitter();
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.slice(at, at + size);
      found.push(...splitter.push(piece));
      piece.fill(0);
    }
    assertEquals(found, objects);
  }
});
