import { assertEquals } from "@std/assert";
import { FAULT_POINTS } from "./fault_points.ts";

/** Where the plugin's own code is. */
const FOLDERS = ["./", "../mod/node/"];

/** Of install and uninstall, which are no calls of a runtime. */
const OTHERS = /^(un)?install:/;

Deno.test("FAULT_POINTS names every fault point of the plugin, and no other", () => {
  const found = new Set<string>();
  for (const folder of FOLDERS.map((path) => new URL(path, import.meta.url))) {
    for (const { name } of Deno.readDirSync(folder)) {
      if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
      const source = Deno.readTextFileSync(new URL(name, folder));
      for (const [, point] of source.matchAll(/faultPoint\("([^"]+)"\)/g)) {
        if (point !== undefined && !OTHERS.test(point)) found.add(point);
      }
    }
  }
  assertEquals([...found].sort(), [...FAULT_POINTS].sort());
});
