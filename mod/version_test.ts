import { assertEquals, assertStringIncludes } from "@std/assert";
import type { RoleIo } from "./role.ts";
import { runVersion } from "./version.ts";

function capture(): {
  readonly io: RoleIo;
  readonly out: () => string;
  readonly err: () => string;
} {
  let out = "";
  let err = "";
  const io: RoleIo = {
    env: () => undefined,
    readStdin: () => Promise.resolve(""),
    writeStdout: (text) => void (out += text),
    writeStderr: (text) => void (err += text),
  };
  return { io, out: () => out, err: () => err };
}

Deno.test("runVersion() prints text for people", () => {
  const { io, out } = capture();
  assertEquals(runVersion("fabric-admin", { args: [], io }), 0);
  assertStringIncludes(out(), "fabric-admin 0.");
  assertStringIncludes(out(), `deno    ${Deno.version.deno}`);
});

Deno.test("runVersion() prints JSON that names the runtime's origin", () => {
  for (const args of [["-o", "json"], ["-ojson"], ["--output=json"]]) {
    const { io, out } = capture();
    assertEquals(runVersion("fabric", { args, io }), 0);
    const info: unknown = JSON.parse(out());
    assertEquals(Object.keys(Object(info)), [
      "version",
      "commit",
      "date",
      "deno",
      "denort",
      "target",
    ]);
  }
});

Deno.test("runVersion() refuses what it does not know with exit status 2", () => {
  const { io, out, err } = capture();
  assertEquals(runVersion("fabric", { args: ["-o", "xml"], io }), 2);
  assertEquals(out(), "");
  assertStringIncludes(err(), '"-o xml"');
});
