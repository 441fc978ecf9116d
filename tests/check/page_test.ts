import { assert, assertEquals } from "@std/assert";
import { AREAS, KINDS } from "../../mod/ipam/check/kinds.ts";
import { checkPage } from "../../mod/ipam/check/page.ts";

const HERE = new URL(".", import.meta.url);

Deno.test("docs/check.md says what the tables of kinds say", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/check.md", HERE));
  assertEquals(page, checkPage(), "run deno run --allow-write=docs scripts/check_page.ts");
});

Deno.test("no code is given twice, and each is in its area", () => {
  const all = AREAS.flatMap(({ kinds }) => kinds);
  assertEquals(KINDS.size, all.length);
  for (const { letter, kinds } of AREAS) {
    for (const { code } of kinds) assertEquals(code.slice(2, 3), letter);
  }
});

Deno.test("every kind of the store has a test that causes it", async () => {
  const tested = new Set<string>();
  for (const entry of Deno.readDirSync(HERE)) {
    if (!entry.name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(entry.name, HERE));
    for (const [, code = ""] of text.matchAll(/code: "(F-[A-Z]-\d\d)"/g)) tested.add(code);
  }
  const store = [...KINDS.values()].filter(({ source }) =>
    source === "networks" || source === "addresses"
  );
  assert(store.length > 50);
  assertEquals(store.filter(({ code }) => !tested.has(code)).map(({ code }) => code), []);
});

Deno.test("the words of kinds are whole sentences, and titles are none", () => {
  for (const { code, title, meaning, consequence, remedy } of KINDS.values()) {
    assert(/^[a-z].*[^.]$/.test(title), `${code}: ${title}`);
    for (const text of [meaning, consequence, remedy]) {
      assert(/\.$/.test(text) && !/ {2}/.test(text), `${code}: ${text}`);
    }
  }
});
