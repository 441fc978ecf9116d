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

/** Where kinds are caused: those of the store here, those of a node in the lab, those
 * of Kubernetes beside a real API server. */
const SUITES = [HERE, new URL("../node/", HERE), new URL("../kube/", HERE)];

Deno.test("every kind has a test that causes it", async () => {
  const tested = new Set<string>();
  for (const suite of SUITES) {
    for (const entry of Deno.readDirSync(suite)) {
      if (!/_test\.ts$|^damage_\w+\.ts$/.test(entry.name)) continue;
      const text = await Deno.readTextFile(new URL(entry.name, suite));
      for (const [, code = ""] of text.matchAll(/code: "(F-[A-Z]-\d\d)"/g)) tested.add(code);
    }
  }
  assert(KINDS.size > 100);
  assertEquals([...KINDS.keys()].filter((code) => !tested.has(code)), []);
});

Deno.test("the words of kinds are whole sentences, and titles are none", () => {
  for (const { code, title, meaning, consequence, remedy } of KINDS.values()) {
    assert(/^[a-z].*[^.]$/.test(title), `${code}: ${title}`);
    for (const text of [meaning, consequence, remedy]) {
      assert(/\.$/.test(text) && !/ {2}/.test(text), `${code}: ${text}`);
    }
  }
});
