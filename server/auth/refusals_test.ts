import { assertEquals } from "@std/assert";
import { Refusals } from "./refusals.ts";

Deno.test("refusals without end are counted, and the next that is told says how many", () => {
  let now = 0;
  const refusals = new Refusals(() => now, { strangers: 1, known: 3 });
  const tell = (caller: string, known = true) => refusals.tell(caller, { known });
  assertEquals([tell("a"), tell("a"), tell("a"), tell("a"), tell("a")], [
    0,
    0,
    0,
    undefined,
    undefined,
  ]);
  assertEquals([tell("b"), tell("10.0.0.1", false), tell("10.0.0.1", false)], [0, 0, undefined]);
  now += 60_000;
  assertEquals([tell("a"), tell("a"), tell("10.0.0.1", false)], [2, 0, 1]);
});

Deno.test("callers without end take no memory without end", () => {
  const refusals = new Refusals(() => 0);
  let told = 0;
  for (let i = 0; i < 20_000; i++) {
    if (refusals.tell(`caller ${i}`, { known: false }) !== undefined) told++;
  }
  assertEquals(told, 5001);
});
