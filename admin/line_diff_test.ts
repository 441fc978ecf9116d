import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { unifiedDiff } from "./line_diff.ts";

const NAMES = ["a", "b"] as const;

Deno.test("unifiedDiff() says nothing of equal texts", () => {
  assertEquals(unifiedDiff(["x\ny\n", "x\ny\n"], NAMES), "");
  assertEquals(unifiedDiff(["", ""], NAMES), "");
});

Deno.test("unifiedDiff() shows changes with three lines around them", () => {
  const before = Array.from({ length: 20 }, (_, i) => `${i}\n`).join("");
  const after = before.replace("5\n", "five\n").replace("15\n", "15\nmore\n");
  assertEquals(
    unifiedDiff([before, after], NAMES),
    "--- a\n+++ b\n" +
      "@@ -3,7 +3,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n" +
      "@@ -14,6 +14,7 @@\n 13\n 14\n 15\n+more\n 16\n 17\n 18\n",
  );
});

Deno.test("unifiedDiff() shows a new text and one that went", () => {
  assertEquals(unifiedDiff(["", "x\ny\n"], NAMES), "--- a\n+++ b\n@@ -0,0 +1,2 @@\n+x\n+y\n");
  assertEquals(unifiedDiff(["x\n", ""], NAMES), "--- a\n+++ b\n@@ -1,1 +0,0 @@\n-x\n");
});

Deno.test("unifiedDiff() holds both texts", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 8 });
  fc.assert(fc.property(text, text, (left, right) => {
    const join = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
    const diff = unifiedDiff([join(left), join(right)], NAMES);
    if (join(left) === join(right)) return assertEquals(diff, "");
    const lines = diff.split("\n").slice(2).filter((line) => /^[-+ ]/.test(line));
    const count = (marks: string): number => lines.filter((l) => marks.includes(l[0] ?? "")).length;
    // What is not shown stands in both.
    assertEquals(count("-") - count("+"), left.length - right.length);
    assert(count(" -") <= left.length && count(" +") <= right.length);
  }));
});
