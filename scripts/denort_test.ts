import { assertThrows } from "@std/assert";
import { recoverDenort, stripSymbols } from "./denort.ts";

// What they give for real programs is tested on the executable: tests/e2e/compile_test.ts.

Deno.test("recoverDenort() refuses what is not a program of deno compile", async () => {
  assertThrows(() => recoverDenort(new Uint8Array(0)), Error, "not a 64-bit ELF file");
  assertThrows(() => recoverDenort(new TextEncoder().encode("#!/bin/sh\n")), Error, "ELF");
  const deno = await Deno.readFile("/bin/true");
  assertThrows(() => recoverDenort(deno), Error, "not a program that deno compile 2.9 made");
});

Deno.test("stripSymbols() refuses an image whose symbols do not stand at its end", async () => {
  const stripped = await Deno.readFile("/bin/true");
  assertThrows(() => stripSymbols(stripped), Error, "the symbol table does not stand at the end");
});
