import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../error.ts";
import {
  type Address,
  addressFromHex,
  addressToHex,
  compareAddresses,
  formatAddress,
  isUnusable,
  maxValue,
  parseAddress,
  sameAddress,
  tryParseAddress,
} from "./address.ts";

const v4 = fc.bigInt({ min: 0n, max: maxValue(4) })
  .map((value): Address => ({ family: 4, value }));
// Groups of zero are what RFC 5952 is about, so they are made often.
const v6 = fc.array(
  fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })),
  { minLength: 8, maxLength: 8 },
)
  .map((groups): Address => ({
    family: 6,
    value: groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n),
  }))
  .filter(({ value }) => value >> 32n !== 0xffffn);
const address = fc.oneof(v4, v6);

function groupsOf({ value }: Address): readonly string[] {
  return value.toString(16).padStart(32, "0").match(/..../g) ?? [];
}

function failure(text: string): FabricError {
  const error = assertThrows(() => parseAddress(text), FabricError);
  assertEquals(error.kind, "invalid");
  assert(error.remedy !== undefined, `${text}: no remedy`);
  return error;
}

Deno.test("parseAddress() is the inverse of formatAddress()", () => {
  fc.assert(fc.property(address, (a) => assertEquals(parseAddress(formatAddress(a)), a)));
});

Deno.test("parseAddress() reads every long form of an IPv6 address", () => {
  fc.assert(fc.property(v6, (a) => {
    const long = groupsOf(a).join(":");
    const short = groupsOf(a).map((group) => group.replace(/^0+(?=.)/, "")).join(":");
    const dotted = `${groupsOf(a).slice(0, 6).join(":")}:${
      formatAddress({ family: 4, value: a.value & 0xffff_ffffn })
    }`;
    for (const text of [long, short, long.toUpperCase(), dotted]) {
      assertEquals(parseAddress(text), a);
    }
  }));
});

Deno.test("formatAddress() writes IPv6 as the URL standard does", () => {
  fc.assert(fc.property(v6, (a) => {
    assertEquals(`[${formatAddress(a)}]`, new URL(`http://[${groupsOf(a).join(":")}]/`).hostname);
  }));
});

Deno.test("formatAddress() shortens the first of equal runs and no single group", () => {
  for (const text of ["::", "::1", "1::", "1:0:2::", "2001:db8:0:1:1:1:1:1", "1::2:0:0:3:4"]) {
    assertEquals(formatAddress(parseAddress(text)), text);
  }
});

Deno.test("addressToHex() is reversible and sorts like the addresses", () => {
  fc.assert(fc.property(fc.oneof(fc.tuple(v4, v4), fc.tuple(v6, v6)), ([a, b]) => {
    assertEquals(addressFromHex(addressToHex(a)), a);
    const [x, y] = [addressToHex(a), addressToHex(b)];
    assertEquals(Math.sign(compareAddresses(a, b)), x < y ? -1 : x > y ? 1 : 0);
  }));
});

Deno.test("compareAddresses() is an order in which equals are the same address", () => {
  fc.assert(fc.property(address, address, address, (a, b, c) => {
    assertEquals(compareAddresses(a, b) === 0, sameAddress(a, b));
    assertEquals(Math.sign(compareAddresses(a, b)), -Math.sign(compareAddresses(b, a)) + 0);
    if (compareAddresses(a, b) <= 0 && compareAddresses(b, c) <= 0) {
      assert(compareAddresses(a, c) <= 0);
    }
  }));
});

Deno.test("parseAddress() never answers anything but an address or a FabricError", () => {
  const text = fc.string({ unit: fc.constantFrom(..."0123456789abcfx:./% -"), maxLength: 24 });
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (input) => {
      try {
        const parsed = parseAddress(input);
        assertEquals(parseAddress(formatAddress(parsed)), parsed);
      } catch (error) {
        assert(error instanceof FabricError && error.kind === "invalid", String(error));
        assertEquals(error.value, input);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("parseAddress() refuses leading zeros with what was meant", () => {
  assertEquals(failure("010.0.0.1").remedy, "did you mean 10.0.0.1");
  assertEquals(failure("10.0.0.001").remedy, "did you mean 10.0.0.1");
  assertEquals(failure("2001:db8::010.0.0.00").remedy, "did you mean 2001:db8::10.0.0.0");
});

Deno.test("parseAddress() refuses IPv4-mapped addresses in every form", () => {
  for (const text of ["::ffff:10.0.0.1", "::ffff:a00:1", "0:0:0:0:0:FFFF:0a00:0001"]) {
    assertEquals(failure(text).remedy, "write the IPv4 address 10.0.0.1");
  }
});

Deno.test("parseAddress() names the fault of what is no address", () => {
  for (
    const [text, fault] of [
      ["", "value is empty"],
      ["10.0.0", "3 part(s)"],
      ["10.0.0.256", "over 255"],
      ["10.0.0.x", `"x" is not a decimal number`],
      ["10.0.0.-1", `"-1" is not a decimal number`],
      [" 10.0.0.1", "not a decimal number"],
      ["1::2::3", "more than once"],
      ["1:2:3", "3 groups"],
      ["1:2:3:4:5:6:7:8:9", "9 groups"],
      ["1:2:3:4::5:6:7:8", "8 groups"],
      [":1::", `"" is not a group`],
      ["1:::2", `"" is not a group`],
      ["12345::", "1 to 4 hexadecimal digits"],
      ["fe80::1%eth0", "zone"],
      ["1.2.3.4::", `"1.2.3.4" is not a group`],
    ] as const
  ) {
    const { message } = failure(text);
    assert(message.includes(fault), `${text}: ${message}`);
    assert(message.startsWith(`Cannot parse address "${text}"`), message);
  }
});

Deno.test("tryParseAddress() answers undefined for what is no address", () => {
  assertEquals(tryParseAddress("nonsense"), undefined);
  assertEquals(tryParseAddress("::1"), { family: 6, value: 1n });
});

Deno.test("addressFromHex() refuses other widths", () => {
  for (const text of ["", "0a00000", "0A000005", "0a0000055", "x".repeat(32)]) {
    assertThrows(() => addressFromHex(text), FabricError);
  }
});

Deno.test("isUnusable() is true for addresses that no interface may have", () => {
  for (const text of ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::"]) {
    assert(isUnusable(parseAddress(text)), text);
  }
  for (const text of ["::1", "ff02::1"]) assert(isUnusable(parseAddress(text)), text);
  for (const text of ["1.0.0.0", "10.0.0.0", "126.0.0.1", "223.1.1.1", "2001:db8::", "fd00::1"]) {
    assert(!isUnusable(parseAddress(text)), text);
  }
});
