import { assertEquals } from "@std/assert";
import { parseJunit } from "./junit.ts";

const FILE = `
  Deno.test("a <b> & \\"c\\"", async (t) => {
    await t.step("one", () => {});
    await t.step({ name: "two", ignore: true, fn: () => {} });
  });
  Deno.test("with a bad step", async (t) => { await t.step("s", () => { throw new Error("<no>"); }); });
  Deno.test({ name: "left out", ignore: true, fn: () => {} });
  Deno.test("good", () => {});
  Deno.test("bad", () => { throw new Error("</testcase>"); });
`;

Deno.test("parseJunit() reads what deno test writes, steps as part of their tests", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/some_test.ts`, FILE);
    await new Deno.Command(Deno.execPath(), {
      args: ["test", "--no-config", "--no-lock", "--junit-path=report.xml", "some_test.ts"],
      cwd: folder,
      stdout: "null",
      stderr: "null",
    }).output();
    const results = parseJunit(await Deno.readTextFile(`${folder}/report.xml`));
    assertEquals(results.map(({ name, outcome }) => [name, outcome]), [
      ['a <b> & "c"', "skipped"],
      ["with a bad step", "failed"],
      ["left out", "skipped"],
      ["good", "passed"],
      ["bad", "failed"],
    ]);
    assertEquals(results[0]?.file, "some_test.ts");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("parseJunit() finds no test in an empty or damaged report", () => {
  assertEquals(parseJunit(""), []);
  assertEquals(parseJunit('<testsuite name="x"><testcase name="y"'), []);
});
