import { assert, assertEquals, assertThrows } from "@std/assert";
import { unicodeWidth } from "@std/cli/unicode-width";
import { parse } from "yaml";
import { FabricError } from "../../mod/error.ts";
import type { Listing, Printable } from "../printable.ts";
import { printerOf } from "./mod.ts";

function item(name: string, note: string): Printable {
  return {
    name,
    object: {
      apiVersion: "beyondfabric.io/v1alpha1",
      kind: "Zone",
      metadata: { name },
      spec: { physicalNetworks: [], description: note },
    },
    cells: ({ now }) => [name, note, String(now)],
  };
}

async function print(
  format: string,
  items: readonly Printable[],
  options: Partial<Listing> = {},
): Promise<string> {
  let text = "";
  const printer = printerOf(format);
  const listing: Listing = {
    qualifiedKind: "zone.beyondfabric.io",
    columns: [
      { header: "NAME", wide: false },
      { header: "NOTE", wide: true },
      { header: "AGE", wide: false },
    ],
    headers: true,
    single: false,
    view: { now: 7 },
    write: (part) => void (text += part),
    ...options,
  };
  const stream = async function* () {
    for (const one of items) yield await Promise.resolve(one);
  };
  assertEquals(await printer(stream(), listing), items.length);
  return text;
}

const ITEMS = [item("a", "Größe"), item("生产网络", "東京 🚀"), item("long-name", "")];

Deno.test("the table shows its own columns, aligned by what a terminal shows", async () => {
  assertEquals(
    await print("", ITEMS),
    "NAME        AGE\na           7\n生产网络    7\nlong-name   7\n",
  );
  const wide = (await print("wide", ITEMS)).trimEnd().split("\n");
  assertEquals(wide[3], "long-name   <none>    7");
  const columns = wide.map((line) => unicodeWidth(line.slice(0, line.lastIndexOf(" ") + 1)));
  assertEquals(new Set(columns).size, 1);
  assertEquals(await print("", ITEMS.slice(0, 1), { headers: false }), "a   7\n");
  assertEquals(await print("", []), "");
});

Deno.test("a cell cannot act on the terminal or break its line", async () => {
  const text = await print("wide", [item("a", "x\x1b[31m\ny\u009b")]);
  // deno-lint-ignore no-control-regex -- exactly these must be gone
  assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(text));
  assertEquals(text.trimEnd().split("\n").length, 2);
});

Deno.test("name prints what get takes", async () => {
  assertEquals(
    await print("name", ITEMS.slice(0, 2)),
    "zone.beyondfabric.io/a\nzone.beyondfabric.io/生产网络\n",
  );
});

for (const format of ["json", "yaml"]) {
  Deno.test(`${format} is the object, or a List of any length`, async () => {
    const read = (text: string): unknown => format === "json" ? JSON.parse(text) : parse(text);
    for (const count of [0, 1, 3]) {
      const items = ITEMS.slice(0, count);
      assertEquals(read(await print(format, items)), {
        apiVersion: "beyondfabric.io/v1alpha1",
        kind: "List",
        items: items.map(({ object }) => object),
      });
    }
    assertEquals(read(await print(format, ITEMS.slice(0, 1), { single: true })), ITEMS[0]?.object);
    const lines = item("multi", 'a\nb\n  - "c": #d');
    assertEquals(read(await print(format, [lines, lines])), {
      apiVersion: "beyondfabric.io/v1alpha1",
      kind: "List",
      items: [lines.object, lines.object],
    });
  });
}

Deno.test("jsonpath is over the object asked for, or over the List", async () => {
  assertEquals(await print("jsonpath={.metadata.name}", ITEMS.slice(0, 1), { single: true }), "a");
  assertEquals(await print("jsonpath={.items[*].metadata.name}", ITEMS), "a 生产网络 long-name");
  assertEquals(
    await print('jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}', ITEMS.slice(0, 2)),
    "a\n生产网络\n",
  );
  assertEquals(
    await print("jsonpath={.kind} {.items[-1:].metadata.name}", ITEMS),
    "List long-name",
  );
  assertEquals(await print("jsonpath=<{.items[*].metadata.name}>", []), "<>");
});

Deno.test("custom-columns is a table of the fields named", async () => {
  assertEquals(
    await print("custom-columns=NAME:.metadata.name,NOTE:.spec.description", ITEMS),
    "NAME        NOTE\na           Größe\n生产网络    東京 🚀\nlong-name   <none>\n",
  );
  const name = "custom-columns=NAME:.metadata.name";
  assertEquals(await print(name, ITEMS.slice(0, 1), { headers: false }), "a\n");
});

Deno.test("an unknown format is a usage error", () => {
  for (const format of ["jsn", "json=x", "jsonpath", "jsonpath={.a", "custom-columns=A"]) {
    const error = assertThrows(() => printerOf(format), FabricError);
    assertEquals(error.details["usage"], true, format);
  }
});
