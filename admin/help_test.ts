import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { GROUPS } from "./command.ts";
import { COMMANDS, findCommand, helpText } from "./commands.ts";
import { parseFlags } from "./flags.ts";
import { GLOBAL_FLAGS } from "./context.ts";
import { splitWords } from "../tests/admin/script.ts";

const PAGES = [
  [],
  ["kinds"],
  ["flags"],
  ["exit"],
  ...Object.keys(GROUPS).map((group) => [group]),
  ...COMMANDS.map(({ name }) => name.split(" ")),
];

for (const words of PAGES) {
  Deno.test(`help ${words.join(" ")} fits a screen`, () => {
    const lines = helpText(words).trimEnd().split("\n");
    assert(lines.length <= 24, `${lines.length} lines`);
    // A command is not broken: it is there to be copied.
    for (const line of lines) assert(line.length <= 80 || line.startsWith("  fabric-admin "), line);
  });
}

for (const command of COMMANDS) {
  Deno.test(`the examples of ${command.name} are valid`, () => {
    assert(command.examples.length > 0);
    for (const [line, what] of command.examples) {
      // What the shell and other programs do with it is theirs.
      const [typed = ""] = (line.split(" | fabric-admin ").at(-1) ?? "").split(/ \| | >(?=\S)/);
      const words = splitWords(typed);
      assertEquals(findCommand(words)?.name, command.name, line);
      const rest = words.slice(command.name.split(" ").length);
      const { args } = parseFlags(rest, [...command.flags, ...GLOBAL_FLAGS]);
      assert(args.length >= command.count.min && args.length <= command.count.max, line);
      assert(what.length > 0);
    }
  });

  Deno.test(`the flags of ${command.name} do not clash`, () => {
    const flags = [...command.flags, ...GLOBAL_FLAGS];
    const names = flags.flatMap(({ name, alias }) => [name, ...alias === undefined ? [] : [alias]]);
    assertEquals(new Set(names).size, names.length);
    const letters = flags.flatMap(({ short }) => short ?? []);
    assertEquals(new Set(letters).size, letters.length);
    for (const { name } of command.flags) {
      assertStringIncludes(helpText(command.name.split(" ")), name);
    }
  });
}
