import { assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { itemTemplate, parseTemplate, renderTemplate } from "./json_path_template.ts";

const LIST = {
  kind: "List",
  items: [
    { metadata: { name: "a" }, spec: { vlan: 1, subnets: [{ cidr: "x" }, { cidr: "y" }] } },
    { metadata: { name: "b" }, spec: { subnets: [] } },
  ],
};

const CASES: readonly (readonly [template: string, text: string])[] = [
  ["{.items[*].metadata.name}", "a b"],
  [".items[*].metadata.name", "a b"],
  ["kind is {.kind}", "kind is List"],
  ['{.kind}{"\\n"}', "List\n"],
  ["{.kind} {'it''s'}", "List its"],
  [
    '{range .items[*]}{.metadata.name}{"\\t"}{.spec.vlan}{"\\n"}{end}',
    "a\t1\nb\t\n",
  ],
  ["{range .items[*]}[{.metadata.name}, {$.kind}] {end}.", "[a, List] [b, List] ."],
  ["{range .items[*]}{@.metadata.name}:{range .spec.subnets[*]}{.cidr},{end};{end}", "a:x,y,;b:;"],
  ["{range .items[?(@.spec.vlan==1)]}{.metadata.name}{end}", "a"],
  [
    "{range .items[*]}{.metadata.name}{end} and {range .items[*]}{.metadata.name}{end}",
    "ab and ab",
  ],
  ["{.items[0].spec.subnets}", '[{"cidr":"x"},{"cidr":"y"}]'],
  ["{.nothing}", ""],
  ["{@.kind}{.kind}", "ListList"],
  ["{ .kind }", "List"],
  ["", ""],
];

for (const [template, text] of CASES) {
  Deno.test(`the template ${template} gives what kubectl would`, () => {
    assertEquals(renderTemplate(parseTemplate(template), LIST), text);
  });
}

Deno.test("{.} is the current value", () => {
  assertEquals(renderTemplate(parseTemplate("{range .a[*]}<{.}>{end}"), { a: [1, "x"] }), "<1><x>");
});

Deno.test("a template that cannot be parsed is refused", () => {
  for (
    const text of ["{", "{.a", "{range .a}", "{end}", "{a}", '{"a}', "{.a]}", "{range .a}{end"]
  ) {
    const error = assertThrows(() => parseTemplate(text), FabricError);
    assertEquals([error.kind, error.field], ["invalid", "jsonpath"], text);
  }
});

Deno.test("item by item a template gives the same as over the list", () => {
  for (const [text] of CASES) {
    const template = parseTemplate(text);
    const streamed = itemTemplate(template);
    if (streamed === undefined) continue;
    const { before, separator, after } = streamed;
    const items = LIST.items.flatMap((item) => streamed.render(item));
    assertEquals(before + items.join(separator) + after, renderTemplate(template, LIST), text);
  }
  const isStreamed = (text: string): boolean => itemTemplate(parseTemplate(text)) !== undefined;
  assertEquals(isStreamed("{.items[*].metadata.name}"), true);
  assertEquals(isStreamed('x{range .items[?(@.a)]}{.metadata.name}{"\\n"}{end}y'), true);
  assertEquals(isStreamed("{.items[0].metadata.name}"), false);
  assertEquals(isStreamed("{range .items[*]}{$.kind}{end}"), false);
  assertEquals(isStreamed("{.items[*].a}{.items[*].b}"), false);
  assertEquals(isStreamed("{.kind}"), false);
});
