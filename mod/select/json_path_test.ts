import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { findValues, parseFieldPath } from "./json_path.ts";

const DOCUMENT: unknown = JSON.parse(`{
  "kind": "List",
  "items": [
    {"kind": "None", "metadata": {"name": "127.0.0.1",
      "labels": {"kubernetes.io/hostname": "one", "a.b": {"c": 1}}},
     "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "Legacy", "address": "127.0.0.1"}]}},
    {"kind": "None", "metadata": {"name": "127.0.0.2"},
     "status": {"capacity": {"cpu": "8"}, "addresses": [
       {"type": "Legacy", "address": "127.0.0.2"}, {"type": "other", "address": "127.0.0.3"}]}}
  ],
  "users": [
    {"name": "myself", "user": {}, "age": 9},
    {"name": "e2e", "user": {"username": "admin", "password": "secret"}, "age": 10, "on": true}
  ],
  "__proto__": {"x": 1}
}`);

const CASES: readonly (readonly [path: string, values: readonly unknown[]])[] = [
  [".kind", ["List"]],
  ["kind", ["List"]],
  ["{.kind}", ["List"]],
  ["$.kind", ["List"]],
  ["@.kind", ["List"]],
  ["['kind']", ["List"]],
  ['["kind"]', ["List"]],
  [".items[*].metadata.name", ["127.0.0.1", "127.0.0.2"]],
  [".items[*]['metadata.name', 'status.capacity']", [
    "127.0.0.1",
    { cpu: "4" },
    "127.0.0.2",
    { cpu: "8" },
  ]],
  ["..name", ["127.0.0.1", "127.0.0.2", "myself", "e2e"]],
  [".users[0].name", ["myself"]],
  [".users[-1].name", ["e2e"]],
  [".users[-3].name", []],
  [".users[7].name", []],
  [".users[0:1].name", ["myself"]],
  [".users[:].name", ["myself", "e2e"]],
  [".users[::2].name", ["myself"]],
  [".users[-1:].name", ["e2e"]],
  [".users[0,1].name", ["myself", "e2e"]],
  ['.users[?(@.name=="e2e")].user.password', ["secret"]],
  [".users[?(@.name != 'e2e')].name", ["myself"]],
  [".users[?(@.age>9)].name", ["e2e"]],
  [".users[?(@.age <= 9)].name", ["myself"]],
  [".users[?(@.on==true)].name", ["e2e"]],
  [".users[?(@.user.password)].name", ["e2e"]],
  [".users[?(@.nothing)].name", []],
  ["..[?(@.type=='other')].address", ["127.0.0.3"]],
  [".items[0].metadata.labels.kubernetes\\.io/hostname", ["one"]],
  [".items[0].metadata.labels['kubernetes\\.io/hostname']", ["one"]],
  [".items[0].metadata.labels['kubernetes.io/hostname']", ["one"]],
  [".items[0].metadata.labels['a.b.c']", []],
  [".items[0].status.*.cpu", ["4"]],
  [".items[*].status.addresses[*].type", ["Legacy", "Legacy", "other"]],
  [".kind.nothing[0].further", []],
  [".toString", []],
  [".users[0].constructor", []],
];

for (const [path, values] of CASES) {
  Deno.test(`the path ${path} finds what kubectl would`, () => {
    assertEquals(findValues(parseFieldPath(path), DOCUMENT), values);
  });
}

Deno.test("a path that cannot be parsed is refused with the place", () => {
  const wrong = [
    "",
    ".items[",
    ".items[x]",
    ".a b",
    ".items[0",
    "a..",
    "[?(@.a==)]",
    "[?(@.a",
    ".a'",
  ];
  for (const path of wrong) {
    const error = assertThrows(() => parseFieldPath(path, { field: "sort-by" }), FabricError);
    assertEquals([error.kind, error.field], ["invalid", "sort-by"], path);
  }
  assertThrows(
    () => parseFieldPath(".items[0:2:0]"),
    FabricError,
    'Cannot parse path ".items[0:2:0]": found "]" instead of a step of 1 or more',
  );
  assertThrows(() => parseFieldPath("a".repeat(20_000)), FabricError, "more than 16384 characters");
});

Deno.test("a path that grows without bound is refused", () => {
  const wide = Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => [1, 2]));
  const path = parseFieldPath(".." + "[*]" + "..[*]..[*]..[*]");
  assertThrows(() => findValues(path, [wide, wide, wide, wide]), FabricError, "finds more than");
});
