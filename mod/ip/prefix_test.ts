import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../error.ts";
import { bits, type Family, formatAddress, maxValue } from "./address.ts";
import {
  firstOf,
  formatInterfaceAddress,
  formatPrefix,
  hostRange,
  lastOf,
  parseInterfaceAddress,
  parsePrefix,
  type Prefix,
  prefixContains,
  prefixesOverlap,
} from "./prefix.ts";
import { rangesOverlap } from "./range.ts";

const family = fc.constantFrom<Family>(4, 6);
/** An address of a family and a length. The top bit of IPv6 keeps clear of IPv4-mapped ones. */
const point = family.chain((f) =>
  fc.record({
    family: fc.constant(f),
    value: fc.bigInt({ min: f === 4 ? 0n : 1n << 127n, max: maxValue(f) }),
    length: fc.integer({ min: 0, max: bits(f) }),
  })
);
/** All prefixes of a small corner of each family, so that many of them meet. */
const near = family.chain((f) =>
  fc.record({ offset: fc.integer({ min: 0, max: 63 }), size: fc.integer({ min: 0, max: 6 }) }).map(
    ({ offset, size }): Prefix => ({
      family: f,
      base: (f === 4 ? 0x0a00_0000n : 0x2001_0db8n << 96n) +
        ((BigInt(offset) >> BigInt(size)) << BigInt(size)),
      length: bits(f) - size,
    }),
  )
);

function everyOffset(f: Family): readonly { family: Family; value: bigint }[] {
  const base = f === 4 ? 0x0a00_0000n : 0x2001_0db8n << 96n;
  return Array.from({ length: 64 }, (_, i) => ({ family: f, value: base + BigInt(i) }));
}

Deno.test("parsePrefix() is the inverse of formatPrefix()", () => {
  fc.assert(fc.property(near, (p) => assertEquals(parsePrefix(formatPrefix(p)), p)));
});

Deno.test("parsePrefix() takes a CIDR, or says which one was meant", () => {
  fc.assert(fc.property(point, ({ family, value, length }) => {
    const text = `${formatAddress({ family, value })}/${length}`;
    try {
      const prefix = parsePrefix(text);
      assertEquals(prefix, { family, base: value, length });
    } catch (error) {
      assert(error instanceof FabricError);
      const meant = error.remedy?.replace(/^did you mean /, "") ?? "";
      const prefix = parsePrefix(meant);
      assertEquals(prefix.length, length);
      assert(prefixContains(prefix, { family, value }));
    }
  }));
});

Deno.test("parsePrefix() refuses set host bits with what was meant", () => {
  const error = assertThrows(() => parsePrefix("10.0.0.5/24"), FabricError);
  assertEquals([error.kind, error.value, error.remedy], [
    "invalid",
    "10.0.0.5/24",
    "did you mean 10.0.0.0/24",
  ]);
});

Deno.test("parsePrefix() refuses masks, missing and impossible lengths", () => {
  const texts = ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/024"];
  for (const text of [...texts, "10.0.0.0/255.255.255.0", "10.0.0.0/-1", "/24", "10.0.0.0/8/8"]) {
    assertEquals(assertThrows(() => parsePrefix(text), FabricError).kind, "invalid");
  }
});

Deno.test("parseInterfaceAddress() keeps the host bits", () => {
  fc.assert(fc.property(point, ({ family, value, length }) => {
    const given = { address: { family, value }, length };
    assertEquals(parseInterfaceAddress(formatInterfaceAddress(given)), given);
  }));
});

Deno.test("prefixContains() holds from firstOf() to lastOf() and nowhere else", () => {
  fc.assert(fc.property(near, (p) => {
    for (const address of everyOffset(p.family)) {
      const inside = firstOf(p).value <= address.value && address.value <= lastOf(p).value;
      assertEquals(prefixContains(p, address), inside);
    }
    const other = { family: p.family === 4 ? 6 as const : 4 as const, value: p.base };
    assertEquals(prefixContains(p, other), false);
  }));
});

Deno.test("prefixesOverlap() holds where they share an address", () => {
  fc.assert(fc.property(near, near, (a, b) => {
    const [x, y] = [a, b].map((p) => ({
      family: p.family,
      first: p.base,
      last: lastOf(p).value,
    }));
    assert(x !== undefined && y !== undefined);
    assertEquals(prefixesOverlap(a, b), rangesOverlap(x, y));
    assertEquals(prefixesOverlap(a, b), prefixesOverlap(b, a));
  }));
});

Deno.test("hostRange() leaves out what no host can have", () => {
  for (
    const [cidr, first, last] of [
      ["10.0.0.0/24", "10.0.0.1", "10.0.0.254"],
      ["10.0.0.0/30", "10.0.0.1", "10.0.0.2"],
      ["10.0.0.0/31", "10.0.0.0", "10.0.0.1"],
      ["10.0.0.7/32", "10.0.0.7", "10.0.0.7"],
      ["2001:db8::/64", "2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"],
      ["2001:db8::/126", "2001:db8::1", "2001:db8::3"],
      ["2001:db8::/127", "2001:db8::", "2001:db8::1"],
      ["2001:db8::7/128", "2001:db8::7", "2001:db8::7"],
    ] as const
  ) {
    const prefix = parsePrefix(cidr);
    const range = hostRange(prefix);
    const text = (value: bigint) => formatAddress({ family: prefix.family, value });
    assertEquals([text(range.first), text(range.last)], [first, last], cidr);
  }
});
