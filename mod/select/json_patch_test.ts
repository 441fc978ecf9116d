import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { applyJsonPatch, isSameJson } from "./json_patch.ts";

/** Most of them are the examples of RFC 6902, appendix A. */
const CASES: readonly (readonly [document: string, patch: string, result: string])[] = [
  ['{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"foo":"bar","baz":"qux"}'],
  ['{"a":[1,2]}', '[{"op":"add","path":"/a/1","value":9}]', '{"a":[1,9,2]}'],
  ['{"a":[1,2]}', '[{"op":"add","path":"/a/2","value":9}]', '{"a":[1,2,9]}'],
  ['{"a":[1]}', '[{"op":"add","path":"/a/-","value":["x"]}]', '{"a":[1,["x"]]}'],
  ['{"a":1,"b":2}', '[{"op":"remove","path":"/a"}]', '{"b":2}'],
  ['{"a":[1,2,3]}', '[{"op":"remove","path":"/a/1"}]', '{"a":[1,3]}'],
  ['{"a":1,"b":2}', '[{"op":"replace","path":"/a","value":null}]', '{"a":null,"b":2}'],
  ['{"a":[1,2]}', '[{"op":"replace","path":"/a/0","value":5}]', '{"a":[5,2]}'],
  ['{"a":{"x":1},"b":{}}', '[{"op":"move","from":"/a/x","path":"/b/y"}]', '{"a":{},"b":{"y":1}}'],
  ['{"a":[1,2,3,4]}', '[{"op":"move","from":"/a/1","path":"/a/3"}]', '{"a":[1,3,4,2]}'],
  ['{"a":{"x":[1]}}', '[{"op":"copy","from":"/a","path":"/b"}]', '{"a":{"x":[1]},"b":{"x":[1]}}'],
  ['{"a":{"b":1}}', '[{"op":"test","path":"/a","value":{"b":1}}]', '{"a":{"b":1}}'],
  ['{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":10}]', '{"/":9,"~1":10}'],
  ['{"a/b":1}', '[{"op":"replace","path":"/a~1b","value":2}]', '{"a/b":2}'],
  ['{"":1}', '[{"op":"replace","path":"/","value":2}]', '{"":2}'],
  ['{"a":1}', '[{"op":"add","path":"","value":[1]}]', "[1]"],
  ['{"a":1}', '[{"op":"replace","path":"","value":2}]', "2"],
  ['{"a":1}', '[{"op":"move","from":"/a","path":"/a"}]', '{"a":1}'],
  ['{"a":1}', '[{"op":"add","path":"/b","value":2,"more":true}]', '{"a":1,"b":2}'],
  ["{}", '[{"op":"add","path":"/__proto__","value":1}]', '{"__proto__":1}'],
  ["{}", "[]", "{}"],
];

for (const [document, patch, result] of CASES) {
  Deno.test(`the JSON patch ${patch} makes ${result} of ${document}`, () => {
    const before: unknown = JSON.parse(document);
    assertEquals(JSON.stringify(applyJsonPatch(before, JSON.parse(patch))), result);
    assertEquals(JSON.stringify(before), document);
  });
}

Deno.test("a JSON patch that does not fit is refused, and names its operation", () => {
  const wrong: readonly (readonly [document: string, patch: string])[] = [
    ["{}", "{}"],
    ["{}", "[1]"],
    ["{}", '[{"op":"merge","path":"/a"}]'],
    ["{}", '[{"op":"add","value":1}]'],
    ["{}", '[{"op":"add","path":"/a"}]'],
    ["{}", '[{"op":"add","path":"a","value":1}]'],
    ["{}", '[{"op":"add","path":"/a~2","value":1}]'],
    ["{}", '[{"op":"add","path":"/a/b","value":1}]'],
    ['{"a":1}', '[{"op":"add","path":"/a/b","value":1}]'],
    ['{"a":[]}', '[{"op":"add","path":"/a/1","value":1}]'],
    ['{"a":[1]}', '[{"op":"replace","path":"/a/-","value":1}]'],
    ['{"a":[1]}', '[{"op":"remove","path":"/a/01"}]'],
    ['{"a":[1]}', '[{"op":"remove","path":"/a/-1"}]'],
    ["{}", '[{"op":"remove","path":"/a"}]'],
    ["{}", '[{"op":"remove","path":""}]'],
    ["{}", '[{"op":"replace","path":"/toString","value":1}]'],
    ["{}", '[{"op":"move","path":"/a"}]'],
    ['{"a":{}}', '[{"op":"move","from":"/a","path":"/a/b"}]'],
    ["{}", '[{"op":"copy","from":"/x","path":"/a"}]'],
  ];
  for (const [document, patch] of wrong) {
    const apply = () => applyJsonPatch(JSON.parse(document), JSON.parse(patch));
    const error = assertThrows(apply, FabricError);
    assertEquals(error.kind, "invalid", patch);
    assertEquals(error.field?.startsWith("patch"), true, patch);
  }
  const failed = assertThrows(
    () => applyJsonPatch({ a: 1 }, [{ op: "test", path: "/a", value: 2 }]),
    FabricError,
    "patch[0]: /a is 1, not 2",
  );
  assertEquals(failed.kind, "conflict");
});

Deno.test("isSameJson() compares JSON, whatever the order of fields", () => {
  assertEquals(isSameJson({ a: [1, { b: null }], c: 1 }, { c: 1, a: [1, { b: null }] }), true);
  assertEquals(isSameJson({ a: 1 }, { a: "1" }), false);
  assertEquals(isSameJson([1], { 0: 1 }), false);
  assertEquals(isSameJson({ a: undefined }, { b: undefined }), false);
});
