import { assert, assertEquals } from "@std/assert";
import { DRAFT_FIELDS } from "../../server/console/app/screens/network_draft.ts";
import { en } from "../../server/console/app/words/en.ts";
import { zh } from "../../server/console/app/words/zh.ts";
import { MARKS } from "../../server/console/app/ui/icon.tsx";

const APP = new URL("../../server/console/app/", import.meta.url).pathname;

/** Values of what stands in keys that are put together, `state.${mark}`. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  "state.": MARKS,
  "about.": MARKS,
  "role.": ["viewer", "operator", "admin"],
  "roleAbout.": ["viewer", "operator", "admin"],
  "severity.": ["error", "warning", "notice"],
  "outcome.": ["done", "unchanged", "refused", "failed", "unknown"],
  "kind.": ["Address", "Network", "Node", "Zone", "PhysicalNetwork"],
  "theme.": ["auto", "light", "dark"],
  "network.": ["overview", "addresses", "fixed", "allowed", "history", "yaml"],
  "field.": DRAFT_FIELDS,
};

function sources(folder: string): string {
  return [...Deno.readDirSync(folder)].map(({ name, isDirectory }) =>
    isDirectory
      ? name === "words" ? "" : sources(`${folder}${name}/`)
      : /\.tsx?$/.test(name)
      ? Deno.readTextFileSync(`${folder}${name}`)
      : ""
  ).join("\n");
}

Deno.test("every word is used, and every word that is used exists", () => {
  const text = sources(APP);
  const keys = Object.keys(en);
  const put = [...text.matchAll(/`([a-zA-Z]+\.)\$\{/g)].map(([, head = ""]) => head)
    .filter((head) => head !== "fabric.");
  const made = put.flatMap((head) => (PARTS[head] ?? []).map((part) => head + part));
  assertEquals(put.filter((head) => PARTS[head] === undefined), [], "name its values in PARTS");
  const literal = [...text.matchAll(/"([a-zA-Z]+\.[a-zA-Z]+)"/g)].map(([, key = ""]) => key);
  const used = new Set([...made, ...literal]);
  assertEquals(keys.filter((key) => !used.has(key)), [], "unused");
  assertEquals(made.filter((key) => !keys.includes(key)), [], "missing");
});

Deno.test("Chinese says all that English says, with the same parameters", () => {
  const names = (text: string): readonly string[] =>
    [...new Set([...text.matchAll(/\{(\w+)/g)].map(([, name = ""]) => name))].sort();
  const chinese: Readonly<Record<string, string>> = zh;
  for (const [key, text] of Object.entries(en)) {
    const other = chinese[key] ?? "";
    assert(other !== "", `${key} is missing`);
    // A plural's number stands for itself in Chinese.
    const plural = [...text.matchAll(/\{(\w+):/g)].map(([, name]) => name);
    const wanted = names(text).filter((name) =>
      !plural.includes(name) || names(other).includes(name)
    );
    assertEquals(names(other), wanted, key);
  }
});

Deno.test("Chinese has a space between Chinese and Latin text, and full-width marks", () => {
  const wrong = Object.entries(zh).filter(([, text]) => {
    const plain = text.replaceAll(/\{[^}]*\}/g, "");
    return /[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]/.test(plain) ||
      /[\u4e00-\u9fff][,.!?:;]/.test(plain);
  });
  assertEquals(wrong, []);
});
