import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { EXIT, exitStatus } from "./exit.ts";
import { type Flag, parseFlags } from "./flags.ts";

const FLAGS: readonly Flag[] = [
  { name: "output", short: "o", value: "FORMAT", choices: ["json", "yaml"], text: "" },
  { name: "filename", short: "f", value: "FILE", repeat: true, text: "" },
  { name: "endpoint", alias: "ep", value: "URL", text: "" },
  { name: "no-headers", text: "" },
];

function parse(...tokens: readonly string[]): readonly unknown[] {
  const { args, flags } = parseFlags(tokens, FLAGS);
  return [
    args,
    flags.text("output"),
    flags.texts("filename"),
    flags.isSet("no-headers"),
    flags.text("endpoint"),
  ];
}

Deno.test("parseFlags() takes a value in every way that kubectl does", () => {
  const expected = [["a"], "json", [], false, undefined];
  assertEquals(parse("a", "-o", "json"), expected);
  assertEquals(parse("-ojson", "a"), expected);
  assertEquals(parse("-o=json", "a"), expected);
  assertEquals(parse("--output", "json", "a"), expected);
  assertEquals(parse("--output=json", "a"), expected);
});

Deno.test("parseFlags() takes -, values with a dash, repeats, aliases and -- ", () => {
  assertEquals(parse("-f", "-", "-f", "-x"), [[], undefined, ["-", "-x"], false, undefined]);
  assertEquals(parse("--no-headers", "--", "-o", "--no-headers"), [
    ["-o", "--no-headers"],
    undefined,
    [],
    true,
    undefined,
  ]);
  assertEquals(parse("--ep=http://a=b"), [[], undefined, [], false, "http://a=b"]);
  assertEquals(parse("-"), [["-"], undefined, [], false, undefined]);
});

for (
  const [tokens, message, remedy] of [
    [["--otput", "json"], 'Unknown flag "--otput"', "did you mean --output"],
    [["-x"], 'Unknown flag "-x"', "see --help"],
    [["-o"], "needs a value", "write --output FORMAT"],
    [["-o", "--no-headers"], "needs a value", "write --output FORMAT"],
    [["--output="], "needs a value", "write --output FORMAT"],
    [["-o", "xml"], 'Unknown value "xml"', "json, yaml"],
    [["-o", "json", "-o", "yaml"], "given twice", "give it once"],
    [["--no-headers=1"], "takes no value", "leave the value out"],
  ] as const
) {
  Deno.test(`parseFlags() refuses ${tokens.join(" ")}`, () => {
    const error = assertThrows(() => parseFlags(tokens, FLAGS), FabricError);
    assertStringIncludes(error.message, message);
    assertStringIncludes(error.remedy ?? "", remedy);
    assertEquals(exitStatus(error), EXIT.usage);
  });
}
