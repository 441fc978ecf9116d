import { assert, assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "./error.ts";
import { readSecretFile } from "./secret_file.ts";

Deno.test("readSecretFile() reads a file of mode 0600 and refuses one that others can read", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, `pass\u00e9${"x".repeat(20_000)}`);
    await Deno.chmod(path, 0o600);
    assertEquals(readSecretFile(path, "f"), `pass\u00e9${"x".repeat(20_000)}`);
    for (const mode of [0o640, 0o604, 0o620]) {
      await Deno.chmod(path, mode);
      const error = assertThrows(() => readSecretFile(path, "f"), FabricError);
      assertEquals([error.kind, error.field], ["invalid", "f"]);
      assert(error.message.includes(mode.toString(8)) && !error.message.includes("pass"));
      assertEquals(error.remedy, `run: chmod 600 ${path}`);
    }
  } finally {
    await Deno.remove(path);
  }
  assertThrows(() => readSecretFile(path, "f"), FabricError, "does not exist");
});
