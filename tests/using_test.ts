/** What the bundler's minifier must not take away from the plugin. */

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url).pathname;

/** What is bundled and minified: see `isMinified()` in scripts/compile.ts. */
const ENTRIES = ["main.ts", "cni/main.ts", "cni/command.ts"];

/** The files of ours that are in these bundles, also those that are loaded later. */
function sources(): readonly string[] {
  const found = new Set(ENTRIES);
  // What is added meanwhile is visited, too.
  for (const path of found) {
    for (const [, specifier = ""] of textOf(path).matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
      found.add(new URL(specifier, `file:///${path}`).pathname.slice(1));
    }
  }
  return [...found];
}

function textOf(path: string): string {
  return Deno.readTextFileSync(`${ROOT}${path}`);
}

/** `using x = open(); read(x);` with no other use of `x`. */
function namedOnce(path: string): readonly string[] {
  const lines = textOf(path).split("\n");
  const indent = (line: string): number => line.length - line.trimStart().length;
  return lines.flatMap((line, at) => {
    const [, name] = /^\s*using (\w+) =/.exec(line) ?? [];
    if (name === undefined) return [];
    const rest = lines.slice(at + 1);
    const end = rest.findIndex((next) => next.trim() !== "" && indent(next) < indent(line));
    const block = rest.slice(0, end < 0 ? rest.length : end).join("\n");
    const uses = block.match(new RegExp(`\\b${name}\\b`, "g"))?.length ?? 0;
    return uses === 1 ? [`${path}:${at + 1}: ${line.trim()}`] : [];
  });
}

Deno.test("no `using` of the plugin is named just once: the minifier would put its value in that place, and never dispose of it", () => {
  const files = sources();
  assert(files.includes("mod/node/services/setup.ts"), "what is loaded later belongs to it");
  assertEquals(files.flatMap(namedOnce), []);
});
