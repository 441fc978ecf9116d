import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../error.ts";
import { parseAddress } from "./address.ts";
import { macOfAddress, parseMac } from "./mac.ts";

Deno.test("parseMac() answers lower case with colons", () => {
  assertEquals(parseMac("0A-58-0A-00-00-05"), "0a:58:0a:00:00:05");
  assertEquals(parseMac("0a:58:0a:00:00:05"), "0a:58:0a:00:00:05");
});

Deno.test("parseMac() refuses multicast, all zero and other shapes", () => {
  for (
    const [text, fault] of [
      ["01:00:5e:00:00:01", "multicast"],
      ["ff:ff:ff:ff:ff:ff", "multicast"],
      ["00:00:00:00:00:00", "all zero"],
      ["0a:58:0a:00:00", "six octets"],
      ["0a580a000005", "six octets"],
      ["", "six octets"],
    ] as const
  ) {
    const error = assertThrows(() => parseMac(text), FabricError, fault);
    assertEquals([error.kind, error.value], ["invalid", text]);
  }
});

Deno.test("macOfAddress() of IPv4 carries the four octets", () => {
  assertEquals(macOfAddress(parseAddress("10.20.0.255")), "0a:58:0a:14:00:ff");
});

Deno.test("macOfAddress() is unicast, locally administered, and the same every time", () => {
  const address = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ({ family: 4 as const, value })),
    fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ({ family: 6 as const, value })),
  );
  fc.assert(fc.property(address, fc.nat(5), (a, attempt) => {
    const mac = macOfAddress(a, attempt);
    assertMatch(mac, /^0a:5[8a](:[0-9a-f]{2}){4}$/);
    assertEquals(parseMac(mac), mac);
    assertEquals(macOfAddress(a, attempt), mac);
  }));
});

Deno.test("macOfAddress() gives another MAC for the next attempt", () => {
  for (const text of ["10.0.0.5", "2001:db8::5"]) {
    const address = parseAddress(text);
    const macs = new Set([0, 1, 2, 3].map((attempt) => macOfAddress(address, attempt)));
    assertEquals(macs.size, 4);
  }
});
