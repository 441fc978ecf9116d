import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { FabricError } from "../error.ts";
import { checkIfname, hostIfname } from "./ifname.ts";

Deno.test("hostIfname() is stable, 15 characters of lower case and digits", async () => {
  const name = await hostIfname("4f2a", "eth0");
  assertEquals(name, await hostIfname("4f2a", "eth0"));
  assertMatch(name, /^fb[a-z2-7]{13}$/);
  assertNotEquals(name, await hostIfname("4f2a", "eth1"));
  assertNotEquals(name, await hostIfname("4f2b", "eth0"));
});

Deno.test("hostIfname() never changes, since DEL must find what another version made", async () => {
  assertEquals(await hostIfname("cnitool-77383ca0a0715733ca6f", "eth0"), "fbd7cxzqajckmaq");
});

Deno.test("checkIfname() takes what CNI and the kernel take", () => {
  for (const name of ["eth0", "net1", "a", "x-y_z.1", "eth0.100@", "fifteen-letters"]) {
    checkIfname(name);
  }
});

Deno.test("checkIfname() refuses names, saying why", () => {
  const bad: Record<string, string> = {
    "": "is empty",
    "sixteen-letters-": "longer than 15 bytes",
    "äöüäöüäö": "longer than 15 bytes",
    ".": "not allowed",
    "..": "not allowed",
    "a/b": "has a / or a :",
    "a:b": "has a / or a :",
    "a b": "has a blank",
    "a\tb": "has a blank",
    "a\u0000b": "control character",
    "a#b": "has a quote, a #",
    'a"b': "has a quote, a #",
    "eth%d": "has a quote, a #",
    "-a": "begins with a -",
    all: "a word of the kernel's settings",
  };
  for (const [name, why] of Object.entries(bad)) {
    const error = assertThrows(() => checkIfname(name), FabricError, why);
    assertEquals([error.kind, error.value], ["invalid", name]);
  }
});
