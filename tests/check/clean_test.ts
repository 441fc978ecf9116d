import { assertEquals } from "@std/assert";
import { assertWorks, codesOf, populate, startBeds } from "./bed.ts";

Deno.test("a store in use is clean, and so is an empty one", async () => {
  await using beds = await startBeds();
  await using bed = await beds.bed();
  assertEquals((await bed.check()).findings, []);
  await populate(bed);
  const report = await bed.check();
  assertEquals(report.findings.map(({ kind, detail }) => `${kind.code} ${detail}`), []);
  assertEquals(report.truncated, false);
  await assertWorks(bed);
  assertEquals(codesOf(await bed.check()), []);
});
