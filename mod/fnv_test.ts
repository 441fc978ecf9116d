import { assertEquals } from "@std/assert";
import { fnv1a } from "./fnv.ts";

Deno.test("fnv1a() is the hash of its authors", () => {
  assertEquals(fnv1a(""), 0x811c9dc5);
  assertEquals(fnv1a("a"), 0xe40c292c);
  assertEquals(fnv1a("foobar"), 0xbf9cf968);
});
