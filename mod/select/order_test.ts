import { assertEquals } from "@std/assert";
import { parseFieldPath } from "./json_path.ts";
import { compareValues, sortByPath } from "./order.ts";

Deno.test("compareValues() orders numbers, addresses and names as people do", () => {
  const sorted = (values: readonly unknown[]): readonly unknown[] =>
    [...values].sort(compareValues);
  assertEquals(sorted([10, 9, 100]), [9, 10, 100]);
  assertEquals(sorted(["node10", "node2", "node1"]), ["node1", "node2", "node10"]);
  assertEquals(
    sorted(["10.0.0.10", "2001:db8::", "10.0.0.9", "9.0.0.0"]),
    ["9.0.0.0", "10.0.0.9", "10.0.0.10", "2001:db8::"],
  );
  assertEquals(sorted(["10.0.10.0/24", "10.0.9.0/24", "10.0.9.0/16"]), [
    "10.0.9.0/16",
    "10.0.9.0/24",
    "10.0.10.0/24",
  ]);
  assertEquals(sorted(["2026-03-01T00:00:00Z", "2025-12-31T23:59:59Z"])[0], "2025-12-31T23:59:59Z");
});

Deno.test("sortByPath() puts what has no value first and keeps the order of equals", () => {
  const items = [{ n: "a", v: 2 }, { n: "b", v: 1 }, { n: "c" }, { n: "d", v: 1 }];
  const sorted = sortByPath(items, parseFieldPath(".v"), (item) => item);
  assertEquals(sorted.map(({ n }) => n).join(""), "cbda");
});
