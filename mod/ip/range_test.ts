import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../error.ts";
import type { Family } from "./address.ts";
import {
  formatRange,
  intersectRanges,
  mergeRanges,
  parseRange,
  type Range,
  rangeContains,
  rangeOf,
  rangeSize,
  rangesOverlap,
  subtractRanges,
  totalSize,
} from "./range.ts";

const SPAN = 48;
const bases: Readonly<Record<Family, bigint>> = { 4: 0x0a00_0000n, 6: 0x2001_0db8n << 96n };

/** Ranges of a small corner of each family, so that they touch, nest and meet. */
const range = fc.record({
  family: fc.constantFrom<Family>(4, 6),
  ends: fc.tuple(fc.integer({ min: 0, max: SPAN }), fc.integer({ min: 0, max: SPAN })),
}).map(({ family, ends }): Range => ({
  family,
  first: bases[family] + BigInt(Math.min(...ends)),
  last: bases[family] + BigInt(Math.max(...ends)),
}));
const ranges = fc.array(range, { maxLength: 8 });

/** The model: a set of all addresses by name. */
function members(of: readonly Range[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { family, first, last } of of) {
    for (let value = first; value <= last; value++) names.add(`${family} ${value}`);
  }
  return names;
}

function assertNormal(of: readonly Range[]): void {
  for (const [i, r] of of.entries()) {
    assert(r.first <= r.last);
    const previous = of[i - 1];
    if (previous === undefined) continue;
    assert(
      previous.family < r.family ||
        (previous.family === r.family && previous.last + 1n < r.first),
      "sorted, disjoint, adjacent ones joined",
    );
  }
}

Deno.test("parseRange() is the inverse of formatRange()", () => {
  fc.assert(fc.property(range, (r) => assertEquals(parseRange(formatRange(r)), r)));
});

Deno.test("parseRange() reads an address, a range and a CIDR", () => {
  const base = bases[4];
  assertEquals(parseRange("10.0.0.5"), { family: 4, first: base + 5n, last: base + 5n });
  assertEquals(parseRange("10.0.0.5 - 10.0.0.9"), { family: 4, first: base + 5n, last: base + 9n });
  assertEquals(parseRange("10.0.0.8/29"), { family: 4, first: base + 8n, last: base + 15n });
});

Deno.test("parseRange() refuses reversed and mixed ranges with a remedy", () => {
  const reversed = assertThrows(() => parseRange("10.0.0.9-10.0.0.5"), FabricError);
  assertEquals(reversed.remedy, "did you mean 10.0.0.5-10.0.0.9");
  const mixed = assertThrows(() => parseRange("10.0.0.9-2001:db8::1"), FabricError);
  assertEquals([mixed.kind, mixed.value], ["invalid", "10.0.0.9-2001:db8::1"]);
  for (const text of ["", "-", "10.0.0.1-", "10.0.0.1-5", "10.0.0.0/24-10.0.1.0/24"]) {
    assertEquals(assertThrows(() => parseRange(text), FabricError).kind, "invalid");
  }
});

Deno.test("mergeRanges() keeps the addresses and normalises", () => {
  fc.assert(fc.property(ranges, (a) => {
    const merged = mergeRanges(a);
    assertNormal(merged);
    assertEquals(members(merged), members(a));
    assertEquals(totalSize(merged), BigInt(members(a).size));
  }));
});

Deno.test("subtractRanges() is the difference of the sets", () => {
  fc.assert(fc.property(ranges, ranges, (a, b) => {
    const rest = subtractRanges(a, b);
    assertNormal(rest);
    assertEquals(members(rest), members(a).difference(members(b)));
  }));
});

Deno.test("intersectRanges() is the intersection of the sets", () => {
  fc.assert(fc.property(ranges, ranges, (a, b) => {
    const both = intersectRanges(a, b);
    assertNormal(both);
    assertEquals(members(both), members(a).intersection(members(b)));
  }));
});

Deno.test("rangesOverlap(), rangeContains() and rangeSize() agree with the sets", () => {
  fc.assert(fc.property(range, range, (a, b) => {
    assertEquals(rangesOverlap(a, b), !members([a]).isDisjointFrom(members([b])));
    assertEquals(rangeSize(a), BigInt(members([a]).size));
    const first = { family: b.family, value: b.first };
    assertEquals(rangeContains(a, first), members([a]).isSupersetOf(members([rangeOf(first)])));
  }));
});
