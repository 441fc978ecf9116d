/** What the bundler's minifier must not take away from the plugin. */

import { assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url).pathname;

/** Folders whose files are in the plugin's bundle, which is minified. */
const FOLDERS = ["cni", "mod/host", "mod/kube", "mod/ovsdb", "mod"];
const FILES = ["mod/node/turn.ts", "mod/node/spool.ts", "mod/node/known_store.ts"];

function sources(): readonly string[] {
  const inFolders = FOLDERS.flatMap((folder) =>
    [...Deno.readDirSync(`${ROOT}${folder}`)]
      .filter(({ name }) => /\.ts$/.test(name) && !/_test\.ts$/.test(name))
      .map(({ name }) => `${folder}/${name}`)
  );
  return [...inFolders, ...FILES];
}

/** `using x = open(); read(x);` with no other use of `x`. */
function namedOnce(path: string): readonly string[] {
  const lines = Deno.readTextFileSync(`${ROOT}${path}`).split("\n");
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
  assertEquals(sources().flatMap(namedOnce), []);
});
